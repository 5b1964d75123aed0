"""From a request to its response: path, guard, body, handler, envelope. Nothing here blocks the event loop."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from ..resolver.errors import UsageError
from . import guard, wire
from .call import Call, Reply
from .desk import Desk, desk
from .envelope import failure, invalid_request, success, text_of
from .table import Route

Handle = Callable[[Call], Awaitable["BaseModel | Reply"]]

LARGEST_BODY = 16 * 1024 * 1024
"""Bytes; a workflow with its previews may have some million."""

# Names of ours, of packages and of packs in the Registry. What leads out of a folder is none of them.
_NAME = re.compile(r"[A-Za-z0-9@](?:[A-Za-z0-9._+@-]{0,98}[A-Za-z0-9])?")


class Answering:
    """Answers requests at the desk of this process."""

    def __init__(self) -> None:
        self._desk: Desk | None = None
        self._handlers: dict[str, Handle] = {}

    async def __call__(self, route: Route, request: web.Request) -> web.StreamResponse:
        """The response; every error is one with a code."""
        try:
            if self._desk is None:
                # It reads the jobs of the past.
                self._desk = await asyncio.get_running_loop().run_in_executor(None, desk)
            reply = await self._ask(self._desk, route, request)
            text = await self._desk.soon(text_of, reply.model)
        except (web.HTTPException, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - told in the envelope, never swallowed
            return failure(error)
        response = success(text, reply.status)
        response.headers.update(reply.headers)
        return response

    async def _ask(self, at: Desk, route: Route, request: web.Request) -> Reply:
        await guard.check(request, at, route.takes)
        handle = self._handlers.get(route.handler)
        if handle is None:
            handle = await at.soon(load_handler, route.handler)
            self._handlers[route.handler] = handle
        body = await _body(at, route, request) if route.body else None
        call = Call(
            desk=at,
            route=route,
            request=request,
            params=_params(request.match_info),
            body=body,
            query=_query(route, request),
            client_id=str(getattr(body, "client_id", None) or ""),
        )
        done = await handle(call)
        return done if isinstance(done, Reply) else Reply(model=done, status=route.status)


def load_handler(name: str) -> Handle:
    """The handler of a route, imported where it is not yet. Blocks."""
    module, _, function = name.partition(":")
    found: Handle = getattr(importlib.import_module(f".handlers.{module}", __package__), function)
    return found


async def _body(at: Desk, route: Route, request: web.Request) -> BaseModel:
    data = await _read(request)
    model: type[BaseModel] = getattr(wire, route.body)
    return await at.soon(_parsed, model, data)


async def _read(request: web.Request) -> bytes:
    """The body. Read in pieces: what is too large is refused before it is in memory."""
    parts: list[bytes] = []
    size = 0
    async for part in request.content.iter_chunked(64 * 1024):
        size += len(part)
        if size > LARGEST_BODY:
            raise UsageError(
                "body-too-large",
                f"The request is larger than {LARGEST_BODY // 1024**2} MiB; nothing was done.",
            )
        parts.append(part)
    return b"".join(parts)


def _parsed(model: type[BaseModel], data: bytes) -> BaseModel:
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        raise invalid_request(error, "body") from None


def _query(route: Route, request: web.Request) -> BaseModel | None:
    if not route.query:
        return None
    model: type[BaseModel] = getattr(wire, route.query)
    try:
        return model.model_validate(_once(request.query))
    except ValidationError as error:
        raise invalid_request(error, "query") from None


def _once(query: Any) -> dict[str, str]:
    """The parameters, each of which may be there once: servers differ in which of two counts."""
    twice = sorted({key for key in query if len(query.getall(key)) > 1})
    if twice:
        raise UsageError("request-invalid", f"The query has more than one {twice[0][:40]}.")
    return dict(query)


def _params(found: Mapping[str, str]) -> dict[str, str]:
    for text in found.values():
        if not _NAME.fullmatch(text) or ".." in text:
            raise UsageError("name-not-valid", "There is nothing of that name.", context={"name": text[:100]})
    return dict(found)
