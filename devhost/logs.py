"""The host's log: on stderr, and kept for the front end's terminal (ComfyUI app/logger.py)."""

from __future__ import annotations

import io
import logging
import sys
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

Entry = dict[str, str]

KEPT: deque[Entry] = deque(maxlen=300)
_listeners: list[Callable[[list[Entry]], None]] = []


class KeptStream(io.TextIOBase):
    """Writes to stderr and keeps what it wrote. Stands for stdout too, whose one line is ours."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._new: list[Entry] = []

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream below."""
        return self._stream.encoding

    @property
    def buffer(self) -> Any:
        """The bytes below, which some packs write to."""
        return getattr(self._stream, "buffer", None)

    def isatty(self) -> bool:
        """Whether a person reads along."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor below."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Write and keep."""
        entry = {"t": datetime.now().isoformat(), "m": text}  # noqa: DTZ005  as ComfyUI writes it
        KEPT.append(entry)
        self._new.append(entry)
        self._stream.write(text)
        if "\n" in text:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Hand what is new to who subscribed."""
        self._stream.flush()
        new, self._new = self._new, []
        for listener in _listeners if new else ():
            listener(new)


def set_up(level: str) -> None:
    """Send print, warnings and logging to stderr from here on."""
    if isinstance(sys.stderr, KeptStream):
        return
    sys.stderr = KeptStream(sys.stderr)
    sys.stdout = sys.stderr
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(level)


def on_flush(listener: Callable[[list[Entry]], None]) -> None:
    """Call `listener` with new entries."""
    _listeners.append(listener)
