"""What is broken and how it becomes whole, as values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..core.plan import environment_fingerprint
from ..core.types import Distribution, Environment, Finding
from ..errors import Hint, UsageError
from ..ports import Kept
from .stillness import Moment

DOUBLED, TORN = "duplicate-metadata", "torn-distribution"
FAULTS = (DOUBLED, TORN, "files-missing", "files-changed", "unusable-record", "unreadable-metadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """How one broken distribution becomes whole."""

    name: str
    version: str
    """The version it will have."""
    before: tuple[str, ...]
    """The versions that are listed now, one for each metadata folder."""
    faults: tuple[str, ...]
    """Codes of what is wrong."""
    why: str
    """Why that version."""
    payload: Kept | None = None
    """Where its very bytes are kept; without one they come from uv's cache, else the index."""

    @property
    def edited(self) -> bool:
        """Whether files go away that somebody changed, perhaps on purpose."""
        return "files-changed" in self.faults

    def to_dict(self) -> dict[str, object]:
        """The mending as a JSON object."""
        return {
            "name": self.name,
            "from": list(self.before),
            "to": self.version,
            "faults": list(self.faults),
            "why": self.why,
            "how": "exact" if self.payload else "same-version",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """What is broken, and how it becomes whole."""

    environment: Environment
    mendings: tuple[Mending, ...]
    findings: tuple[Finding, ...] = ()
    """What cannot be repaired here, and a note on all that others changed."""
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    moment: Moment | None = None
    """What our own transactions had done when it was looked at."""

    @property
    def fingerprint(self) -> str:
        """Digest of the environment now and of how everything becomes whole."""
        body = [
            environment_fingerprint(self.environment.distributions),
            [each.to_dict() for each in self.mendings],
        ]
        return hashlib.sha256(json.dumps(body).encode()).hexdigest()

    def to_dict(self) -> dict[str, object]:
        """The plan as a JSON object."""
        return {
            "ok": True,
            "fingerprint": self.fingerprint,
            "items": [each.to_dict() for each in self.mendings],
            "findings": [finding.to_dict() for finding in self.findings],
            "restart": "restart" if self.mendings else "none",
        }


def read_request(text: str) -> tuple[str, str]:
    """(canonical name, version or empty) of `NAME` or `NAME==VERSION`."""
    try:
        requirement = Requirement(text)
    except (ValueError, RecursionError) as error:
        raise _usage(text) from error
    specifiers = list(requirement.specifier)
    if requirement.url or requirement.extras or requirement.marker or len(specifiers) > 1:
        raise _usage(text)
    if specifiers and (specifiers[0].operator != "==" or "*" in specifiers[0].version):
        raise _usage(text)
    return canonicalize_name(requirement.name), specifiers[0].version if specifiers else ""


def _usage(text: str) -> UsageError:
    return UsageError("usage", f"{text!r} is neither NAME nor NAME==VERSION.", context={"argument": text})


def not_installed(name: str) -> UsageError:
    """Nothing of that name is there."""
    return UsageError(
        "not-installed",
        f"{name} is not installed, so there is nothing of it to repair.",
        hints=(
            Hint("roll-back", "`safe-install rollback` brings back what was removed."),
            Hint("verify", "`safe-install verify` lists what is broken."),
        ),
    )


def not_ours(dist: Distribution) -> Finding:
    """What another tool manages."""
    tool = "conda" if dist.conda else "an editable install"
    return Finding(
        code="not-repairable",
        message=f"{dist.name} {dist.version} comes from {tool}, which alone can make it whole.",
        hints=(Hint("reinstall-by-hand", f"Install {dist.name} again with the tool that installed it."),),
    )


def not_on_index(name: str, version: str) -> Finding:
    """A build that cannot be fetched again."""
    return Finding(
        code="not-repairable",
        message=f"{name} {version} was installed from a file or an address, and its files were not kept.",
        hints=(
            Hint("reinstall-by-hand", f"Install {name} again from where it came."),
            Hint("name-version", f"Or name a version an index has: `safe-install repair {name}==VERSION`."),
        ),
    )
