"""Waiting until whoever is at work has finished. Standard library only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..errors import BusyError, RefusedError
from ..transaction.locks.lockfile import who_holds

T = TypeVar("T")

_PAUSE = 0.2
OUTDATED = "plan-outdated"


def until_free(
    seconds: float, cancel: threading.Event, act: Callable[[], T], say: Callable[[str], object]
) -> T:
    """What `act` returns; it is begun anew, plan and all, when another was at work, for so many seconds.

    Then, or without `seconds` at once, BusyError or RefusedError `plan-outdated` as `act` raised it. `say` hears
    who is being waited for. Blocks.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (BusyError, RefusedError) as error:
            mine = isinstance(error, RefusedError) and error.code != OUTDATED
            if mine or time.monotonic() >= deadline or cancel.is_set():
                raise
            say(f"Waiting: {error.message}")
            _wait(Path(error.context.get("lock", "")), deadline, cancel)


def _wait(lock: Path, deadline: float, cancel: threading.Event) -> None:
    """Until nobody holds that lock, or there is no more time."""
    while not cancel.wait(_PAUSE) and time.monotonic() < deadline:
        if who_holds(lock) is None:
            return
