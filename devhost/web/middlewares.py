"""What every request passes (server.py and middleware/ of 0.8.0), and the record of what was asked.

The guards are as weak as ComfyUI's, on purpose: ours is tested behind them.
"""

from __future__ import annotations

import importlib
import ipaddress
import logging
import socket
from argparse import Namespace
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; object-src 'self';"
)
_IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
DROPPED: set[str] = set()
"""Paths that are answered with 404 (`--drop`)."""


class Calls:
    """The last requests, for tests: `/__calls`."""

    def __init__(self) -> None:
        self.last: deque[dict[str, Any]] = deque(maxlen=5000)

    async def record(self, request: web.Request, response: web.StreamResponse) -> None:
        """Note what was asked and answered, at the moment the answer begins."""
        asked = {"method": request.method, "path": request.path, "query": request.query_string}
        self.last.append({**asked, "status": response.status})


def of_the_host(args: Namespace) -> list[Middleware]:
    """The middlewares in ComfyUI's order."""
    return [
        _drop,
        _cache_control,
        _cors(args.enable_cors_header) if args.enable_cors_header else _origin_only,
        *((_block_external,) if args.disable_api_nodes else ()),
        *_of_manager(args),
    ]


def _of_manager(args: Namespace) -> Iterator[Middleware]:
    if args.enable_manager:
        yield importlib.import_module("comfyui_manager").create_middleware()


@web.middleware
async def _drop(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path in DROPPED:
        raise web.HTTPNotFound
    return await handler(request)


@web.middleware
async def _cache_control(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    path = request.path
    name = path.rsplit("/", 1)[-1]
    if path.endswith((".js", ".css")) or (name.startswith("index") and name.endswith(".json")):
        response.headers.setdefault("Cache-Control", "no-cache")
    elif path.lower().endswith(_IMAGES) and response.status == web.HTTPOk.status_code:
        response.headers.setdefault("Cache-Control", "public, max-age=86400")
    return response


@web.middleware
async def _origin_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse another origin, but only where Host names this machine; no Origin and `null` pass."""
    if "Host" in request.headers and "Origin" in request.headers:
        host = request.headers["Host"].lower()
        parsed_host = urlsplit(f"//{host}")
        parsed = urlparse(request.headers["Origin"])
        host_domain: str | None = host
        origin_domain: str | None = parsed.netloc.lower()
        loopback = is_loopback(parsed_host.hostname)
        if parsed.port is None:
            host_domain = parsed_host.hostname
        if parsed_host.port is None:
            origin_domain = parsed.hostname
        if loopback and host_domain and origin_domain and host_domain != origin_domain:
            logging.warning(
                "WARNING: request with non matching host and origin %s != %s, returning 403",
                host_domain, origin_domain,
            )  # fmt: skip
            return web.Response(status=403)
    return web.Response() if request.method == "OPTIONS" else await handler(request)


def _cors(allowed: str) -> Middleware:
    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = web.Response() if request.method == "OPTIONS" else await handler(request)
        response.headers["Access-Control-Allow-Origin"] = allowed
        response.headers["Access-Control-Allow-Methods"] = "POST, GET, DELETE, PUT, OPTIONS, PATCH"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type, Authorization"
        response.headers["Access-Control-Allow-Credentials"] = "true"
        return response

    return cors


@web.middleware
async def _block_external(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = web.Response() if request.method == "OPTIONS" else await handler(request)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def is_loopback(host: str | None) -> bool:
    """Whether a name or address is this machine's own; asks the resolver, and so may block, as ComfyUI does."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = [each[4][0] for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)
