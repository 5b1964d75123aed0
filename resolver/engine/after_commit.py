"""After the commit nothing may pretend that nothing changed, whatever fails then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.states import TransactionState
from ..core.types import Finding
from ..errors import Hint, SafeInstallError
from ..transaction.history import TransactionRecord, read_transaction
from .order import Applied


def stands_all_the_same(state: Path, begun: Sequence[str], error: BaseException) -> Applied | None:
    """What was applied in spite of `error`; None where nothing was, so that the error is the whole truth.

    `begun` are the ids of the transactions of whoever met the error, oldest first: others may have committed
    theirs meanwhile. Reads their journals.
    """
    record = _committed(state, begun)
    return None if record is None else _applied(record, error)


def _committed(state: Path, mine: Sequence[str]) -> TransactionRecord | None:
    records = (read_transaction(state, identifier) for identifier in reversed(mine))
    return next((each for each in records if each.state is TransactionState.COMMITTED), None)


def _applied(record: TransactionRecord, error: BaseException) -> Applied:
    reason = error.message if isinstance(error, SafeInstallError) else str(error) or "interrupted"
    summary: Mapping[str, object] = record.summary
    return Applied(
        transaction=record.id,
        snapshot=str(summary.get("snapshot", "")),
        operation=record.operation,
        seconds=0.0,
        swap_seconds=0.0,
        steps=0,
        findings=(
            Finding(
                code="stopped-after-commit",
                message=f"The change is complete, but what follows it was cut short: {reason}",
                hints=(Hint("roll-back", "`safe-install rollback` takes the change back."),),
            ),
        ),
    )
