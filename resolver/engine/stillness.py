"""Reading what is live while somebody else may be changing it: either all from before, or all from after.

Readers take no lock: looking must neither wait for a long download nor be in the way of a change. Only while
files are really being moved, and that is short, they wait; and what was read while something moved is read
again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..core.states import TransactionState
from ..errors import BusyError, CancelledError, SafeInstallError
from ..ports import Site
from ..transaction import folder
from ..transaction.history import last_committed
from ..transaction.locks.lock_errors import busy
from ..transaction.locks.lockfile import lock_path, who_holds

T = TypeVar("T")

Moment = tuple[tuple[str, str, str], ...]
"""For each state folder that works here: its path, the transaction that moved files last, the last that stands."""

PATIENCE = 20.0
"""Seconds a reader waits for others to be done with moving files, before it says that it cannot read."""

_MOVING = "moving"
_MOVING_STATES = (TransactionState.APPLYING, TransactionState.VERIFYING)
_ROUNDS = 5
_PAUSE = 0.05


def moment(site: Site) -> Moment:
    """What the environment and the packs stand on now; the same again when nothing of ours changed between."""
    return tuple(_newest_move(state) for state in (site.state, *site.neighbours))


def is_midway(seen: Moment) -> bool:
    """Whether a transaction was moving files then, or was interrupted while it did."""
    return any(how == _MOVING for _, _, how in seen)


def look_when_still(
    site: Site, look: Callable[[], T], cancel: threading.Event | None = None
) -> tuple[T, Moment]:
    """What `look` finds while nothing moves, and what that stands on. Blocks; `look` may run more than once.

    BusyError, naming who is at work, when others go on moving files for too long. What an interrupted
    transaction has left is read as it is: it does not move.
    """
    deadline = time.monotonic() + PATIENCE
    for _ in range(_ROUNDS):
        begun = _wait(site, deadline, cancel)
        try:
            found = look()
        except (CancelledError, BusyError):
            raise
        except (SafeInstallError, OSError):
            # Half of something may look like anything.
            if moment(site) == begun:
                raise
            continue
        if moment(site) == begun:
            return found, begun
    raise _still_busy(site)


def _wait(site: Site, deadline: float, cancel: threading.Event | None) -> Moment:
    while True:
        now = moment(site)
        moving = [Path(state) for state, _, how in now if how == _MOVING]
        if not any(who_holds(lock_path(state)) for state in moving):
            return now
        if cancel is not None and cancel.is_set():
            raise CancelledError("cancelled", "Cancelled; nothing was changed.")
        if time.monotonic() > deadline:
            raise _still_busy(site)
        time.sleep(_PAUSE)


def _still_busy(site: Site) -> BusyError:
    for state in (site.state, *site.neighbours):
        owner = who_holds(lock_path(state))
        if owner is not None:
            return busy(lock_path(state), owner)
    return busy(lock_path(site.state), None)


def _newest_move(state: Path) -> tuple[str, str, str]:
    """The transaction that is moving files now, or else those that did last."""
    last = ""
    for identifier in reversed(folder.identifiers(state)):
        with suppress(SafeInstallError):  # Thrown away just now, or damaged, which is recovery's business.
            progress = folder.load_progress(state, identifier)
            if progress.state in _MOVING_STATES:
                return str(state), identifier, _MOVING
            # One that was never applied has moved nothing. Who waits may have a name older than the last.
            if progress.state.is_final and progress.steps_digest:
                last = last or identifier
                break
    committed = last_committed(state)
    return str(state), last, committed.id if committed else ""
