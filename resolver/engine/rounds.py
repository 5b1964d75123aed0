"""From wishes to a solution: core first, then rounds until no rule has anything more to say."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..core.choices import Choices
from ..core.families import settle_families
from ..core.merge import Limits, LineKey, Pin, core_pin, settle_direct_clashes
from ..core.origins import is_from
from ..core.protection import companion_limits, core_limits, joined, runtime_limits
from ..core.solve import (
    ABSENT,
    Solution,
    SolveFailureError,
    SolveInput,
    SolveProblem,
    SolveRequest,
    is_placeholder,
    provided_by,
)
from ..core.types import CORE, Finding, LockedPackage
from ..core.wishes import SolveLine, Wishes
from ..ports import Artefacts, Reporter
from .conflicts import Search
from .ground import Ground, Inquiry
from .plan_inputs import OpenSolver, PlanInputs, SolverPorts

MOST_ROUNDS = 12
"""Each round may bring a family, or what is never fetched, into view that only a library asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """What the rounds of solving arrived at."""

    wishes: Wishes
    lines: tuple[SolveLine, ...]
    full: Solution
    """With placeholders for what gives way to another, or must not come."""
    packages: tuple[LockedPackage, ...]
    requires: Mapping[str, tuple[str, ...]]
    """Requires-Dist of new packages whose bounds had to be passed over."""
    pins: Mapping[str, Pin]
    limits: Limits
    overrides: Mapping[str, str]
    """{name: version} forced upon everybody."""
    dropped: tuple[Finding, ...]
    artefacts: Artefacts
    choices: Choices
    """As they count, under the names the lines have."""

    @property
    def solution(self) -> Solution:
        """Only what can really be installed."""
        return self.full.without_placeholders()

    @property
    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """{name: names it depends on}; a placeholder depends on what stands in for it."""
        found: dict[str, list[str]] = {name: [] for name in self.full.versions}
        for name, wanters in self.full.via.items():
            for wanter in wanters:
                if wanter in found:
                    found[wanter].append(name)
        return {name: tuple(names) for name, names in found.items()}


