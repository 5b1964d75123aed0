"""Solving in rounds: each may bring into view what only a library asks for, and what then needs a rule."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..core.merge import Limits, Pin, core_pin, settle_direct_clashes
from ..core.protection import companion_limits, core_limits, joined, limit_texts, runtime_limits
from ..core.solve import ABSENT, Solution, SolveInput, SolveRequest, provided_by
from ..core.types import CORE, LockedPackage
from ..core.wishes import SolveLine, Wishes, settle_families
from ..errors import Hint, SafeInstallError
from ..ports import Artefacts, IndexProbe, Reporter
from .conflicts import LineKey, Search
from .ground import Ground
from .indexes import granted_indexes
from .plan_inputs import OpenSolver, PlanInputs, SolverPorts

MOST_ROUNDS = 8
"""A family, or a package that is never fetched, comes into view once; there are fewer of them than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """What the rounds of solving arrived at."""

    wishes: Wishes
    lines: tuple[SolveLine, ...]
    solution: Solution
    packages: tuple[LockedPackage, ...]
    requires: Mapping[str, tuple[str, ...]]
    """Requires-Dist of what is installed, and of new packages whose bounds had to be passed over."""
    search: Search
    artefacts: Artefacts
    pins: Mapping[str, Pin]
    limits: Limits

    @property
    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """{name: names it depends on} in the solution."""
        found: dict[str, list[str]] = {name: [] for name in self.solution.versions}
        for name, wanters in self.solution.via.items():
            for wanter in wanters:
                if wanter in found:
                    found[wanter].append(name)
        return {name: tuple(names) for name, names in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What is known when a round begins."""

    absent: frozenset[str]
    """Packages of which only placeholders may come."""
    required: frozenset[str] = frozenset()
    """Members of families that some package of the last solution requires."""
    relaxed: Mapping[LineKey, str]
    """Lines whose limits earlier rounds gave up, with the rule."""


@dataclass(slots=True)
class Rounds:
    """Solves until nothing new comes into view. Blocks; call from a thread."""

    inputs: PlanInputs
    open_solver: OpenSolver
    probe: IndexProbe
    report: Reporter
    cancel: threading.Event | None = None

    def solve(self, read: Wishes, core: Wishes, kept_pins: Mapping[str, Pin]) -> Solved:
        """The solution of all wishes (`read_wishes`), with core first and everything protected.

        `kept_pins`: what stays as installed. Raises SafeInstallError `network-unreachable`, `not-solvable`.
        """
        indexes = granted_indexes(self.inputs.packs, self.inputs.allowed, self.probe)
        view = _View(absent=self._never_fetched(), relaxed={})
        for _ in range(MOST_ROUNDS):
            solved, full = self._round(read, core, kept_pins, view, indexes)
            seen = self._look(full, solved, view)
            if seen == view:
                return self._finish(solved, full)
            view = replace(
                seen, relaxed={line.key: line.relaxed_by for line in solved.lines if line.relaxed_by}
            )
        raise SafeInstallError(
            "not-solvable",
            "The rules for package families keep changing the solution; none is stable.",
            hints=(Hint("check-rules", "Look at the rules.toml in the state folder."),),
        )

    def _round(
        self,
        read: Wishes,
        core: Wishes,
        kept_pins: Mapping[str, Pin],
        view: _View,
        indexes: Mapping[str, tuple[str, tuple[str, ...]]],
    ) -> tuple[Solved, Solution]:
        inputs, environment = self.inputs, self.inputs.environment
        ports = self.open_solver(kept_pins.keys(), view.absent)
        wishes = settle_families(read, rules=inputs.rules, environment=environment, required=view.required)
        stand_ins = {name: provided_by(chosen) for name, chosen in wishes.stands_for.items()}
        placeholders = {**dict.fromkeys(view.absent, ABSENT), **stand_ins}
        pins, core_texts = self._core_first(core, kept_pins, ports, placeholders)
        limits = joined(
            core_limits(core.lines, pins),
            companion_limits(inputs.rules, pins),
            runtime_limits(environment, pins),
        )
        ground = Ground(
            pins=pins,
            constraints=(
                *sorted(f"{name}=={pin.version}" for name, pin in pins.items()),
                *limit_texts(limits),
            ),
            placeholders=placeholders,
            preferences=environment.versions,
            allow_builds="builds" in inputs.allowed,
            policy=inputs.policy,
            indexes=indexes,
            core_texts=core_texts,
        )
        lines = settle_direct_clashes(
            [replace(line, relaxed_by=view.relaxed.get(line.key, "")) for line in wishes.lines],
            pins=pins,
            limits=limits,
            policy=inputs.policy,
        )
        search = Search(solver=ports.solver, ground=ground, report=self.report, cancel=self.cancel)
        full, lines = search.find(lines)
        solved = Solved(
            wishes=wishes,
            lines=lines,
            solution=full.without_placeholders(),
            packages=(),
            requires={dist.name: dist.requires for dist in environment.distributions},
            search=search,
            artefacts=ports.artefacts,
            pins=pins,
            limits=limits,
        )
        return solved, full

    def _look(self, full: Solution, solved: Solved, view: _View) -> _View:
        """What is in view after a round: packages that must not come, and family members that are required."""
        members = {member.name for rule in self.inputs.rules.of_kind("one-of") for member in rule.members}
        unseen = {name for name in solved.solution.versions if self._must_not_come(name)}
        required = {
            name
            for name in members & full.via.keys()
            if any(wanter in full.versions for wanter in full.via[name])
        }
        return replace(view, absent=view.absent | unseen, required=view.required | required)

    def _finish(self, solved: Solved, full: Solution) -> Solved:
        """With where the packages come from, and the bounds that had to be passed over."""
        installed = self.inputs.environment.versions
        solution = solved.solution
        kept = {
            name: version for name, version in solution.versions.items() if installed.get(name) == version
        }
        packages = solved.artefacts.locate(solution, kept)
        passed_over = full.stood_in.keys() | solved.search.overrides.keys()
        dependents = {wanter for name in passed_over for wanter in full.via.get(name, ())} - kept.keys()
        requires = dict(solved.requires)
        if dependents & solution.versions.keys():
            self.report.stage("metadata", "Reading what the packages require")
            wanted = [package for package in packages if package.name in dependents]
            requires.update(solved.artefacts.requires(wanted))
        return replace(solved, packages=packages, requires=requires)

    def _core_first(
        self, core: Wishes, pins: Mapping[str, Pin], ports: SolverPorts, placeholders: Mapping[str, str]
    ) -> tuple[dict[str, Pin], tuple[str, ...]]:
        """With `repair`: what core still lacks, resolved before any pack has a say, and pinned (architecture 3.1)."""
        missing = [line for line in core.lines if line.applies and line.name and line.name not in pins]
        if not self.inputs.repair or not missing:
            return dict(pins), ()
        texts = tuple(sorted(line.solver_text() for line in core.lines if line.applies and line.name))
        request = SolveRequest(
            inputs=(SolveInput(label=CORE, texts=texts),),
            constraints=tuple(sorted(f"{name}=={pin.version}" for name, pin in pins.items())),
            overrides=tuple(sorted(f"{name}=={version}" for name, version in placeholders.items())),
            preferences=self.inputs.environment.versions,
            allow_builds="builds" in self.inputs.allowed,
        )
        solution = ports.solver.solve(request, self.cancel).without_placeholders()
        wishes = {line.name: line.line.text for line in core.lines}
        new = {
            name: core_pin(name, version, wishes.get(name, ""))
            for name, version in solution.versions.items()
            if name not in pins and version
        }
        return {**pins, **new}, texts

    def _never_fetched(self) -> frozenset[str]:
        """Names of `keep` rules that are not installed, as far as the rules spell them out."""
        installed = self.inputs.environment.versions
        named = {
            name for rule in self.inputs.rules.of_kind("keep") for name in rule.packages if "*" not in name
        }
        return frozenset(named - installed.keys())

    def _must_not_come(self, name: str) -> bool:
        installed = self.inputs.environment.versions
        return name not in installed and self.inputs.rules.never_fetched(name) is not None
