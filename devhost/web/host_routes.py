"""Routes of the host itself: queue, nodes, models, versions (server.py and app/model_manager.py of 0.8.0)."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from ..stand_in import folder_paths
from ..stand_in.comfy_api.feature_flags import get_server_features
from ..stand_in.comfyui_version import __version__

SAVED_NODES: dict[str, Any] = {}
"""Node definitions shown beneath the packs' own (`--object-info`)."""
_MEMORY = 8 * 1024**3


def add(routes: web.RouteTableDef, server: Any) -> None:
    """Put them into the table."""
    _add_page(routes, server)
    _add_queue(routes, server)
    _add_jobs(routes, server)
    _add_nodes(routes)
    _add_models(routes)
    _add_for_tests(routes, server)


def _add_page(routes: web.RouteTableDef, server: Any) -> None:
    @routes.get("/")
    async def get_root(request: web.Request) -> web.StreamResponse:
        headers = {"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "0"}
        return web.FileResponse(Path(server.web_root) / "index.html", headers=headers)

    @routes.get("/extensions")
    async def get_extensions(request: web.Request) -> web.Response:
        from ..stand_in import nodes

        found = _scripts_below(Path(server.web_root) / "extensions", "/extensions")
        for name, folder in nodes.EXTENSION_WEB_DIRS.items():
            found += _scripts_below(Path(folder), f"/extensions/{quote(name)}")
        return web.json_response(found)

    @routes.get("/features")
    async def get_features(request: web.Request) -> web.Response:
        return web.json_response(get_server_features())

    @routes.get("/system_stats")
    async def get_system_stats(request: web.Request) -> web.Response:
        return web.json_response(system_stats())


def _scripts_below(folder: Path, address: str) -> list[str]:
    return [f"{address}/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*.js")]


def system_stats() -> dict[str, Any]:
    """Versions and memory; the device is a made-up processor."""
    system = {
        "os": sys.platform,
        "ram_total": _MEMORY,
        "ram_free": _MEMORY // 2,
        "comfyui_version": __version__,
        "required_frontend_version": None,
        "installed_templates_version": None,
        "required_templates_version": None,
        "python_version": sys.version,
        "pytorch_version": "none (stand-in)",
        "embedded_python": Path(sys.executable).parent.name == "python_embeded",
        "argv": sys.argv,
    }
    device = {
        "name": "cpu",
        "type": "cpu",
        "index": None,
        "vram_total": _MEMORY,
        "vram_free": _MEMORY // 2,
        "torch_vram_total": _MEMORY,
        "torch_vram_free": _MEMORY // 2,
    }
    return {"system": system, "devices": [device]}


def _add_queue(routes: web.RouteTableDef, server: Any) -> None:
    queue = server.prompt_queue

    @routes.get("/prompt")
    async def get_prompt(request: web.Request) -> web.Response:
        return web.json_response(server.get_queue_info())

    @routes.post("/prompt")
    async def post_prompt(request: web.Request) -> web.Response:
        logging.info("got prompt")
        server.trigger_on_prompt(await request.json())
        error = {
            "type": "stand_in",
            "message": "This is a stand-in for ComfyUI; it runs no prompts.",
            "details": "",
            "extra_info": {},
        }
        return web.json_response({"error": error, "node_errors": {}}, status=400)

    @routes.get("/queue")
    async def get_queue(request: web.Request) -> web.Response:
        running, pending = queue.get_current_queue_volatile()
        return web.json_response(
            {"queue_running": [item[:5] for item in running], "queue_pending": [item[:5] for item in pending]}
        )

    @routes.post("/queue")
    async def post_queue(request: web.Request) -> web.Response:
        if (await request.json()).get("clear"):
            queue.wipe_queue()
        return web.Response()

    @routes.get("/history")
    @routes.get("/history/{prompt_id}")
    async def get_history(request: web.Request) -> web.Response:
        return web.json_response(queue.get_history(request.match_info.get("prompt_id")))

    @routes.post("/history")
    async def post_history(request: web.Request) -> web.Response:
        if (await request.json()).get("clear"):
            queue.wipe_history()
        return web.Response()

    @routes.post("/interrupt")
    @routes.post("/free")
    async def accept(request: web.Request) -> web.Response:
        return web.Response()


