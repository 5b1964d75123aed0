"""Making a plan: rules, core first, joint solve or the ladder, least change. Nothing live is touched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from ..core.least_change import Side, needed_changes
from ..core.merge import Limits, Pin, Policy, core_pin, settle_direct_clashes, version_decisions
from ..core.outcome import line_outcomes, pack_statuses, refusals_for
from ..core.plan import PackChange, Plan
from ..core.protection import companion_limits, core_limits, joined, limit_texts, pins_of, runtime_limits
from ..core.rules import Rules
from ..core.solve import (
    ABSENT,
    Solution,
    SolveFailureError,
    SolveInput,
    SolveRequest,
    provided_by,
)
from ..core.types import CORE, Environment, Finding, Gathered, LockedPackage
from ..core.verdicts import (
    UNCLAIMED,
    changes_between,
    core_findings,
    left_alone,
    library_findings,
    library_lines,
    override_decisions,
    python_findings,
    unclaimed_lines,
)
from ..core.wishes import SolveLine, Wishes, read_wishes, settle_families
from ..ports import Artefacts, IndexProbe, Reporter, Silence, Solver
from .conflicts import Ground, LineKey, Search
from .indexes import granted_indexes, index_findings

MOST_ROUNDS = 6
"""Each round may bring a family, or a package that is never fetched, into view that only a library asks for."""


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
    """Distributions to be removed, which nothing wants any more (`uninstall`)."""
    pack_changes: tuple[PackChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    policy: Policy = Policy.NEWEST
    allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverPorts:
    """The solver and what belongs to it."""

    solver: Solver
    artefacts: Artefacts


OpenSolver = Callable[[Collection[str], Collection[str]], SolverPorts]
"""Given the names pinned as installed, and those of which only placeholders may come: the ports to solve with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solved:
    """What the rounds of solving arrived at."""

    wishes: Wishes
    lines: tuple[SolveLine, ...]
    solution: Solution
    packages: tuple[LockedPackage, ...]
    requires: Mapping[str, tuple[str, ...]]
    """Requires-Dist of what is installed, and of new packages whose bounds had to be passed over."""
    search: Search
    artefacts: Artefacts

    @property
    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """{name: names it depends on} in the solution."""
        found: dict[str, list[str]] = {name: [] for name in self.solution.versions}
        for name, wanters in self.solution.via.items():
            for wanter in wanters:
                if wanter in found:
                    found[wanter].append(name)
        return {name: tuple(names) for name, names in found.items()}


