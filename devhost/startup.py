"""The order of events at start (main.py of 0.8.0)."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from . import interpreter, packs
from .options import ALL_ADDRESSES, Options, fail


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

    packs.run_prestartup_scripts(is_blocked)

    _module("execution")
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
        loop.run_until_complete(_run(server, options))
    finally:
        _end(loop)
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


# --- serving ----------------------------------------------------------------------------------------------------


async def _run(server: Any, options: Options) -> None:
    runner = web.AppRunner(server.app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        port = await _listen(runner, options)
        server.address, server.port = options.listen.split(",")[0], port
        _remember_port(options, port)
        scheme = "https" if options.tls_certfile else "http"
        shown = "127.0.0.1" if server.address in (ALL_ADDRESSES, "::") else server.address
        logging.info("To see the GUI go to: %s://%s:%s", scheme, shown, port)
        # The one line on the true stdout: `print` itself goes to the log by now.
        print(f"listening on {scheme}://{shown}:{port}", file=sys.__stdout__, flush=True)
        await server.publish_loop()
    finally:
        with contextlib.suppress(Exception):
            await server.close_sockets()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, options: Options) -> int:
    """Open every address at the same port, and return it. Raises SystemExit when it is taken."""
    port = options.port
    for address in options.listen.split(","):
        site = web.TCPSite(runner, address.strip(), port, ssl_context=_tls(options))
        try:
            await site.start()
        except OSError as error:
            raise fail(f"cannot listen on {address} port {port}: {error.strerror or error}.") from error
        if port == 0:
            port = int(runner.addresses[0][1])
    return port


def _tls(options: Options) -> Any:
    if options.tls_certfile is None or options.tls_keyfile is None:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_certfile, options.tls_keyfile)
    return context


def _remember_port(options: Options, port: int) -> None:
    """Let a restart (`os.execv` of `sys.argv`) come back at this port, without the bad packs being made again."""
    again = replace(options, port=port, fail_pack=(), crash_pack=(), python=None)
    interpreter.run_in(None, again.as_arguments())
    _module("comfy.cli_args").args.port = port


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what packs left on the loop."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(KeyboardInterrupt):
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()