def _add_jobs(routes: web.RouteTableDef, server: Any) -> None:
    # Named with /api, as ComfyUI does: so there is an /api/api/jobs as well, and no /jobs.
    @routes.get("/api/jobs")
    async def get_jobs(request: web.Request) -> web.Response:
        query = request.rel_url.query
        try:
            limit = int(query["limit"]) if "limit" in query else None
            offset = max(int(query.get("offset", "0")), 0)
        except ValueError:
            return web.json_response({"error": "limit must be an integer"}, status=400)
        page = {"offset": offset, "limit": limit, "total": 0, "has_more": False}
        return web.json_response({"jobs": [], "pagination": page})

    @routes.get("/api/jobs/{job_id}")
    async def get_job(request: web.Request) -> web.Response:
        return web.json_response({"error": "Job not found"}, status=404)


def _add_nodes(routes: web.RouteTableDef) -> None:
    @routes.get("/object_info")
    async def get_object_info(request: web.Request) -> web.Response:
        from ..stand_in import nodes

        found = dict(SAVED_NODES)
        for name in nodes.NODE_CLASS_MAPPINGS:
            try:
                found[name] = _node_info(name)
            except Exception:  # noqa: BLE001  as ComfyUI: one node's fault is logged
                logging.error(
                    "[ERROR] An error occurred while retrieving information for the '%s' node.", name
                )
                logging.error(traceback.format_exc())
        return web.json_response(found)

    @routes.get("/object_info/{node_class}")
    async def get_object_info_node(request: web.Request) -> web.Response:
        from ..stand_in import nodes

        name = request.match_info["node_class"]
        found = {name: SAVED_NODES[name]} if name in SAVED_NODES else {}
        if name in nodes.NODE_CLASS_MAPPINGS:
            found[name] = _node_info(name)
        return web.json_response(found)


def _node_info(name: str) -> dict[str, Any]:
    from ..stand_in import nodes

    node = nodes.NODE_CLASS_MAPPINGS[name]
    if hasattr(node, "GET_NODE_INFO_V1"):
        info: dict[str, Any] = node.GET_NODE_INFO_V1()
        return info
    inputs = node.INPUT_TYPES()
    outputs = node.RETURN_TYPES
    info = {
        "input": inputs,
        "input_order": {key: list(value) for key, value in inputs.items()},
        "output": outputs,
        "output_is_list": getattr(node, "OUTPUT_IS_LIST", [False] * len(outputs)),
        "output_name": getattr(node, "RETURN_NAMES", outputs),
        "name": name,
        "display_name": nodes.NODE_DISPLAY_NAME_MAPPINGS.get(name, name),
        "description": getattr(node, "DESCRIPTION", ""),
        "python_module": getattr(node, "RELATIVE_PYTHON_MODULE", "nodes"),
        "category": getattr(node, "CATEGORY", "sd"),
        "output_node": bool(getattr(node, "OUTPUT_NODE", False)),
    }
    for key, attribute in (("deprecated", "DEPRECATED"), ("experimental", "EXPERIMENTAL")):
        if getattr(node, attribute, False):
            info[key] = True
    return info


def _add_models(routes: web.RouteTableDef) -> None:
    known = folder_paths.folder_names_and_paths

    @routes.get("/embeddings")
    async def get_embeddings(request: web.Request) -> web.Response:
        names = folder_paths.get_filename_list("embeddings")
        return web.json_response([os.path.splitext(name)[0] for name in names])

    @routes.get("/models")
    async def list_kinds(request: web.Request) -> web.Response:
        return web.json_response(list(known))

    @routes.get("/models/{folder}")
    @routes.get("/experiment/models/{folder}")
    async def list_models(request: web.Request) -> web.Response:
        if request.match_info["folder"] not in known:
            return web.Response(status=404)
        return web.json_response(folder_paths.get_filename_list(request.match_info["folder"]))

    @routes.get("/experiment/models")
    async def list_folders(request: web.Request) -> web.Response:
        shown = [
            {"name": name, "folders": paths}
            for name, (paths, _) in known.items()
            if name not in ("configs", "custom_nodes")
        ]
        return web.json_response(shown)


def _add_for_tests(routes: web.RouteTableDef, server: Any) -> None:
    """Not in ComfyUI: what was asked, and prompts that seem to run."""

    @routes.get("/__calls")
    async def get_calls(request: web.Request) -> web.Response:
        return web.json_response(list(server.calls.last))

    @routes.delete("/__calls")
    async def forget_calls(request: web.Request) -> web.Response:
        server.calls.last.clear()
        return web.Response(status=204)

    @routes.post("/__queue")
    async def pretend(request: web.Request) -> web.Response:
        try:
            wanted = await request.json()
            server.prompt_queue.pretend(
                running=int(wanted.get("running", 0)), pending=int(wanted.get("pending", 0))
            )
        except (json.JSONDecodeError, AttributeError, TypeError, ValueError):
            return web.json_response({"error": 'Send {"running": 1, "pending": 0}.'}, status=400)
        return web.json_response(server.get_queue_info())
