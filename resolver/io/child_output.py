"""Reading what a child process says: every line as it comes, and a bounded copy of the whole."""

from __future__ import annotations

import codecs
import re
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

_CHUNK = 64 * 1024
_LONGEST_LINE = 16 * 1024
"""Characters after which a line without an end is handed on as it is."""
_LINE_END = re.compile(r"\r\n|\n|\r")


class OutputReader(threading.Thread):
    """Reads one stream to its end, so that a child never blocks on a full pipe."""

    def __init__(
        self, stream: IO[bytes], *, limit: int, on_line: Callable[[str], None] | None, lock: threading.Lock
    ) -> None:
        """`lock` is shared by the readers of one child: `on_line` gets one line at a time."""
        super().__init__(daemon=True)
        self.fault: BaseException | None = None
        """What `on_line` raised; nothing is handed to it after that."""
        self._stream = stream
        self._half = max(1, limit // 2)
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0
        self._on_line = on_line
        self._lock = lock
        self._guard = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""

    def run(self) -> None:
        """Read until every holder of the pipe has closed it."""
        with self._stream as stream:
            while chunk := _read_some(stream):
                self._keep(chunk)
                self._hand_on(self._decoder.decode(chunk), last=False)
        self._hand_on(self._decoder.decode(b"", final=True), last=True)

    def text(self) -> str:
        """What was read so far; where the middle of a flood was dropped, a line says how much."""
        with self._guard:
            head, tail, dropped = bytes(self._head), b"".join(self._tail), self._dropped
        if dropped:
            note = f"\n[... {dropped} bytes left out ...]\n".encode()
            return (head + note + tail).decode("utf-8", errors="replace").replace("\r\n", "\n")
        return (head + tail).decode("utf-8", errors="replace").replace("\r\n", "\n")

    def _keep(self, chunk: bytes) -> None:
        with self._guard:
            room = self._half - len(self._head)
            if room > 0:
                self._head += chunk[:room]
                chunk = chunk[room:]
            if not chunk:
                return
            self._tail.append(chunk)
            self._tail_size += len(chunk)
            while self._tail_size > self._half:
                excess = self._tail_size - self._half
                oldest = self._tail.popleft()
                if len(oldest) > excess:
                    self._tail.appendleft(oldest[excess:])
                lost = min(len(oldest), excess)
                self._tail_size -= lost
                self._dropped += lost

    def _hand_on(self, text: str, *, last: bool) -> None:
        if self._on_line is None or self.fault is not None:
            return
        self._pending += text
        # A "\r" at the very end may be the first half of "\r\n": wait for what follows.
        held_back = "\r" if not last and self._pending.endswith("\r") else ""
        *lines, rest = _LINE_END.split(self._pending[: len(self._pending) - len(held_back)])
        if rest and (last or len(rest) > _LONGEST_LINE):
            lines.append(rest)
            rest = ""
        self._pending = rest + held_back
        for line in lines:
            if not line:
                continue
            with self._lock:
                try:
                    self._on_line(line)
                except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
                    self.fault = error
                    return


def _read_some(stream: IO[bytes]) -> bytes:
    """What is there now, without waiting for a full chunk; empty at the end."""
    read1 = getattr(stream, "read1", stream.read)
    try:
        data: bytes = read1(_CHUNK)
    except (OSError, ValueError):  # The pipe was closed under us while the tree was killed.
        return b""
    return data
