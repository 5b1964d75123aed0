"""The record file: every automatic decision of every applied plan, one JSON line each, only ever appended to.

It is written right after the commit. Should the process die in between, the journal still has the decisions:
`read_record` shows them, and the next transaction appends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from ..transaction.deferred.settling import RECORD, append_entries, read_entries
from ..transaction.history import last_committed

__all__ = ["RECORD", "mend_record", "read_record", "record_entries", "write_record"]

_Entry = dict[str, object]


def write_record(state: Path, transaction: str, operation: str, summary: Mapping[str, object]) -> None:
    """Append what was decided, as the transaction's summary has it; durable at return. Raises OSError."""
    append_entries(state, record_entries(transaction, operation, summary))


def read_record(state: Path) -> tuple[dict[str, object], ...]:
    """The recorded decisions, oldest first; a line that cannot be read is passed over."""
    entries = read_entries(state)
    return (*entries, *_missing(state, entries))


def mend_record(state: Path) -> None:
    """Append what the last committed transaction decided, where its process died first. Raises OSError."""
    append_entries(state, _missing(state, read_entries(state)))


def record_entries(transaction: str, operation: str, summary: Mapping[str, object]) -> list[_Entry]:
    """The lines that say what was decided, with the time of now."""
    decisions = summary.get("decisions")
    return [
        {
            "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "transaction": transaction,
            "operation": operation,
            "fingerprint": summary.get("fingerprint", ""),
            "policy": summary.get("policy", ""),
            "prefer": summary.get("prefer", {}),
            "strategy": summary.get("strategy", ""),
            "decision": decision,
        }
        for decision in (decisions if isinstance(decisions, list) else ())
    ]


def _missing(state: Path, entries: list[_Entry]) -> list[_Entry]:
    last = last_committed(state)
    if last is None or any(entry.get("transaction") == last.id for entry in entries):
        return []
    return record_entries(last.id, last.operation, last.summary)
