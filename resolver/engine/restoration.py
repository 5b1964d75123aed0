"""How everything that differs from a snapshot comes back; said before anything starts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from ..core.guard_port import FullPlan
from ..core.plan import environment_fingerprint
from ..core.snapshot import Snapshot
from ..core.types import Environment, Finding, Pack
from ..ports import Kept
from .stillness import Moment

KEEP, EXACT, SAME_VERSION, NOT_RESTORABLE, REMOVE = (
    "keep",
    "exact",
    "same-version",
    "not-restorable",
    "remove",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """How one distribution, pack or file comes back; said before anything starts."""

    kind: str
    """distribution, pack or file."""
    name: str
    how: str
    """keep, exact (the very bytes), same-version (from uv's cache or the index), not-restorable, remove."""
    before: str = ""
    """What is there now: a version, or empty."""
    after: str = ""
    reason: str = ""
    payload: Kept | None = None

    def to_dict(self) -> dict[str, str]:
        """The restoration as a JSON object."""
        return {
            "kind": self.kind,
            "name": self.name,
            "how": self.how,
            "from": self.before,
            "to": self.after,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """What going back to a snapshot takes. `keep` entries are left out of `items`."""

    snapshot: Snapshot
    environment: Environment
    items: tuple[Restoration, ...]
    kept: int
    packs_out: tuple[Pack, ...] = ()
    relocated: tuple[tuple[Path, Path], ...] = ()
    """(where it is, where it was) of packs that were enabled or disabled since."""
    full: FullPlan | None = field(default=None, repr=False)
    """How everything comes back byte by byte from a full copy; None where it comes from payloads."""
    findings: tuple[Finding, ...] = ()
    moment: Moment | None = None
    """What it was made on: carried out only while nothing of ours has changed since."""

    @property
    def is_empty(self) -> bool:
        """True when everything is as in the snapshot, or nothing of it can be restored."""
        return not any(item.how != NOT_RESTORABLE for item in self.items)

    @property
    def is_exact(self) -> bool:
        """True when every distribution, pack and file comes back byte for byte."""
        return all(item.how in (EXACT, REMOVE) for item in self.items)

    @property
    def fingerprint(self) -> str:
        """Digest of the snapshot, the environment now and the ways back."""
        body = [
            self.snapshot.id,
            environment_fingerprint(self.environment.distributions),
            [i.to_dict() for i in self.items],
        ]
        return hashlib.sha256(json.dumps(body).encode()).hexdigest()

    def to_dict(self) -> dict[str, object]:
        """The plan as a JSON object."""
        return {
            "ok": True,
            "fingerprint": self.fingerprint,
            "snapshot": self.snapshot.id,
            "created": self.snapshot.created,
            "reason": self.snapshot.reason,
            "label": self.snapshot.label,
            "exact": self.is_exact,
            "full": self.full is not None,
            "kept": self.kept,
            "items": [item.to_dict() for item in self.items],
            "findings": [finding.to_dict() for finding in self.findings],
            "restart": "none" if self.is_empty else "restart",
        }
