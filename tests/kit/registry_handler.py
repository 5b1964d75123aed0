"""How the Registry of the kit speaks HTTP, and all the ways it can be told to do it badly."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler
from typing import ClassVar, Protocol
from urllib.parse import parse_qs, unquote, urlsplit


class Fault(str, Enum):
    """What it answers instead of the truth."""

    SLOW = "slow"
    BUSY = "429"
    BUSY_WITH_PAUSE = "429-with-retry-after"
    BUSY_FOR_LONG = "429-for-an-hour"
    SERVER_ERROR = "500"
    FORBIDDEN = "403"
    CUT_OFF = "cut-off"
    WRONG_LENGTH = "wrong-length"
    SHORT_LENGTH = "short-length"
    LYING_TYPE = "lying-type"
    HTML = "html"
    TO_FILE = "redirect-to-file"
    TO_FTP = "redirect-to-ftp"
    TO_LOOPBACK = "redirect-to-loopback"
    IN_CIRCLES = "redirect-in-circles"
    GARBAGE = "garbage"
    HUGE = "huge"
    HANGS_UP = "hangs-up"
    SILENT = "silent"
    CHANGED = "changed"
    """The file is another one at every request."""
    NOT_RESUMABLE = "not-resumable"
    """No ETag, no Range; with CUT_OFF before it."""
    IGNORES_IF_RANGE = "ignores-if-range"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    at: float


class Answering(Protocol):
    """What has the truth and knows when to lie."""

    asked: list[Asked]
    pause: float
    chunk: int
    archives: dict[str, bytes]

    def fault_of(self, path: str) -> Fault | None:
        """The fault for this request."""

    def answer(self, asked: Asked, body: bytes) -> tuple[int, object]:
        """Status and JSON."""

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than the server lives."""


def handler_for(registry: Answering) -> type[BaseHTTPRequestHandler]:
    """The class a server makes one of for each connection."""
    return type("Handler", (_Handler,), {"registry": registry})


_JSON = "application/json"
_FIXED: Mapping[Fault, tuple[int, bytes, str, Mapping[str, str]]] = {
    Fault.BUSY: (429, b'{"message": "slow down"}', _JSON, {}),
    Fault.BUSY_WITH_PAUSE: (429, b"{}", _JSON, {"Retry-After": "1"}),
    Fault.BUSY_FOR_LONG: (429, b"{}", _JSON, {"Retry-After": "3600"}),
    Fault.SERVER_ERROR: (500, b'{"error": "oops", "message": "out of order"}', _JSON, {}),
    Fault.FORBIDDEN: (403, b'{"error": "forbidden", "message": "Node is banned"}', _JSON, {}),
    Fault.HTML: (200, b"<html>Please log in</html>" * 50, "text/html", {}),
    Fault.GARBAGE: (200, b'{"id": [' + b"[" * 5000, _JSON, {}),
    Fault.TO_FILE: (302, b"", "text/plain", {"Location": "file:///etc/passwd"}),
    Fault.TO_FTP: (302, b"", "text/plain", {"Location": "ftp://127.0.0.1/x.zip"}),
    Fault.TO_LOOPBACK: (302, b"", "text/plain", {"Location": "http://127.0.0.1:9/x.zip"}),
}
_CUTTING = (Fault.CUT_OFF, Fault.NOT_RESUMABLE, Fault.IGNORES_IF_RANGE, Fault.CHANGED)
_WRONG_BY = {Fault.WRONG_LENGTH: 1000, Fault.SHORT_LENGTH: -50}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: ClassVar[Answering]

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        pass

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = urlsplit(self.path)  # As a proxy it gets the whole address.
        query = parse_qs(parts.query)
        asked = Asked(self.command, parts.path, query, dict(self.headers.items()), time.monotonic())
        self.registry.asked.append(asked)
        self.registry.wait(self.registry.pause)
        fault = self.registry.fault_of(parts.path)
        is_archive = parts.path.startswith("/archives/")
        if fault is not None and fault in _FIXED:
            status, content, kind, headers = _FIXED[fault]
            self._send(status, content, kind, headers)
        elif fault is not None and self._breaks_off(fault, is_archive=is_archive):
            self.close_connection = True
        elif is_archive:
            self._archive(unquote(parts.path.removeprefix("/archives/")), fault)
        else:
            status, value = self.registry.answer(asked, body)
            self._send(status, json.dumps(value).encode(), _JSON)

    def _breaks_off(self, fault: Fault, *, is_archive: bool) -> bool:
        """Whether the fault is the whole answer."""
        if fault is Fault.IN_CIRCLES:
            self._send(302, b"", "text/plain", {"Location": self.path})
        elif fault is Fault.HUGE:
            self._huge()
        elif fault is Fault.SILENT:
            self.registry.wait(30)
        elif fault is Fault.CUT_OFF and not is_archive:
            self._head(200, {"Content-Type": _JSON, "Content-Length": "5000"})
            self.wfile.write(b'{"id": "')
        elif fault is Fault.SLOW:
            self.registry.wait(0.3)
            return False
        else:
            return fault is Fault.HANGS_UP
        return True

    def _huge(self) -> None:
        self._head(200, {"Content-Type": _JSON, "Connection": "close"})
        try:
            self.wfile.write(b'{"description": "')
            for _ in range(4096):
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass  # They have read enough.

    def _archive(self, name: str, fault: Fault | None) -> None:
        content = self.registry.archives.get(name)
        if content is None:
            self._send(404, b"", "application/xml", {})
            return
        if fault is Fault.CHANGED:
            content = content[:4] + os.urandom(len(content))
        tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        headers = {"Content-Type": "application/zip", "ETag": tag, "Accept-Ranges": "bytes"}
        first = self._first_byte(tag, len(content), ignores=fault is Fault.IGNORES_IF_RANGE)
        if fault is Fault.NOT_RESUMABLE:
            first, headers = 0, {"Content-Type": "application/zip"}
        if fault is Fault.LYING_TYPE:
            headers["Content-Type"] = "text/html; charset=utf-8"
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        rest = content[first:]
        length = len(rest) + (_WRONG_BY.get(fault, 0) if fault else 0)
        self._head(206 if first else 200, {**headers, "Content-Length": str(length)})
        self.close_connection = fault is not None
        self.wfile.write(rest[: self.registry.chunk] if fault in _CUTTING else rest[:length])

    def _first_byte(self, tag: str, size: int, *, ignores: bool) -> int:
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = ignores or self.headers.get("If-Range", tag) == tag
        return int(wanted[1]) if wanted and same and int(wanted[1]) < size else 0

    def _send(self, status: int, content: bytes, kind: str, headers: Mapping[str, str] = {}) -> None:
        self._head(status, {"Content-Type": kind, "Content-Length": str(len(content)), **headers})
        self.wfile.write(content)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
