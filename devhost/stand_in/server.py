"""`PromptServer` (server.py of 0.8.0): the table of routes, the websocket, and what packs call on it."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web

from ..web import host_routes, internal_routes, middlewares, pack_routes, user_routes
from ..web.front_end import find_front_end
from . import nodes
from .comfy.cli_args import args
from .comfy_api.feature_flags import get_server_features
from .execution import PromptQueue

Event = tuple[Any, Any, "str | None"]


class PromptServer:
    """The server; packs take it from `PromptServer.instance`."""

    instance: PromptServer

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        PromptServer.instance = self
        self.loop = loop
        self.supports = ["custom_nodes_from_web"]
        self.prompt_queue = PromptQueue(self)
        self.messages: asyncio.Queue[Event] = asyncio.Queue()
        self.client_session: aiohttp.ClientSession | None = None
        self.number = 0
        self.last_node_id: str | None = None
        self.last_prompt_id: str | None = None
        self.client_id: str | None = None
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.sockets_metadata: dict[str, dict[str, Any]] = {}
        self.on_prompt_handlers: list[Callable[[Any], Any]] = []
        self.web_root = str(find_front_end(args.front_end_root))
        logging.info("[Prompt Server] web root: %s", self.web_root)
        self.calls = middlewares.Calls()
        self.app = web.Application(
            client_max_size=round(args.max_upload_size * 1024 * 1024),
            middlewares=middlewares.of_the_host(args),
        )
        self.app.on_response_prepare.append(self.calls.record)
        self.routes = web.RouteTableDef()
        self.routes.get("/ws")(self._websocket)
        host_routes.add(self.routes, self)

    # --- start ----------------------------------------------------------------------------------------------

    def add_routes(self) -> None:
        """Copy the table into the application, plain and below /api; what is decorated later is never served."""
        user_routes.add(self.routes)
        pack_routes.add(self.routes, self.app)
        self.app.add_subapp("/internal", internal_routes.make_app(self))
        doubled = web.RouteTableDef()
        for route in self.routes:
            if isinstance(route, web.RouteDef):
                doubled.route(route.method, "/api" + route.path)(route.handler, **route.kwargs)
        self.app.add_routes(doubled)
        self.app.add_routes(self.routes)
        for name, folder in nodes.EXTENSION_WEB_DIRS.items():
            self.app.add_routes([web.static("/extensions/" + name, folder)])
        self.app.add_routes([web.static("/", self.web_root)])

    # --- websocket ------------------------------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sid = request.rel_url.query.get("clientId", "")
        if sid:
            self.sockets.pop(sid, None)
        else:
            sid = uuid.uuid4().hex
        self.sockets[sid] = socket
        self.sockets_metadata[sid] = {"feature_flags": {}}
        try:
            await self.send("status", {"status": self.get_queue_info(), "sid": sid}, sid)
            first = True
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._heard(sid, message.data, first=first)
                    first = False
        finally:
            # Also when a new socket of the same page has taken its place: ComfyUI does so too.
            self.sockets.pop(sid, None)
            self.sockets_metadata.pop(sid, None)
        return socket

    async def _heard(self, sid: str, text: str, *, first: bool) -> None:
        try:
            data = json.loads(text)
        except json.JSONDecodeError:
            logging.warning("Invalid JSON received from client %s: %s", sid, text)
            return
        if first and isinstance(data, dict) and data.get("type") == "feature_flags":
            self.sockets_metadata[sid]["feature_flags"] = data.get("data", {})
            await self.send("feature_flags", get_server_features(), sid)

    async def close_sockets(self) -> None:
        """Tell every page that the server goes."""
        for socket in list(self.sockets.values()):
            await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)

    # --- sending --------------------------------------------------------------------------------------------

    async def send(self, event: Any, data: Any, sid: str | None = None) -> None:
        """Send to one page, or to all."""
        if isinstance(data, (bytes, bytearray)):
            await self._send_all(struct.pack(">I", int(event)) + bytes(data), sid)
        else:
            await self._send_all(json.dumps({"type": event, "data": data}), sid)

    async def send_json(self, event: str, data: Any, sid: str | None = None) -> None:
        """The same, as packs call it too."""
        await self.send(event, data, sid)

    def send_sync(self, event: Any, data: Any, sid: str | None = None) -> None:
        """The same from any thread, in the order of the calls; does not wait."""
        self.loop.call_soon_threadsafe(self.messages.put_nowait, (event, data, sid))

    async def publish_loop(self) -> None:
        """Send what `send_sync` was given, for as long as the server runs."""
        while True:
            await self.send(*await self.messages.get())

    async def _send_all(self, message: str | bytes, sid: str | None) -> None:
        names = list(self.sockets) if sid is None else [sid]
        for socket in [self.sockets[name] for name in names if name in self.sockets]:
            try:
                if isinstance(message, bytes):
                    await socket.send_bytes(message)
                else:
                    await socket.send_str(message)
            except (aiohttp.ClientError, ConnectionError) as error:
                logging.warning("send error: %s", error)

    # --- prompts --------------------------------------------------------------------------------------------

    def get_queue_info(self) -> dict[str, Any]:
        """What `GET /prompt` answers."""
        return {"exec_info": {"queue_remaining": self.prompt_queue.get_tasks_remaining()}}

    def queue_updated(self) -> None:
        """Tell all pages how many prompts remain."""
        self.send_sync("status", {"status": self.get_queue_info()})

    def add_on_prompt_handler(self, handler: Callable[[Any], Any]) -> None:
        """Let a pack alter prompts."""
        self.on_prompt_handlers.append(handler)

    def trigger_on_prompt(self, json_data: Any) -> Any:
        """The prompt as the handlers leave it; one that fails is logged and has no say."""
        for handler in self.on_prompt_handlers:
            try:
                json_data = handler(json_data)
            except Exception:
                logging.warning(
                    "[ERROR] An error occurred during the on_prompt_handler processing", exc_info=True
                )
        return json_data

    def send_progress_text(self, text: str | bytes, node_id: str, sid: str | None = None) -> None:
        """Nothing runs that would have progress."""
