"""The transactions of the past, for the history command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..core.states import TransactionState
from ..errors import RecoveryNeededError
from . import folder


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecord:
    """One transaction as its journal tells it."""

    id: str
    operation: str
    state: TransactionState | None
    """None when the journal cannot be read; `problem` says why."""
    started: str
    """ISO time, UTC."""
    ended: str
    """ISO time, UTC; empty while it is open."""
    summary: Mapping[str, object] = field(hash=False)
    deferred: bool = False
    problem: str = ""

    def to_dict(self) -> dict[str, object]:
        """The record as a JSON object."""
        return {
            "id": self.id,
            "operation": self.operation,
            "state": self.state.value if self.state else "",
            "started": self.started,
            "ended": self.ended,
            "summary": dict(self.summary),
            "deferred": self.deferred,
            "problem": self.problem,
        }


def read_transactions(state_dir: Path) -> tuple[TransactionRecord, ...]:
    """All transactions, oldest first. A damaged one is shown as such, beside the others. Reads only."""
    return tuple(_record(state_dir, identifier) for identifier in folder.identifiers(state_dir))


def last_committed(state_dir: Path) -> TransactionRecord | None:
    """The newest transaction that stands, or None. Reads no more journals than it must."""
    records = (_record(state_dir, identifier) for identifier in reversed(folder.identifiers(state_dir)))
    return next((each for each in records if each.state is TransactionState.COMMITTED), None)


def _record(state_dir: Path, identifier: str) -> TransactionRecord:
    try:
        progress = folder.load_progress(state_dir, identifier)
    except RecoveryNeededError as error:
        return TransactionRecord(
            id=identifier, operation="", state=None, started="", ended="", summary={}, problem=error.message
        )
    return TransactionRecord(
        id=identifier,
        operation=progress.operation,
        state=progress.state,
        started=progress.started,
        ended=progress.ended,
        summary=progress.summary,
        deferred=progress.deferred,
    )
