"""What a committed transaction leaves in force: its lock and the decisions, as its journal tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from . import folder
from .history import TransactionRecord

LOCK_FILE = "pylock.toml"
"""The lock (PEP 751) of the plan a transaction applied, in that transaction's folder."""

IN_FORCE = "in_force"
"""Key of a transaction's summary: what is in force once it is committed."""


def in_force_after(record: TransactionRecord, state_dir: Path) -> tuple[str, list[object]]:
    """(id of the transaction whose lock is in force, decisions as JSON objects) after that transaction."""
    kept = record.summary.get(IN_FORCE)
    known: Mapping[str, object] = kept if isinstance(kept, Mapping) else {}
    own = record.id if (folder.transactions_dir(state_dir) / record.id / LOCK_FILE).is_file() else ""
    decisions = known.get("decisions")
    return str(known.get("lock") or own), list(decisions) if isinstance(decisions, list) else []
