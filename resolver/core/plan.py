"""The plan: what would change, what was decided, what the user should know; with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import redact
from .merge import Policy
from .reload import AtStart, Difference, Need, PackMove, Running, least_needed
from .types import Change, Decision, Distribution, Environment, Finding, LockedPackage, Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class PackStatus:
    """How a pack came through the solve."""

    name: str
    status: str
    """ok, partial (some lines could not be taken) or unresolvable (none could)."""
    reason: str = ""

    def to_dict(self) -> dict[str, str]:
        """The status as a JSON object."""
        return {"name": self.name, "status": self.status, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackChange:
    """One pack folder that the plan adds, replaces, removes, enables or disables."""

    name: str
    action: str
    """add, replace, remove, enable or disable."""
    before: str = ""
    after: str = ""
    """Version, commit or digest, for people."""
    target: str = ""
    """Absolute path it has (or will have) among the custom nodes."""
    digest: str = ""
    """Digest of the new tree; empty for remove."""
    sha256: str = ""
    """Of the archive it comes from (`after` then is its id and version in the Registry); empty without one."""
    at_start: frozenset[AtStart] | None = None
    """What of it only a start of ComfyUI, or a new page, brings to life; None where nobody looked."""
    difference: Difference = Difference.CODE
    """How far a new version differs from the one it replaces."""

    def to_dict(self) -> dict[str, str]:
        """The change as a JSON object."""
        return {
            "name": self.name,
            "action": self.action,
            "from": self.before,
            "to": self.after,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOutcome:
    """How one line of a pack's files ended: taken, decision or finding."""

    pack: str
    file: str
    line: int
    text: str
    outcome: str
    detail: str = ""
    """Rule of the decision or code of the finding; `not-applicable` where a marker is false here."""

    def to_dict(self) -> dict[str, object]:
        """The outcome as a JSON object."""
        return {
            "pack": self.pack,
            "file": self.file,
            "line": self.line,
            "text": self.text,
            "outcome": self.outcome,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryLine:
    """A requirement of a distribution that the lock does not meet."""

    package: str
    wish: Wish
    was_broken: bool
    """True when it is broken in the environment as it is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Environment now x lock -> ordered changes. Only the plan that was shown is applied."""

    environment: Environment
    lock: tuple[LockedPackage, ...]
    pylock: str
    """Text of a PEP 751 lock of what is to be staged; empty when nothing is."""
    full_pylock: str = ""
    """The whole lock as PEP 751 text, less builds that no index has; for the state folder and for export."""
    changes: tuple[Change, ...]
    pack_changes: tuple[PackChange, ...] = ()
    decisions: tuple[Decision, ...] = ()
    findings: tuple[Finding, ...] = ()
    packs: tuple[PackStatus, ...] = ()
    lines: tuple[LineOutcome, ...] = ()
    library_lines: tuple[LibraryLine, ...] = ()
    policy: Policy = Policy.NEWEST
    prefer: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{package: pack whose wish for it is followed where packs clash}, as chosen now or earlier."""
    allowed: frozenset[str] = frozenset()
    refusals: tuple[Finding, ...] = ()
    """Findings for which the plan must not be applied; each says what to do."""
    stands_for: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{distribution that goes away: the one that provides its modules}."""

    @property
    def versions(self) -> dict[str, str]:
        """{canonical name: version} after the plan."""
        return {package.name: package.version for package in self.lock}

    @property
    def violating(self) -> tuple[Decision, ...]:
        """Decisions that violate somebody's line: they need the user's yes."""
        return tuple(decision for decision in self.decisions if decision.violates)

    @property
    def is_empty(self) -> bool:
        """True when applying would change nothing."""
        return not self.changes and not self.pack_changes

    @property
    def download_bytes(self) -> int:
        """Bytes to download at most (a cached file costs nothing)."""
        changed = {change.name for change in self.changes if change.action != "remove"}
        return sum(package.size for package in self.lock if package.name in changed)

    @property
    def restart(self) -> str:
        """The least that must happen before the change counts, where nothing is known of a running ComfyUI."""
        return self.need(None).least.value

    def need(self, running: Running | None) -> Need:
        """The least that must happen before the change counts, and why."""
        moves = [
            PackMove(
                name=change.name,
                comes=change.action not in ("remove", "disable"),
                at_start=change.at_start,
                difference=change.difference,
            )
            for change in self.pack_changes
        ]
        return least_needed(self.changes, moves, running)

    @property
    def fingerprint(self) -> str:
        """Digest of the environment, the lock, the changes and the decisions: the same plan has the same."""
        body = [
            environment_fingerprint(self.environment.distributions),
            [
                (package.name, package.version, package.url if package.builds else "", package.hashes)
                for package in self.lock
            ],
            [change.to_dict() for change in self.changes],
            [
                {**change.to_dict(), "digest": change.digest}
                for change in sorted(self.pack_changes, key=lambda change: change.name)
            ],
            [decision.to_dict() for decision in self.decisions],
            sorted(self.allowed),
            sorted(self.prefer.items()),
        ]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, object]:
        """The document of `plan --json` (architecture 7), with a few keys more."""
        return {
            "ok": not self.refusals,
            "fingerprint": self.fingerprint,
            "policy": self.policy.value,
            "prefer": {name: redact(pack) for name, pack in sorted(self.prefer.items())},
            "lock": {package.name: package.version for package in self.lock},
            "changes": [change.to_dict() for change in self.changes],
            "pack_changes": [change.to_dict() for change in self.pack_changes],
            "decisions": [decision.to_dict() for decision in self.decisions],
            "findings": [finding.to_dict() for finding in self.findings],
            "refusals": [finding.to_dict() for finding in self.refusals],
            "packs": [status.to_dict() for status in self.packs],
            "lines": [line.to_dict() for line in self.lines],
            "library_lines_broken": [
                {"package": line.package, **line.wish.to_dict(), "already": line.was_broken}
                for line in self.library_lines
            ],
            "restart": self.restart,
            "download_bytes": self.download_bytes,
        }


def environment_fingerprint(distributions: tuple[Distribution, ...]) -> str:
    """Digest of what is installed: names, versions and RECORD digests. Any change by anybody changes it."""
    body = sorted((dist.name, dist.version, dist.metadata_dir, dist.record_digest) for dist in distributions)
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()
