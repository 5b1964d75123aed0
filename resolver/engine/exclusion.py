"""One change at a time, whoever makes it: also other state folders that share the environment or the packs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Hint, RecoveryNeededError
from ..ports import Site
from ..transaction.folder import unsettled
from ..transaction.locks.lockfile import OwnerLock, area_lock_path, lock_path, who_holds
from ..transaction.locks.owners import Owner
from ..transaction.locks.place_lock import PlaceLock

__all__ = ["Owner", "alone", "at_work_elsewhere"]


@contextmanager
def alone(site: Site, operation: str) -> Iterator[OwnerLock]:
    """The locks of the state folder and of everything it works in; the lock of the state folder.

    BusyError `busy`, which names who is at work; RecoveryNeededError `recovery-needed-elsewhere` when a
    transaction of another state folder was interrupted here. SafeInstallError `lock-unavailable`.
    """
    with PlaceLock(site.state, site.areas, operation) as lock:
        for state in site.neighbours:
            _refuse_unfinished(state)
        yield lock


def at_work_elsewhere(state: Path, areas: Iterable[Path] = ()) -> Owner | None:
    """Another process that is at work here: in the state folder, or in an area it shares with others. None without.

    One whose name is not known has the process number 0. Asks the system; blocks for a tenth of a second at most.
    """
    for path in (lock_path(state), *map(area_lock_path, areas)):
        owner = who_holds(path)
        if owner is not None and not owner.is_this_process:
            return owner
    return None


def _refuse_unfinished(state: Path) -> None:
    for identifier, progress in unsettled(state):
        # What waits for its start looks then whether it still holds.
        if not progress.is_open or progress.deferred:
            continue
        raise RecoveryNeededError(
            "recovery-needed-elsewhere",
            f"Another Safe Install that shares this environment or these packs was interrupted: {identifier} "
            f"({progress.operation}). What it began must be recovered first.",
            context={"transaction": identifier, "operation": progress.operation, "state": state},
            hints=(
                Hint(
                    "recover-elsewhere",
                    f"Run `safe-install recover --state {state}` with its --comfyui, or start that ComfyUI.",
                ),
            ),
        )
