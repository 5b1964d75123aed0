"""Every route of the table on the host's server, and nothing heavier than that until somebody asks.

Standard library and aiohttp alone at import: a broken pydantic must not keep ComfyUI from starting, and a start
is no time to import what nobody may need. The first request imports the rest, in a thread: it takes some tenths
of a second, in which the page and everything else goes on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from .breathing import loop_breathing
from .table import PREFIX, ROUTES, Route

_LOG = logging.getLogger("safe_install")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answer = Callable[[Route, web.Request], Awaitable[web.StreamResponse]]

_servers: list[Any] = []
"""The host's server, once there is one."""

_loaded_at = [time.time()]
"""When packs had been loaded."""

FEATURE = {"version": 1, "prefix": PREFIX}
"""What `GET /features` of the host tells of us, for pages and for other programs."""


def register(server: Any) -> None:
    """Put every route on the host's `PromptServer.instance`; once, at import, before its router is frozen."""
    _servers[:] = [server]
    _loaded_at[:] = [time.time()]
    _note_when_all_are_loaded(server)
    rooms = _Rooms()
    for route in ROUTES:
        server.routes.route(route.method, f"{PREFIX}{route.path}")(_handler(route, rooms))
    _announce()


def packs_loaded_at() -> float:
    """When every pack had been loaded, as far as the host tells; else when we were."""
    return _loaded_at[0]


def the_server() -> Any:
    """The host's server our routes are on; None before `register`."""
    return _servers[0] if _servers else None


def _handler(route: Route, rooms: _Rooms) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            answer = rooms.answer
            if answer is None:
                answer = await asyncio.get_running_loop().run_in_executor(None, rooms.open)
        except Exception as error:  # noqa: BLE001 - somebody's broken package may raise anything
            return _packages_broken(error)
        return await answer(route, request)

    return handle


class _Rooms:
    """What answers requests, imported when it is first needed."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self._lock = threading.Lock()

    def open(self) -> Answer:
        """What answers. Blocks; raises what an import raises, and is tried anew at the next request."""
        with self._lock:
            if self.answer is None:
                try:
                    with loop_breathing():
                        self.answer = _import_answer()
                except Exception:
                    _LOG.exception("Safe Install cannot answer: a package it needs is broken.")
                    raise
            return self.answer


def _import_answer() -> Answer:
    from .answering import Answering

    return Answering()


def _packages_broken(error: Exception) -> web.Response:
    """Said without any package, since one of them is what is broken."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    document = {
        "error": {
            "code": "packages-broken",
            "message": "A package Safe Install needs cannot be imported; ComfyUI's log has the details.",
            "context": {"error": type(error).__name__, "module": str(getattr(error, "name", None) or "")},
            "hints": [
                {
                    "code": "roll-back",
                    "text": "If this came with the last change: stop ComfyUI, run `safe-install rollback` in a "
                    "terminal, and start it again.",
                },
                {
                    "code": "reinstall",
                    "text": "Otherwise install the requirements of ComfyUI and of Safe Install again with pip.",
                },
            ],
        },
        "status": status.value,
    }
    return web.Response(text=json.dumps(document), content_type="application/json", status=status)


def _note_when_all_are_loaded(server: Any) -> None:
    """The server starts when they are; until then Python goes on writing bytecode into their folders."""
    app = getattr(server, "app", None)
    at_startup = getattr(app, "on_startup", None)
    if at_startup is None or getattr(app, "frozen", False):
        return

    async def note(_: Any) -> None:
        _loaded_at[:] = [time.time()]

    at_startup.append(note)


def _announce() -> None:
    """Tell of ourselves where the host tells what it can do. Older hosts do not; nothing is imported for it."""
    features = getattr(sys.modules.get("comfy_api.feature_flags"), "SERVER_FEATURE_FLAGS", None)
    if not isinstance(features, dict):
        return
    extension = features.setdefault("extension", {})
    if isinstance(extension, dict):
        extension["safe_install"] = dict(FEATURE)
