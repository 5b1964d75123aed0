"""Loading packs (nodes.py of 0.8.0, line by line where a pack can tell), and their nodes."""

from __future__ import annotations

import importlib.util
import inspect
import logging
import os
import sys
import time
import traceback
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import ModuleType
from typing import Any

from . import folder_paths
from .comfy.cli_args import args
from .comfy_api.latest import ComfyExtension
from .core_nodes import CORE_NODES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NODE_CLASS_MAPPINGS: dict[str, Any] = dict(CORE_NODES)
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}
EXTENSION_WEB_DIRS: dict[str, str] = {}
LOADED_MODULE_DIRS: dict[str, str] = {}

_Timed = tuple[float, str, bool]
_NOTHING: AbstractSet[str] = frozenset()


def get_module_name(module_path: str) -> str:
    """The name of a pack: its folder's, or its file's without the suffix."""
    name = Path(module_path).name
    return os.path.splitext(name)[0] if Path(module_path).is_file() else name


async def load_custom_node(
    module_path: str, ignore: AbstractSet[str] = _NOTHING, module_parent: str = "custom_nodes"
) -> bool:
    """Import a pack and take its nodes, less those in `ignore`. False when that failed; blocks the loop.

    Only `Exception` is caught: a pack that calls `sys.exit` ends the host, as it ends ComfyUI.
    """
    try:
        logging.debug("Trying to load custom node %s", module_path)
        module, module_dir = _import(module_path)
        module_name = _loaded_name(module_path)
        LOADED_MODULE_DIRS[module_name] = os.path.abspath(module_dir)  # links are kept
        _add_declared_web_dir(module_path)
        web = getattr(module, "WEB_DIRECTORY", None)
        if web is not None and (Path(module_dir) / web).is_dir():
            EXTENSION_WEB_DIRS[module_name] = os.path.abspath(os.path.join(module_dir, web))
        parent = f"{module_parent}.{get_module_name(module_path)}"
        if getattr(module, "NODE_CLASS_MAPPINGS", None) is not None:
            _take_nodes(module, ignore, parent)
            return True
        if hasattr(module, "comfy_entrypoint"):
            return await _take_extension(module, ignore, parent, module_path)
    except Exception as error:  # noqa: BLE001  as ComfyUI, and not BaseException either
        logging.warning(traceback.format_exc())
        logging.warning("Cannot import %s module for custom nodes: %s", module_path, error)
        return False
    logging.warning(
        "Skip %s module for custom nodes due to the lack of NODE_CLASS_MAPPINGS or NODES_LIST (need one).",
        module_path,
    )
    return False


def _loaded_name(module_path: str) -> str:
    """Single files are known by their whole path, folders by their name."""
    return os.path.splitext(module_path)[0] if Path(module_path).is_file() else Path(module_path).name


def _import(module_path: str) -> tuple[ModuleType, str]:
    if Path(module_path).is_file():
        name, file, folder = os.path.splitext(module_path)[0], module_path, str(Path(module_path).parent)
    else:
        name, file, folder = (
            module_path.replace(".", "_x_"),
            str(Path(module_path) / "__init__.py"),
            module_path,
        )
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module, folder


def _add_declared_web_dir(module_path: str) -> None:
    """`[tool.comfy] web` of pyproject.toml, served under the project's name."""
    try:
        document = tomllib.loads((Path(module_path) / "pyproject.toml").read_text(encoding="utf-8"))
        web = document.get("tool", {}).get("comfy", {}).get("web")
        if web and (Path(module_path) / web).is_dir():
            EXTENSION_WEB_DIRS[document["project"]["name"]] = str(Path(module_path) / web)
    except OSError:
        return
    except (ValueError, KeyError) as error:
        logging.warning("Unable to parse pyproject.toml of %s: %s", module_path, error)


def _take_nodes(module: Any, ignore: AbstractSet[str], parent: str) -> None:
    for name, node in module.NODE_CLASS_MAPPINGS.items():
        if name not in ignore:
            NODE_CLASS_MAPPINGS[name] = node
            node.RELATIVE_PYTHON_MODULE = parent
    if getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None) is not None:
        NODE_DISPLAY_NAME_MAPPINGS.update(module.NODE_DISPLAY_NAME_MAPPINGS)


async def _take_extension(module: Any, ignore: AbstractSet[str], parent: str, path: str) -> bool:
    extension = module.comfy_entrypoint()
    if inspect.isawaitable(extension):
        extension = await extension
    if not isinstance(extension, ComfyExtension):
        logging.warning("comfy_entrypoint in %s did not return a ComfyExtension, skipping.", path)
        return False
    for node in await extension.get_node_list():
        described: Any = node
        schema = described.GET_SCHEMA()
        if schema.node_id not in ignore:
            NODE_CLASS_MAPPINGS[schema.node_id] = described
            described.RELATIVE_PYTHON_MODULE = parent
        if schema.display_name is not None:
            NODE_DISPLAY_NAME_MAPPINGS[schema.node_id] = schema.display_name
    return True


async def init_external_custom_nodes() -> None:
    """Load every pack, in the order the folder lists them."""
    base_names = set(NODE_CLASS_MAPPINGS)
    times: list[_Timed] = []
    for folder in folder_paths.get_folder_paths("custom_nodes"):
        names = os.listdir(os.path.realpath(folder))  # unsorted, as ComfyUI
        for name in names:
            path = os.path.join(folder, name)  # the text is the module's name
            if _is_passed_over(path, name):
                continue
            before = time.perf_counter()
            loaded = await load_custom_node(path, base_names, module_parent="custom_nodes")
            times.append((time.perf_counter() - before, path, loaded))
    log_times("Import times for custom nodes:", times, "IMPORT FAILED")


def _is_passed_over(path: str, name: str) -> bool:
    if name == "__pycache__" or path.endswith(".disabled"):
        return True
    if Path(path).is_file() and os.path.splitext(path)[1] != ".py":
        return True
    if args.disable_all_custom_nodes and name not in args.whitelist_custom_nodes:
        logging.info("Skipping %s due to disable_all_custom_nodes and whitelist_custom_nodes", name)
        return True
    return is_blocked(path)


def is_blocked(path: str) -> bool:
    """Whether that pack must not load; `..startup` puts in what a running Manager and our options say."""
    return not path


def log_times(title: str, times: list[_Timed], failed: str) -> None:
    """The table ComfyUI prints after packs were run."""
    if not times:
        return
    logging.info("\n%s", title)
    for seconds, path, worked in sorted(times):
        logging.info("%6.1f seconds%s: %s", seconds, "" if worked else f" ({failed})", path)
    logging.info("")


async def init_extra_nodes(init_custom_nodes: bool = True, init_api_nodes: bool = True) -> list[str]:
    """Load all there is. The core's extras are none here."""
    del init_api_nodes
    if init_custom_nodes:
        await init_external_custom_nodes()
    else:
        logging.info("Skipping loading of custom nodes")
    return []


def interrupt_processing(value: bool = True) -> None:
    """Nothing runs that could be interrupted."""
