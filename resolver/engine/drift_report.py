"""What others changed, as it is told."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.drift import note
from ..core.drift_items import DriftItem
from ..core.types import Finding
from ..errors import Hint


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """What others changed."""

    since: str
    """When we last looked, UTC; empty where we never did."""
    reason: str = ""
    """How the state came about that we compare with, such as `as left by install demo`."""
    items: tuple[DriftItem, ...] = ()
    fingerprint: str = ""
    snapshot: str = ""
    """Id of the snapshot of the drifted state; empty where none could be stored."""
    left: str = ""
    """Id of the snapshot of the state as we left it."""
    is_new: bool = False
    """Whether this state was noticed for the first time."""
    failure: str = ""
    """Why nothing could be told; empty where it could."""

    @property
    def is_grave(self) -> bool:
        """Whether something of weight differs."""
        return any(not each.minor for each in self.items)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One short finding for a plan; none without drift."""
        if self.failure:
            said = f"Whether others changed something could not be told: {self.failure}"
            return (Finding(code="drift-unknown", message=said),)
        return note(self.items, self.since)

    @property
    def hints(self) -> tuple[Hint, ...]:
        """What can be done about all of it."""
        if not self.is_grave:
            return ()
        back = (
            Hint("roll-back", f"`safe-install rollback {self.left} --plan` shows what going back takes.")
            if self.left
            else Hint("sync", "`safe-install sync` brings everything in line with the lock.")
        )
        return (back, Hint("accept", "`safe-install verify --accept` takes everything as it is now."))

    def to_dict(self) -> dict[str, object]:
        """The report as a JSON object."""
        return {
            "since": self.since,
            "reason": self.reason,
            "items": [each.to_dict() for each in self.items],
            "snapshot": self.snapshot,
            "left": self.left,
            "new": self.is_new,
            "hints": [hint.to_dict() for hint in self.hints],
        }


NOTHING_KNOWN = DriftReport(since="")
