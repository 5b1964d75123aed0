"""A server that answers whatever a test tells it to, byte for byte."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType

Respond = Callable[[str], "bytes | Iterable[bytes]"]
"""From the first line of a request (`GET /path HTTP/1.1`) to the raw bytes of the answer, perhaps in parts."""


class RogueServer:
    """Answers every connection once, as told, and remembers what was asked; a context manager."""

    def __init__(self, respond: Respond, *, pause: float = 0.0) -> None:
        """Listen at once on a free loopback port; `pause` is waited between parts, in seconds."""
        self._respond = respond
        self._pause = pause
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self.asked: list[str] = []
        """The first line of each request."""
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """The address of its root, without a slash at its end."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> RogueServer:
        """Start answering."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._stop.set()
        with socket.create_connection(self._socket.getsockname()):
            pass
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            connection, _ = self._socket.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = b""
                while b"\r\n\r\n" not in request and (part := connection.recv(65536)):
                    request += part
                if not request:
                    return
                line = request.split(b"\r\n", 1)[0].decode("latin-1")
                self.asked.append(line)
                answer = self._respond(line)
                for part in [answer] if isinstance(answer, bytes) else answer:
                    if self._stop.is_set():
                        return
                    connection.sendall(part)
                    time.sleep(self._pause)
            except OSError:
                return


def response(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A well-formed answer; `content_type="x"` is the header Content-Type."""
    given = {"content_length": str(len(body)), "connection": "close", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body
