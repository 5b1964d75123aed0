"""Requests byte for byte, as no well-behaved client sends them."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from .talking import Reply


def send(
    url: str,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    body: bytes = b"",
    *,
    version: str = "HTTP/1.1",
) -> Reply:
    """The answer to exactly these lines; nothing is added but Content-Length and Connection."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode("utf-8") + body)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    answer = http.client.HTTPResponse(_Received(received), method=method)  # type: ignore[arg-type]
    answer.begin()
    return Reply(status=answer.status, headers=dict(answer.getheaders()), body=answer.read())


class _Received:
    """What was received, in the place of a socket."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, *_arguments: object) -> io.BytesIO:
        """All of it."""
        return io.BytesIO(self._content)
