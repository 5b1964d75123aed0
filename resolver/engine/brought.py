"""A pack that takes part in a plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.types import Finding, Pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A pack that takes part in the plan: fetched, or there already (`in_place`)."""

    name: str
    tree: Path
    origin: str
    commit: str = ""
    in_place: bool = False
    findings: tuple[Finding, ...] = ()
    instead: Pack | None = None
    """The pack it is a new version of."""
    moves_to: Path | None = None
    """Where it is enabled."""
    registry_id: str = ""
    version: str = ""
    sha256: str = ""
    """As `Fetched` has them."""
    digest: str = ""
    """Of what was fetched, without the user's own files that were put beside it; empty: as it lies there."""

    @property
    def replaces(self) -> Pack | None:
        """The pack whose place it takes."""
        return self.instead