@dataclass(slots=True)
class Planner:
    """Makes one plan. Blocks; call from a thread."""

    inputs: PlanInputs
    open_solver: OpenSolver
    probe: IndexProbe
    report: Reporter = field(default_factory=Silence)
    cancel: threading.Event | None = None

    def plan(self) -> Plan:
        """The plan. Raises SafeInstallError when none can be made (network down, not solvable)."""
        inputs, environment = self.inputs, self.inputs.environment
        core = read_wishes(inputs.core.lines, rules=inputs.rules, environment=environment, allowed=("urls",))
        pack_lines = [line for pack in inputs.packs for line in pack.lines]
        read = read_wishes(
            [*pack_lines, *unclaimed_lines(environment, core, pack_lines)],
            rules=inputs.rules,
            environment=environment,
            allowed=inputs.allowed,
        )
        if inputs.repair:
            passed_over: tuple[Finding, ...] = ()
        else:
            read, passed_over = left_alone(read, inputs.focus, environment, inputs.rules)
        pins = pins_of(environment, core.lines, inputs.rules, repair=inputs.repair)
        self.report.stage("solve", "Resolving ComfyUI and all packs together")
        solved, pins, limits = self._solve(read, core, pins)
        stands_for = solved.wishes.stands_for
        after = self._after(solved, stands_for)
        library = library_lines(environment, after, solved.requires, stands_for)
        decisions = (
            *solved.wishes.decisions,
            *version_decisions(solved.lines, after, pins=pins, limits=limits),
            *override_decisions(solved.search.overrides, library, pins),
        )
        changes = changes_between(environment, after, solved.packages)
        findings = (
            *inputs.findings,
            *environment.findings,
            *core_findings(core, after),
            *(finding for pack in inputs.packs for finding in pack.findings),
            *python_findings(inputs.packs, environment),
            *index_findings(inputs.packs, inputs.allowed),
            *solved.wishes.findings,
            *passed_over,
            *(finding for finding in solved.search.dropped.values() if finding.pack != UNCLAIMED),
            *library_findings(library, solved.search.overrides),
        )
        outcomes = line_outcomes(inputs.packs, decisions, findings, environment.python.markers)
        staged = [change.name for change in changes if change.action != "remove"]
        return Plan(
            environment=environment,
            lock=self._lock(solved, after),
            pylock=solved.artefacts.lock_text(solved.solution, staged),
            full_pylock=self._full_lock(solved, after),
            changes=changes,
            pack_changes=inputs.pack_changes,
            decisions=decisions,
            findings=tuple(dict.fromkeys(findings)),
            packs=pack_statuses(inputs.packs, outcomes),
            lines=outcomes,
            library_lines=library,
            policy=inputs.policy,
            allowed=inputs.allowed,
            refusals=refusals_for(inputs.focus, findings, changes, environment),
            stands_for=stands_for,
        )

    # --- core first ----------------------------------------------------------------------------------------------

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

    # --- solving -------------------------------------------------------------------------------------------------

    def _solve(
        self, read: Wishes, core: Wishes, kept_pins: Mapping[str, Pin]
    ) -> tuple[_Solved, Mapping[str, Pin], Limits]:
        inputs, environment = self.inputs, self.inputs.environment
        members = {member.name for rule in inputs.rules.of_kind("one-of") for member in rule.members}
        indexes = granted_indexes(inputs.packs, inputs.allowed, self.probe)
        absent = self._never_fetched()
        required: frozenset[str] = frozenset()
        relaxed: dict[LineKey, str] = {}
        for _ in range(MOST_ROUNDS):
            ports = self.open_solver(kept_pins.keys(), absent)
            wishes = settle_families(read, rules=inputs.rules, environment=environment, required=required)
            stand_ins = {name: provided_by(chosen) for name, chosen in wishes.stands_for.items()}
            placeholders = {**dict.fromkeys(absent, ABSENT), **stand_ins}
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
                [replace(line, relaxed_by=relaxed.get(line.key, "")) for line in wishes.lines],
                pins=pins,
                limits=limits,
                policy=inputs.policy,
            )
            search = Search(solver=ports.solver, ground=ground, report=self.report, cancel=self.cancel)
            full, lines = search.find(lines)
            relaxed = {line.key: line.relaxed_by for line in lines if line.relaxed_by}
            unseen = {name for name in full.without_placeholders().versions if self._must_not_come(name)}
            wanted = {
                name for name in members & full.via.keys() if any(w in full.versions for w in full.via[name])
            }
            if not unseen and not wanted - required:
                break
            absent, required = absent | unseen, required | wanted
        solution = full.without_placeholders()
        kept = {
            name: version
            for name, version in solution.versions.items()
            if environment.versions.get(name) == version
        }
        packages = ports.artefacts.locate(solution, kept)
        passed_over = full.stood_in.keys() | search.overrides.keys()
        dependents = {wanter for name in passed_over for wanter in full.via.get(name, ())} - kept.keys()
        requires = {dist.name: dist.requires for dist in environment.distributions}
        if dependents & solution.versions.keys():
            self.report.stage("metadata", "Reading what the packages require")
            requires |= ports.artefacts.requires(
                [package for package in packages if package.name in dependents]
            )
        solved = _Solved(
            wishes=wishes,
            lines=lines,
            solution=solution,
            packages=packages,
            requires=requires,
            search=search,
            artefacts=ports.artefacts,
        )
        return solved, pins, limits

    def _must_not_come(self, name: str) -> bool:
        installed = self.inputs.environment.versions
        return name not in installed and self.inputs.rules.never_fetched(name) is not None

    # --- what it comes to ----------------------------------------------------------------------------------------

    def _after(self, solved: _Solved, stands_for: Mapping[str, str]) -> dict[str, str]:
        """{name: version} once the plan is applied."""
        environment = self.inputs.environment
        before = environment.versions
        wanted = {package.name: package.version for package in solved.packages}
        after = {**before, **wanted}
        for name, chosen in stands_for.items():
            if chosen in wanted:
                after.pop(name, None)
        if not self.inputs.repair:
            needed = needed_changes(
                before=Side(
                    versions=before, requires={dist.name: dist.requires for dist in environment.distributions}
                ),
                after=Side(versions=after, requires=solved.dependencies),
                focus=[line for line in solved.lines if line.line.pack in self.inputs.focus],
                others=[line for line in solved.lines if line.line.pack not in self.inputs.focus],
                markers=environment.python.markers,
                stands_for=stands_for,
            )
            kept = {name: version for name, version in before.items() if name not in needed}
            after = {**kept, **{name: after[name] for name in needed if name in after}}
        for name in self.inputs.remove:
            after.pop(name, None)
        return after

    def _lock(self, solved: _Solved, after: Mapping[str, str]) -> tuple[LockedPackage, ...]:
        located = {
            package.name: package for package in solved.packages if after.get(package.name) == package.version
        }
        kept = {
            name: LockedPackage(name=name, version=version)
            for name, version in after.items()
            if name not in located
        }
        return tuple(sorted([*located.values(), *kept.values()], key=lambda package: package.name))

    def _full_lock(self, solved: _Solved, after: Mapping[str, str]) -> str:
        environment, artefacts = self.inputs.environment, solved.artefacts
        local = {dist.name for dist in environment.distributions if dist.is_local_build}
        agreed = [
            name
            for name, version in solved.solution.versions.items()
            if after.get(name) == version or not version
        ]
        try:
            return artefacts.lock_text(solved.solution, [name for name in agreed if name not in local])
        except SolveFailureError:
            # Some installed version is on no index (withdrawn, private): the lock holds what can be fetched.
            return artefacts.lock_text(
                solved.solution, [name for name in agreed if name not in environment.versions]
            )
