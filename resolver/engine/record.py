"""The record file: every automatic decision of every applied plan, one JSON line each, only ever appended to."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

from ..core.plan import Plan
from .applying import Applied

RECORD = "record.jsonl"


def write_record(state: Path, applied: Applied, plan: Plan, strategy: str) -> None:
    """Append what was decided, durable when this returns. Raises OSError."""
    lines = [
        {
            "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "transaction": applied.transaction,
            "operation": applied.operation,
            "fingerprint": plan.fingerprint,
            "policy": plan.policy.value,
            "strategy": strategy,
            "decision": decision.to_dict(),
        }
        for decision in plan.decisions
    ]
    if not lines:
        return
    descriptor = os.open(state / RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_record(state: Path) -> tuple[dict[str, object], ...]:
    """The recorded decisions, oldest first; a line that cannot be read is passed over."""
    try:
        text = (state / RECORD).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return tuple(found)
