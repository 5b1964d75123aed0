"""While work runs in our threads, the host's event loop gets its turn in time.

Measured in ComfyUI with torch loaded (benchmarks/hold.py): our allocations made Python look through the whole
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
"""Collections of the youngest objects before one of older ones. What outlives two collections makes Python look
through everything soon, though it was only ours and is gone by then: so nothing of ours shall."""

_lock = threading.Lock()
_working = 0
_before: tuple[float, tuple[int, int, int]] = (0.0, (0, 0, 0))


@contextmanager
def loop_breathing() -> Iterator[None]:
    """For as long as it lasts, threads take short turns, and only the youngest objects are looked through for cycles.

    Older cycles wait until the end; whoever calls `gc.collect()`, as ComfyUI does for its models, has it done as ever.
    What somebody else sets meanwhile stays as they set it. May be entered by several threads at once.
    """
    global _working, _before  # noqa: PLW0603 - these are settings of the process
    with _lock:
        _working += 1
        if _working == 1:
            _before = (sys.getswitchinterval(), gc.get_threshold())
            sys.setswitchinterval(min(_TURN, _before[0]))
            gc.set_threshold(_before[1][0], _NEVER, _NEVER)
    try:
        yield
    finally:
        with _lock:
            _working -= 1
            if _working == 0:
                turn, thresholds = _before
                if abs(sys.getswitchinterval() - _TURN) < _TURN / 10:
                    sys.setswitchinterval(turn)
                if gc.get_threshold()[1] == _NEVER:
                    gc.set_threshold(gc.get_threshold()[0], *thresholds[1:])
