"""What packs bring besides code: translations, workflows, subgraphs (app/custom_node_manager.py of 0.8.0)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiohttp import web

from ..stand_in import folder_paths

_WORKFLOWS = ("example_workflows", "example", "examples", "workflow", "workflows")
_MORE_LOCALES = ("nodeDefs", "commands", "settings")


def add(routes: web.RouteTableDef, app: web.Application) -> None:
    """Put them into the table, and the packs' workflow folders into the application."""
    from ..stand_in import nodes

    @routes.get("/workflow_templates")
    async def get_workflow_templates(request: web.Request) -> web.Response:
        found: dict[str, list[str]] = {}
        for name in _WORKFLOWS:
            for path in _packs_files(f"*/{name}/*.json"):
                found.setdefault(path.parent.parent.name, []).append(path.stem)
        return web.json_response(found)

    @routes.get("/i18n")
    async def get_i18n(request: web.Request) -> web.Response:
        return web.json_response(_translations())

    @routes.get("/global_subgraphs")
    async def get_subgraphs(request: web.Request) -> web.Response:
        return web.json_response({key: _subgraph(path) for key, path in _subgraphs().items()})

    @routes.get("/global_subgraphs/{id}")
    async def get_subgraph(request: web.Request) -> web.Response:
        path = _subgraphs().get(request.match_info["id"])
        if path is None:
            return web.json_response(None)
        return web.json_response({**_subgraph(path), "data": path.read_text(encoding="utf-8")})

    # 0.8.0 serves an installed package of templates here; without one the list is empty.
    @routes.get("/templates/index.json")
    async def get_templates(request: web.Request) -> web.Response:
        return web.json_response([])

    for name, folder in nodes.LOADED_MODULE_DIRS.items():
        for each in _WORKFLOWS:
            if (Path(folder) / each).is_dir():
                app.add_routes([web.static("/api/workflow_templates/" + name, Path(folder) / each)])


def _packs_files(pattern: str) -> Iterator[Path]:
    for folder in folder_paths.get_folder_paths("custom_nodes"):
        yield from sorted(Path(folder).glob(pattern))


def _subgraphs() -> dict[str, Path]:
    return {
        hashlib.sha256(f"custom_node{path.as_posix()}".encode()).hexdigest(): path
        for path in _packs_files("*/subgraphs/*.json")
    }


def _subgraph(path: Path) -> dict[str, Any]:
    pack = path.parent.parent.name
    return {"source": "custom_node", "name": path.stem, "info": {"node_pack": f"custom_nodes.{pack}"}}


@lru_cache(maxsize=1)
def _translations() -> dict[str, Any]:
    """Merged over all packs; read once, as in ComfyUI: a new pack's come with the next start."""
    found: dict[str, Any] = {}
    for language in _packs_files("*/locales/*"):
        if not language.is_dir():
            continue
        words = _read(language / "main.json")
        for name in _MORE_LOCALES:
            if more := _read(language / f"{name}.json"):
                words[name] = more
        if words:
            found[language.name] = _merged(found.get(language.name, {}), words)
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        logging.error("Error loading %s", path)
        return {}
    return document if isinstance(document, dict) else {}


def _merged(first: Any, second: Any) -> Any:
    if isinstance(first, dict) and isinstance(second, dict):
        return {**first, **{key: _merged(first.get(key), value) for key, value in second.items()}}
    return second
