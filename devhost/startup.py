"""The order of events at start (main.py of 0.8.0)."""

from __future__ import annotations

import asyncio
import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from . import packs
from .options import Options, fail


def start(options: Options) -> None:
    """Everything from the paths to the end of the server. Blocks; raises KeyboardInterrupt on a signal.

    The host's modules are imported by the names packs use, so that what a pack put around those imports
    works on them; `nodes`, `server` and `execution` come in only after the prestartup scripts.
    """
    _module("comfy.cli_args").take(options)
    folder_paths = _module("folder_paths")
    folder_paths.set_up(
        options.base, options.user_directory, names_system_users=not options.without_system_user_directory
    )
    _add_paths(folder_paths, options)
    packs.write_bad_packs(options)
    blocked = _decide_about_checkout(options)
    manager = _module("comfyui_manager") if options.enable_manager else None
    if manager is not None:
        manager.prestartup()

    def is_blocked(path: str) -> bool:
        return path in blocked or (manager is not None and manager.should_be_disabled(path))

    # As in ComfyUI, where packs look for them in sys.modules.
    for name in ("app.logger", "comfy.options", "comfy_api.feature_flags"):
        _module(name)
    packs.run_prestartup_scripts(is_blocked)

    from . import serving  # With aiohttp, which prestartup scripts do not find imported in ComfyUI either.

    for name in ("execution", "comfyui_version", "comfy_api.latest"):
        _module(name)
    server_module, nodes = _module("server"), _module("nodes")
    nodes.is_blocked = is_blocked
    _clean(folder_paths.get_temp_directory())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    server = server_module.PromptServer(loop)
    if manager is not None and not options.disable_manager_ui:
        manager.start()
    loop.run_until_complete(
        nodes.init_extra_nodes(
            init_custom_nodes=not options.disable_all_custom_nodes or bool(options.whitelist_custom_nodes),
            init_api_nodes=not options.disable_api_nodes,
        )
    )
    _prepare_answers(options)
    server.add_routes()
    if options.quick_test_for_ci:
        sys.exit(0)
    Path(folder_paths.get_temp_directory()).mkdir(parents=True, exist_ok=True)
    try:
        loop.run_until_complete(serving.run(server, options))
    finally:
        serving.end(loop)
        _clean(folder_paths.get_temp_directory())


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == "comfyui_manager":
            raise fail("--enable-manager: comfyui-manager is not installed in this environment.") from error
        raise


def _add_paths(folder_paths: Any, options: Options) -> None:
    usual = options.base / "extra_model_paths.yaml"
    for path in (*((usual,) if usual.is_file() else ()), *options.extra_model_paths_config):
        folder_paths.load_extra_path_config(path)


def _decide_about_checkout(options: Options) -> frozenset[str]:
    """Have the checkout as a pack, or give what must not load."""
    if options.without_safe_install:
        return frozenset(packs.own_packs())
    packs.link_checkout(options.base)
    return frozenset()


def _prepare_answers(options: Options) -> None:
    from .web import host_routes, middlewares

    middlewares.DROPPED.update(options.drop)
    if options.object_info is not None:
        host_routes.SAVED_NODES.update(json.loads(options.object_info.read_text(encoding="utf-8")))


def _clean(temporary: str) -> None:
    shutil.rmtree(temporary, ignore_errors=True)
