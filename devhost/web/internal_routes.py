"""`/internal`: for the front end alone, and not doubled below /api (api_server/ of 0.8.0)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web

from .. import logs
from ..stand_in import folder_paths


def make_app(server: Any) -> web.Application:
    """The application below `/internal`."""
    routes = web.RouteTableDef()
    size = {"cols": 80, "rows": 24}
    subscribed: set[str] = set()

    def tell(entries: list[logs.Entry]) -> None:
        for client in [name for name in subscribed if name in server.sockets]:
            server.send_sync("logs", {"entries": entries, "size": None}, client)

    logs.on_flush(tell)

    @routes.get("/logs")
    async def get_logs(request: web.Request) -> web.Response:
        return web.json_response("".join(f"{entry['t']} - {entry['m']}" for entry in list(logs.KEPT)))

    @routes.get("/logs/raw")
    async def get_raw_logs(request: web.Request) -> web.Response:
        return web.json_response({"entries": list(logs.KEPT), "size": size})

    @routes.patch("/logs/subscribe")
    async def subscribe(request: web.Request) -> web.Response:
        wanted = await request.json()
        (subscribed.add if wanted["enabled"] else subscribed.discard)(wanted["clientId"])
        return web.Response()

    @routes.get("/folder_paths")
    async def get_folder_paths(request: web.Request) -> web.Response:
        return web.json_response(
            {name: paths for name, (paths, _) in folder_paths.folder_names_and_paths.items()}
        )

    @routes.get("/files/{directory_type}")
    async def get_files(request: web.Request) -> web.Response:
        folder = folder_paths.get_directory_by_type(request.match_info["directory_type"])
        if folder is None:
            return web.json_response({"error": "Invalid directory type"}, status=400)
        files = [path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith(".")]
        files.sort(key=lambda path: -path.stat().st_mtime)
        return web.json_response([path.name for path in files])

    app = web.Application()
    app.add_routes(routes)
    return app
