"""Making a plan: rules, core first, joint solve or the ladder, least change. Nothing live is touched."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..core.choices import Choices, broken_choices, choice_findings, choices_for
from ..core.closure import closure
from ..core.families import as_installed
from ..core.least_change import Side, needed_changes
from ..core.merge import version_decisions, violated_lines
from ..core.outcome import line_outcomes, pack_statuses, refusals_for
from ..core.plan import Plan
from ..core.protection import pins_of
from ..core.solve import SolveFailureError, SolveProblem
from ..core.types import Finding, LockedPackage
from ..core.verdicts import (
    UNCLAIMED,
    changes_between,
    core_findings,
    hash_findings,
    left_alone,
    library_findings,
    library_lines,
    override_decisions,
    python_findings,
    unclaimed_lines,
)
from ..core.wishes import Wishes, read_wishes
from ..ports import IndexProbe, Reporter, Silence
from .ground import words_of
from .indexes import granted_indexes, index_findings
from .plan_inputs import OpenSolver, PlanInputs, SolverPorts
from .rounds import Rounds, Solved

__all__ = ["OpenSolver", "PlanInputs", "Planner", "SolverPorts"]

MOST_WITHDRAWN = 12
"""Installed versions that no index has any more and of which the solver names one after the other."""


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
        core = self._core()
        read, passed_over, choices = self._wishes(core)
        pins = pins_of(environment, core.lines, inputs.rules, repair=inputs.repair)
        indexes = granted_indexes(inputs.packs, inputs.allowed, self.probe)
        self.report.stage("solve", "Resolving ComfyUI and all packs together")
        solved = Rounds(
            inputs=inputs,
            open_solver=self.open_solver,
            report=self.report,
            indexes=indexes,
            cancel=self.cancel,
        ).solve(read, core, pins, choices)
        stands_for = solved.wishes.stands_for
        after = self._after(solved, stands_for)
        library = library_lines(environment, after, solved.requires, stands_for)
        choices = solved.choices
        broken = broken_choices(choices, solved.lines, violated_lines(solved.lines, after))
        decisions = (
            *solved.wishes.decisions,
            *version_decisions(
                solved.lines,
                after,
                pins=solved.pins,
                limits=solved.limits,
                reasons={rule.code: rule.says for rule in inputs.rules.rules},
                choices=choices.without(broken),
            ),
            *override_decisions(solved.overrides, library, solved.pins),
        )
        changes = changes_between(environment, after, solved.packages)
        findings = (
            *inputs.findings,
            *environment.findings,
            *core_findings(core, after),
            *(finding for pack in inputs.packs for finding in pack.findings),
            *python_findings(inputs.packs, environment),
            *index_findings(inputs.packs, inputs.allowed, indexes),
            *solved.wishes.findings,
            *passed_over,
            *choice_findings(choices, broken, decisions),
            *(finding for finding in solved.dropped if finding.pack != UNCLAIMED),
            *hash_findings(solved.lines, solved.packages),
            *library_findings(library, solved.overrides),
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
            prefer=choices.all,
            allowed=inputs.allowed,
            refusals=refusals_for(inputs.focus, findings, changes, environment),
            stands_for=stands_for,
        )

    # --- what is wished ------------------------------------------------------------------------------------

    def _core(self) -> Wishes:
        """Core's own lines; a family's member that is installed is what core gets where it asks for another."""
        rules, environment = self.inputs.rules, self.inputs.environment
        core = read_wishes(self.inputs.core.lines, rules=rules, environment=environment, allowed=("urls",))
        return replace(core, lines=as_installed(core.lines, rules=rules, environment=environment))

    def _wishes(self, core: Wishes) -> tuple[Wishes, tuple[Finding, ...], Choices]:
        """What takes part in the solve, a finding for each line that is left alone, and the choices that count."""
        inputs, environment = self.inputs, self.inputs.environment
        lines = [line for pack in inputs.packs for line in pack.lines]
        read = read_wishes(lines, rules=inputs.rules, environment=environment, allowed=inputs.allowed)
        choices = choices_for(
            inputs.prefer,
            inputs.earlier,
            packs=[pack.pack for pack in inputs.packs],
            lines=read.lines,
            rules=inputs.rules,
        )
        passed_over: tuple[Finding, ...] = ()
        if not inputs.repair:
            read, passed_over = left_alone(read, inputs.focus, environment, inputs.rules, choices)
        unclaimed = [
            line
            for line in unclaimed_lines(environment, [*core.lines, *read.lines])
            if line.name not in inputs.remove
        ]
        return replace(read, lines=(*read.lines, *unclaimed)), passed_over, choices

    # --- what it comes to ----------------------------------------------------------------------------------

    def _after(self, solved: Solved, stands_for: Mapping[str, str]) -> dict[str, str]:
        """{name: version} once the plan is applied."""
        environment = self.inputs.environment
        before = environment.versions
        installed = {dist.name: dist.requires for dist in environment.distributions}
        wanted = {package.name: package.version for package in solved.packages}
        after = {**before, **wanted}
        for name, chosen in stands_for.items():
            if chosen in wanted:
                after.pop(name, None)
        if not self.inputs.repair:
            focus = [
                line
                for line in solved.lines
                if line.line.pack in self.inputs.focus or solved.choices.is_given(line)
            ]
            needed = needed_changes(
                before=Side(versions=before, requires=installed),
                after=Side(versions=after, requires=solved.dependencies),
                focus=focus,
                others=[line for line in solved.lines if line not in focus],
                markers=environment.python.markers,
                stands_for=stands_for,
            )
            kept = {name: version for name, version in before.items() if name not in needed}
            after = {**kept, **{name: after[name] for name in needed if name in after}}
        for name in self._unwanted(solved, installed):
            after.pop(name, None)
        return after

    def _unwanted(self, solved: Solved, installed: Mapping[str, Sequence[str]]) -> frozenset[str]:
        """Of what is to be removed, all that nothing wants, not even what comes by this very plan."""
        if not self.inputs.remove:
            return frozenset()
        asking = [line for line in solved.lines if line.applies and line.name and not line.line.constraint]
        roots = [(line.name, line.extras) for line in asking if line.line.pack != UNCLAIMED]
        markers = self.inputs.environment.python.markers
        return self.inputs.remove - closure(roots, {**installed, **solved.dependencies}, markers)

    def _lock(self, solved: Solved, after: Mapping[str, str]) -> tuple[LockedPackage, ...]:
        located = {
            package.name: package for package in solved.packages if after.get(package.name) == package.version
        }
        kept = {
            name: LockedPackage(name=name, version=version)
            for name, version in after.items()
            if name not in located
        }
        return tuple(sorted([*located.values(), *kept.values()], key=lambda package: package.name))

    def _full_lock(self, solved: Solved, after: Mapping[str, str]) -> str:
        """Everything as it will be, less what no index has: local builds, and versions that were withdrawn."""
        local = {dist.name for dist in self.inputs.environment.distributions if dist.is_local_build}
        names = {name for name in after if name not in local or name in solved.solution.urls}
        everything = replace(solved.solution, versions={**solved.solution.versions, **after})
        for _ in range(MOST_WITHDRAWN):
            try:
                return solved.artefacts.lock_text(everything, sorted(names))
            except SolveFailureError as failure:
                gone = words_of(failure.output) & names
                if failure.problem is SolveProblem.NETWORK or not gone:
                    raise
                names -= gone
        arriving = after.items() - self.inputs.environment.versions.items()
        return solved.artefacts.lock_text(everything, sorted(name for name, _ in arriving))
