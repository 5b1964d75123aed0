"""What was done here, and what is not over yet, as the journals tell."""

from __future__ import annotations

from pathlib import Path

from ..errors import Hint, UsageError
from ..ports import Site
from ..transaction.deferred import waiting as deferred
from ..transaction.deferred.waiting import Waiting, list_waiting
from ..transaction.history import TransactionRecord, read_transactions
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


def one_transaction(state: Path, identifier: str) -> TransactionRecord:
    """The transaction of that id, archived or not. Raises UsageError `transaction-not-found`."""
    for each in read_transactions(state):
        if each.id == identifier:
            return each
    raise UsageError(
        "transaction-not-found", "There is no such transaction.", context={"transaction": identifier}
    )


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
