"""The lock and the decisions the environment stands on now, as the journals of our transactions tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.plain import PlainError, from_plain
from ..core.snapshot import Snapshot
from ..core.types import Decision, Environment
from ..ports import Site
from ..transaction.history import last_committed
from ..transaction.standing import IN_FORCE, LOCK_FILE

__all__ = ["IN_FORCE", "LOCK_FILE", "InForce", "in_force", "snapshot_now"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What the last committed transaction left in force."""

    lock: str = ""
    """Id of the transaction whose lock it is; empty without one."""
    decisions: tuple[Decision, ...] = ()

    @property
    def choices(self) -> dict[str, str]:
        """{package: pack} the user chose to follow, as far as a decision in force stands on it."""
        return {name: pack for each in self.decisions for name, pack in each.follows.items()}

    def to_dict(self) -> dict[str, object]:
        """The JSON object kept in a transaction's summary."""
        return {"lock": self.lock, "decisions": [each.to_dict() for each in self.decisions]}


def in_force(state: Path) -> InForce:
    """What is in force now. Reads one journal."""
    record = last_committed(state)
    kept = record.summary.get(IN_FORCE) if record else None
    if record is None or not isinstance(kept, Mapping):
        return InForce()
    try:
        found = from_plain(InForce, dict(kept))
    except PlainError:  # Another version wrote it; only a convenience is lost.
        return InForce()
    own = record.id if (state / "transactions" / record.id / LOCK_FILE).is_file() else ""
    return replace(found, lock=found.lock or own)


def snapshot_now(site: Site, environment: Environment, reason: str, *, label: str = "") -> Snapshot:
    """The state now, with the lock and the decisions in force; not stored yet."""
    now = in_force(site.state)
    taken = site.take_snapshot(environment, reason, label=label)
    return replace(taken, lock=now.lock, decisions=now.decisions)