@dataclass(slots=True)
class Rounds:
    """The solves of one plan. Blocks; call from a thread."""

    inputs: PlanInputs
    open_solver: OpenSolver
    report: Reporter
    indexes: Mapping[str, tuple[str, tuple[str, ...]]]
    """{pack: (granted index URL, names it serves)}."""
    cancel: threading.Event | None = None

    def solve(self, read: Wishes, core: Wishes, kept: Mapping[str, Pin], choices: Choices) -> Solved:
        """A solution for these wishes, as far as they can be met, with `kept` (installed) versions pinned.

        Raises SafeInstallError `network-unreachable` or `not-solvable`.
        """
        absent, required = self._never_fetched(), frozenset[str]()
        relaxed: dict[LineKey, str] = {}
        members = {member.name for rule in self.inputs.rules.of_kind("one-of") for member in rule.members}
        for _ in range(MOST_ROUNDS):
            ports = self.open_solver(kept.keys(), absent)
            wishes = settle_families(
                read, rules=self.inputs.rules, environment=self.inputs.environment, required=required
            )
            ground = replace(
                self._ground(ports, core, kept, wishes, absent), choices=choices.under(wishes.stands_for)
            )
            lines = settle_direct_clashes(
                [replace(line, relaxed_by=relaxed.get(line.key, "")) for line in wishes.lines],
                pins=ground.pins,
                limits=ground.limits,
                policy=ground.policy,
                choices=ground.choices,
            )
            inquiry = Inquiry(solver=ports.solver, ground=ground, cancel=self.cancel)
            search = Search(inquiry=inquiry, report=self.report)
            full, lines = search.find(lines)
            relaxed = {line.key: line.relaxed_by for line in lines if line.relaxed_by}
            unseen = {name for name in full.without_placeholders().versions if self._must_not_come(name)}
            wanted = {name for name in members if _really_wanted(name, full)}
            if not unseen and wanted <= required:
                return self._located(wishes, lines, full, ports, search)
            absent, required = absent | unseen, required | wanted
        raise SolveFailureError(SolveProblem.CONFLICT, "The rules of package families came to no end.")

    # --- core first ----------------------------------------------------------------------------------------

    def _ground(
        self,
        ports: SolverPorts,
        core: Wishes,
        kept: Mapping[str, Pin],
        wishes: Wishes,
        absent: frozenset[str],
    ) -> Ground:
        environment = self.inputs.environment
        stand_ins = {name: provided_by(chosen) for name, chosen in wishes.stands_for.items()}
        placeholders = {**dict.fromkeys(absent, ABSENT), **stand_ins}
        pins, core_texts = self._core_first(core, kept, ports, placeholders)
        return Ground(
            pins=pins,
            limits=joined(
                core_limits(core.lines, pins),
                companion_limits(self.inputs.rules, pins),
                runtime_limits(environment, pins),
            ),
            placeholders=placeholders,
            preferences=environment.versions,
            allow_builds="builds" in self.inputs.allowed,
            policy=self.inputs.policy,
            focus=self.inputs.focus,
            indexes=self.indexes,
            core_texts=core_texts,
        )

    def _core_first(
        self, core: Wishes, kept: Mapping[str, Pin], ports: SolverPorts, placeholders: Mapping[str, str]
    ) -> tuple[dict[str, Pin], tuple[str, ...]]:
        """With `repair`: what core still lacks, resolved before any pack has a say, and pinned.

        The pins, and core's own lines for the solves to come (architecture 3.1).
        """
        lines = [line for line in core.lines if line.applies and line.name and not line.line.constraint]
        if not self.inputs.repair or all(line.name in kept for line in lines):
            return dict(kept), ()
        texts = tuple(sorted(line.solver_text() for line in lines))
        request = SolveRequest(
            inputs=(SolveInput(label=CORE, texts=texts),),
            constraints=tuple(sorted(f"{name}=={pin.version}" for name, pin in kept.items())),
            overrides=tuple(sorted(f"{name}=={version}" for name, version in placeholders.items())),
            preferences=self.inputs.environment.versions,
            allow_builds="builds" in self.inputs.allowed,
        )
        solution = ports.solver.solve(request, self.cancel).without_placeholders()
        wishes = {line.name: line.line.text for line in lines}
        new = {
            name: core_pin(name, version, wishes.get(name, ""))
            for name, version in solution.versions.items()
            if name not in kept and version
        }
        return {**kept, **new}, texts

    # --- what must not come --------------------------------------------------------------------------------

    def _never_fetched(self) -> frozenset[str]:
        """Names of `keep` rules that are not installed, as far as the rules spell them out."""
        named = {
            name for rule in self.inputs.rules.of_kind("keep") for name in rule.packages if "*" not in name
        }
        return frozenset(named - self.inputs.environment.versions.keys())

    def _must_not_come(self, name: str) -> bool:
        installed = self.inputs.environment.versions
        return name not in installed and self.inputs.rules.never_fetched(name) is not None

    # --- what came of it -----------------------------------------------------------------------------------

    def _located(
        self,
        wishes: Wishes,
        lines: tuple[SolveLine, ...],
        full: Solution,
        ports: SolverPorts,
        search: Search,
    ) -> Solved:
        environment = self.inputs.environment
        solution = full.without_placeholders()
        kept = {
            name: version
            for name, version in solution.versions.items()
            if environment.versions.get(name) == version
        }
        packages = ports.artefacts.locate(solution, kept)
        passed_over = full.stood_in.keys() | search.inquiry.overrides.keys()
        dependents = {wanter for name in passed_over for wanter in full.via.get(name, ())} - kept.keys()
        requires: Mapping[str, tuple[str, ...]] = {}
        if dependents & solution.versions.keys():
            self.report.stage("metadata", "Reading what the packages require")
            requires = ports.artefacts.requires(
                [package for package in packages if package.name in dependents]
            )
        return Solved(
            wishes=wishes,
            lines=tuple(_named(line, solution) for line in lines),
            full=full,
            packages=packages,
            requires=requires,
            pins=search.inquiry.ground.pins,
            limits=search.inquiry.ground.limits,
            overrides=search.inquiry.overrides,
            dropped=tuple(search.dropped.values()),
            artefacts=ports.artefacts,
            choices=search.inquiry.ground.choices,
        )


def _really_wanted(name: str, full: Solution) -> bool:
    """Whether a package of the solution requires it by that name; what stands in for another does not."""
    return any(
        wanter in full.versions and not is_placeholder(full.versions[wanter])
        for wanter in full.via.get(name, ())
    )


def _named(line: SolveLine, solution: Solution) -> SolveLine:
    """The line with the name the solver found behind its URL."""
    if line.name or not line.applies:
        return line
    name = next((name for name, url in solution.urls.items() if is_from(line.url, url)), "")
    return replace(line, name=name)
