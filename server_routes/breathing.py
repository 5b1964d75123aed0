"""While work runs in our threads, the host's event loop gets its turn in time.

Measured in ComfyUI with torch loaded (benchmarks/holding): our allocations made Python look through the whole
heap for cycles, a fifth of a second each time with every thread held; and with five milliseconds a turn, some
threads in line before it kept the loop waiting for thirty.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_TURN = 0.0002
"""Seconds a thread keeps the interpreter while others wait for it; Python's own default is 25 times as long."""

_NEVER = 1_000_000
"""Collections of younger objects before one of older ones."""

_lock = threading.Lock()
_working = _reading = 0
_turn = 0.0
"""As it was before."""
_thresholds = _set = (0, 0, 0)
"""As they were before, and as they were set last."""


@contextmanager
def loop_breathing(*, reading: bool = False) -> Iterator[None]:
    """For as long as it lasts, threads take short turns, and no collection of everything starts by itself.

    Nor one of the middle generation, unless it is only `reading`: what outlives that makes Python look through
    everything soon after, though it was only a plan's and is gone by then. Reading leaves nothing behind, but may go
    on for as long as pages ask, and what piles up meanwhile would be looked through in one go.

    Whoever calls `gc.collect()`, as ComfyUI does for its models, has it done as ever. What somebody else sets
    meanwhile stays as they set it. May be entered by several threads at once.
    """
    _count(1, reading=reading)
    try:
        yield
    finally:
        _count(-1, reading=reading)


def _count(step: int, *, reading: bool) -> None:
    global _working, _reading, _turn, _thresholds, _set  # noqa: PLW0603 - these are settings of the process
    with _lock:
        if not _working and not _reading:
            _turn, _thresholds = sys.getswitchinterval(), gc.get_threshold()
            _set = _thresholds
            sys.setswitchinterval(min(_TURN, _turn))
        if reading:
            _reading += step
        else:
            _working += step
        youngest, middle, oldest = _thresholds
        if _working:
            wanted = (youngest, _NEVER, _NEVER)
        elif _reading:
            wanted = (youngest, middle, _NEVER)
        else:
            wanted = (youngest, middle, oldest)
            if abs(sys.getswitchinterval() - _TURN) < _TURN / 10:
                sys.setswitchinterval(_turn)
        if gc.get_threshold() == _set:
            gc.set_threshold(*wanted)
            _set = wanted
