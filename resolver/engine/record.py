"""The record file: every automatic decision of every applied plan, one JSON line each, only ever appended to.

It is written right after the commit. Should the process die in between, the journal still has the decisions:
`read_record` shows them, and the next transaction appends them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from ..transaction.history import last_committed

RECORD = "record.jsonl"

_Entry = dict[str, object]


def write_record(state: Path, transaction: str, operation: str, summary: Mapping[str, object]) -> None:
    """Append what was decided, as the transaction's summary has it; durable at return. Raises OSError."""
    _append(state, _entries(transaction, operation, summary))


def read_record(state: Path) -> tuple[dict[str, object], ...]:
    """The recorded decisions, oldest first; a line that cannot be read is passed over."""
    entries = _read(state)
    return (*entries, *_missing(state, entries))


def mend_record(state: Path) -> None:
    """Append what the last committed transaction decided, where its process died first. Raises OSError."""
    _append(state, _missing(state, _read(state)))


def _entries(transaction: str, operation: str, summary: Mapping[str, object]) -> list[_Entry]:
    decisions = summary.get("decisions")
    return [
        {
            "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "transaction": transaction,
            "operation": operation,
            "fingerprint": summary.get("fingerprint", ""),
            "policy": summary.get("policy", ""),
            "strategy": summary.get("strategy", ""),
            "decision": decision,
        }
        for decision in (decisions if isinstance(decisions, list) else ())
    ]


def _missing(state: Path, entries: list[_Entry]) -> list[_Entry]:
    last = last_committed(state)
    if last is None or any(entry.get("transaction") == last.id for entry in entries):
        return []
    return _entries(last.id, last.operation, last.summary)


def _read(state: Path) -> list[_Entry]:
    try:
        text = (state / RECORD).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def _append(state: Path, entries: list[_Entry]) -> None:
    if not entries:
        return
    descriptor = os.open(state / RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        os.write(descriptor, lines.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
