"""What a plan is made from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ..core.merge import Policy
from ..core.plan import PackChange
from ..core.rules import Rules
from ..core.types import Environment, Finding, Gathered
from ..ports import Artefacts, Solver


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """Everything a plan depends on, besides the index."""

    environment: Environment
    core: Gathered
    packs: tuple[Gathered, ...]
    """All packs as they will be: the ones to be installed included, the ones to be removed left out."""
    rules: Rules
    focus: frozenset[str] = frozenset()
    """Packs being installed; only what they need changes. Ignored with `repair`."""
    repair: bool = False
    """True for `lock` and `sync`: what was unsatisfied before is repaired too."""
    remove: frozenset[str] = frozenset()
    """Distributions only packs that go away want (`uninstall`); removed unless something that comes wants them."""
    pack_changes: tuple[PackChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    policy: Policy = Policy.NEWEST
    prefer: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{package: pack whose wish for it is followed where packs clash}; an empty pack takes an earlier choice back."""
    earlier: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The same, of decisions that are in force."""
    allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverPorts:
    """The solver and what belongs to it."""

    solver: Solver
    artefacts: Artefacts


OpenSolver = Callable[[Collection[str], Collection[str]], SolverPorts]
"""Given the names pinned as installed, and those of which only placeholders may come: the ports to solve with."""
