"""What was done here, and what is not over yet, as the journals tell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import Hint, UsageError
from ..ports import Site
from ..transaction.deferred import waiting as deferred
from ..transaction.deferred.waiting import Waiting, list_waiting
from ..transaction.history import TransactionRecord, find_transaction, read_newest, read_transactions
from ..transaction.recover import unfinished

__all__ = [
    "TransactionRecord",
    "Waiting",
    "all_transactions",
    "cancel_waiting",
    "one_transaction",
    "unfinished",
    "waiting",
]


def all_transactions(state: Path) -> tuple[TransactionRecord, ...]:
    """Every transaction, newest first, archived ones included. Blocks."""
    return tuple(reversed(read_transactions(state)))


def newest_transactions(state: Path, *, offset: int, limit: int) -> tuple[tuple[TransactionRecord, ...], int]:
    """So many after that many newer ones, newest first; and how many there are. Reads those alone. Blocks."""
    return read_newest(state, offset=offset, limit=limit)


def one_transaction(state: Path, identifier: str) -> TransactionRecord:
    """The transaction of that id, archived or not. Raises UsageError `transaction-not-found`."""
    found = find_transaction(state, identifier)
    if found is None:
        raise UsageError(
            "transaction-not-found", "There is no such transaction.", context={"transaction": identifier}
        )
    return found


def snapshots_before(state: Path, records: Iterable[TransactionRecord]) -> dict[str, str]:
    """{id of a transaction: id of the snapshot taken before it}, of those whose snapshot is still kept. Blocks."""
    said = {each.id: str(each.summary.get("snapshot") or "") for each in records}
    # A journal is a file like any other: what it names as an id may lead out of the folder.
    kept = state / "snapshots"
    return {
        each: name
        for each, name in said.items()
        if name and Path(name).name == name and (kept / f"{name}.json").is_file()
    }


def waiting(state: Path) -> tuple[Waiting, ...]:
    """What waits for the next start, in the order in which it will be carried out."""
    return tuple(list_waiting(state))


def cancel_waiting(site: Site, identifier: str) -> tuple[Path, ...]:
    """What waited is given up, nothing of it was live; what of its stage could not be deleted. Blocks.

    Raises UsageError `deferred-not-found` for all but a whole id, BusyError, RecoveryNeededError.
    """
    if all(each.id != identifier for each in list_waiting(site.state)):
        raise UsageError(
            "deferred-not-found",
            "No change of that id waits for the next start.",
            context={"transaction": identifier},
            hints=(
                Hint("see-status", "It may have been applied or given up meanwhile: look at the status."),
            ),
        )
    return deferred.cancel_waiting(site.state, site.roots, identifier)
