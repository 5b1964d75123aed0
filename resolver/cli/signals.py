"""Ctrl-C and termination while a command runs: stop, put everything back, end with 1."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

CalmDown = Callable[[], None]
"""Call it when the work is done: from then on a signal changes nothing any more."""


class Interrupted(KeyboardInterrupt):
    """The user or the system wants this to end. Not an Exception, so that nobody swallows it."""


@contextmanager
def interruptible(
    cancel: threading.Event, notice: CalmDown, *, until_the_end: bool = False
) -> Iterator[CalmDown]:
    """The first SIGINT or SIGTERM sets `cancel` and raises Interrupted; later ones only call `notice`.

    They must not raise: the first one has begun to put things back, and a second would break that off.
    Whoever cannot wait has SIGKILL, after which recovery does the same. Outside the main thread, where
    no signal arrives, this does nothing. With `until_the_end` signals are ignored afterwards: while the
    interpreter shuts down, one must not turn the exit code into another.
    """
    calm = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield calm.set
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        if calm.is_set():
            return
        if cancel.is_set():
            notice()
            return
        cancel.set()
        raise Interrupted

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        # Ignored from outside (nohup) stays ignored; None was set by C code and could not be put back.
        if handler not in (None, signal.SIG_IGN):
            previous[number] = handler
            signal.signal(number, handle)
    try:
        yield calm.set
    finally:
        calm.set()
        for number, handler in previous.items():
            # Ignored by the system itself: Python takes its own handlers away before it is quite gone.
            signal.signal(number, signal.SIG_IGN if until_the_end else handler)
