"""What is to be carried out, and what was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.ownership import Holding
from ..core.swap_types import Arrival
from ..core.trials import TrialReport
from ..core.types import Environment, Finding
from .aside import Aside
from .deferring import Claims, Deferred
from .guarding import Carry
from .movement import Movement
from .stillness import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done."""

    transaction: str
    snapshot: str
    """Id of the snapshot taken before: `rollback` to it undoes this."""
    operation: str
    seconds: float
    swap_seconds: float
    """How long anything live was being moved."""
    steps: int
    trial: TrialReport | None = None
    findings: tuple[Finding, ...] = ()
    restart: str = "restart"
    deferred: Deferred | None = None
    """Why the change waits for the next start; None when it was made."""

    def to_dict(self) -> dict[str, object]:
        """The outcome as a JSON object."""
        return {
            "transaction": self.transaction,
            "snapshot": self.snapshot,
            "operation": self.operation,
            "seconds": round(self.seconds, 3),
            "swap_seconds": round(self.swap_seconds, 4),
            "steps": self.steps,
            "findings": [finding.to_dict() for finding in self.findings],
            "trial": {
                "imported": self.trial.import_checked,
                "looked_for": self.trial.static_checked,
                "known_failures": [failure.to_dict() for failure in self.trial.known_failures],
            }
            if self.trial
            else None,
            "restart": self.restart,
            **({"deferred": self.deferred.to_dict()} if self.deferred else {}),
        }


def _nothing(_applied: Applied) -> None:
    """Nothing is to be settled."""


def _as_it_is(holdings: Sequence[Holding]) -> Sequence[Holding]:
    """Nothing installed is broken."""
    return holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be carried out."""

    operation: str
    """In words, for the journal, the snapshot and whoever finds the lock taken."""
    seen: Environment
    """The environment the plan was made for."""
    summary: Mapping[str, object]
    """For the history; any JSON object."""
    fill: Callable[[Path], tuple[Arrival, ...]]
    """Fills the stage folder it is given and says what arrives, from there or from payloads."""
    movement: Movement
    trial_packs: Sequence[tuple[str, Path]] | None = None
    """(name, folder) of the packs whose imports are looked for; None means no trial."""
    aside: Aside | None = None
    """Where new packs wait; to be deleted whatever happens."""
    lock_text: str = ""
    """The lock (PEP 751) that is in force afterwards."""
    moment: Moment | None = None
    """What the plan stands on, as `seen`, with what our own transactions did. None: only `seen` counts."""
    claims: Claims = field(default_factory=Claims)
    """What else it stands on, should it have to wait."""
    at_next_start: bool = False
    """Keep it waiting, staged and tried, instead of making it now."""
    carry: Carry | None = None
    """Carries it out in the place of `fill` and `movement`: going back to a full snapshot."""
    regard: Callable[[Sequence[Holding]], Sequence[Holding]] = field(default=_as_it_is)
    """What is installed as the swap is to take it, called once everything waits in the stage: what is torn
    has other files than its RECORD says."""
    settle: Callable[[Applied], None] = field(default=_nothing)
    """What follows the commit, still under the lock. A failure is a finding: the change stands."""
