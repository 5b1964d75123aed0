"""What was done here, and what is not over yet, as the journals tell. Reads only."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError
from ..transaction.deferred.waiting import Waiting, list_waiting
from ..transaction.history import TransactionRecord, read_transactions
from ..transaction.recover import unfinished

__all__ = ["TransactionRecord", "Waiting", "all_transactions", "one_transaction", "unfinished", "waiting"]


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
