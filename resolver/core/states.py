"""The states a transaction goes through. Standard library only."""

from __future__ import annotations

from enum import Enum


class TransactionState(str, Enum):
    """Where a transaction stands; the value is what the journal holds."""

    PLANNED = "planned"
    STAGED = "staged"
    TRIED = "tried"
    APPLYING = "applying"
    VERIFYING = "verifying"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled-back"

    @property
    def is_final(self) -> bool:
        """True when nothing live will change any more."""
        return self in (TransactionState.COMMITTED, TransactionState.ROLLED_BACK)


FOLLOWERS: dict[TransactionState, frozenset[TransactionState]] = {
    TransactionState.PLANNED: frozenset({TransactionState.STAGED, TransactionState.ROLLED_BACK}),
    TransactionState.STAGED: frozenset({TransactionState.TRIED, TransactionState.ROLLED_BACK}),
    TransactionState.TRIED: frozenset({TransactionState.APPLYING, TransactionState.ROLLED_BACK}),
    TransactionState.APPLYING: frozenset({TransactionState.VERIFYING, TransactionState.ROLLED_BACK}),
    TransactionState.VERIFYING: frozenset({TransactionState.COMMITTED, TransactionState.ROLLED_BACK}),
    TransactionState.COMMITTED: frozenset(),
    TransactionState.ROLLED_BACK: frozenset(),
}
"""Which state may follow which; a final state has no follower.

Beside these lines there is one way back: a transaction that was applying, and whose every step was taken back
because files are in use, waits again in the state tried. One journal line (`deferred`) says all of that, so that a
kill leaves either an interrupted transaction, which is rolled back, or one that waits.
"""
