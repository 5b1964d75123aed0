"""Option a of the design note: pack after pack, each as plain pip would, whatever that does to the others.

Plain pip keeps what is installed where it satisfies the lines at hand and their closure, and replaces it
otherwise, without a thought for what earlier packs, or core, need. Here it is only computed; staging,
swapping and undoing are the same as for any plan.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..core.merge import violated_lines
from ..core.outcome import line_outcomes, pack_statuses, refusals_for
from ..core.plan import Plan
from ..core.rules import Rules
from ..core.solve import PROBLEM_WORDS, Solution, SolveFailureError, SolveInput, SolveProblem, SolveRequest
from ..core.types import CORE, Decision, Finding, Gathered, LockedPackage
from ..core.verdicts import changes_between, core_findings, library_findings, library_lines, python_findings
from ..core.wishes import SolveLine, read_wishes
from ..errors import Hint
from ..ports import IndexProbe, Reporter
from .indexes import Granted, granted_indexes, index_findings
from .plan_inputs import OpenSolver, PlanInputs, SolverPorts

LAST_WINS = "last-wins"
NO_RULES = Rules(())


@dataclass(slots=True)
class _State:
    """What is installed, as pack after pack has its way."""

    versions: dict[str, str]
    urls: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    via: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked_by: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def take(self, answer: Solution) -> None:
        """The pack's own set replaces what stands in its way."""
        for name in answer.versions:
            self.urls.pop(name, None)
            self.indexes.pop(name, None)
        self.versions.update(answer.versions)
        self.urls.update(answer.urls)
        self.indexes.update(answer.indexes)
        self.via.update(answer.via)
        for name, who in answer.asked_by.items():
            self.asked_by[name] = tuple(dict.fromkeys((*self.asked_by.get(name, ()), *who)))

    def changed(self, before: Mapping[str, str]) -> Solution:
        """What has to be fetched."""
        return Solution(
            versions={name: each for name, each in self.versions.items() if before.get(name) != each},
            urls=self.urls,
            via=self.via,
            asked_by=self.asked_by,
            indexes=self.indexes,
        )


def plan_one_by_one(
    inputs: PlanInputs,
    open_solver: OpenSolver,
    probe: IndexProbe,
    *,
    order: Sequence[str],
    report: Reporter,
    cancel: threading.Event | None,
) -> Plan:
    """The plan that installing the packs one after the other comes to: in `order`, or as they are given.

    Raises SolveFailureError when the network is down.
    """
    environment = inputs.environment
    packs = {pack.pack: pack for pack in inputs.packs}
    chosen = [packs[name] for name in order if name in packs] if order else list(inputs.packs)
    ports = open_solver((), ())
    indexes = granted_indexes(chosen, inputs.allowed, probe)
    state = _State(versions=dict(environment.versions))
    findings: list[Finding] = []
    lines: list[SolveLine] = []
    for pack in chosen:
        report.stage("solve", f"Resolving {pack.pack} alone")
        wishes = read_wishes(pack.lines, rules=NO_RULES, environment=environment, allowed=inputs.allowed)
        findings += wishes.findings
        answer = _answer(ports, _request(pack, wishes.lines, state, inputs, indexes), pack, cancel)
        if isinstance(answer, Finding):
            findings.append(answer)
        else:
            lines += wishes.lines
            state.take(answer)
    solution = state.changed(environment.versions)
    packages = ports.artefacts.locate(solution, {})
    after = {**state.versions, **{package.name: package.version for package in packages}}
    report.stage("metadata", "Reading what the packages require")
    library = library_lines(environment, after, ports.artefacts.requires(packages), {})
    changes = changes_between(environment, after, packages)
    core = read_wishes(inputs.core.lines, rules=NO_RULES, environment=environment, allowed=("urls",))
    decisions = _clobberings([*core.lines, *lines], after, environment.versions)
    findings += [
        *environment.findings,
        *core_findings(core, after),
        *python_findings(chosen, environment),
        *index_findings(chosen, inputs.allowed, indexes),
        *library_findings(library, {}),
        *(finding for pack in chosen for finding in pack.findings),
    ]
    outcomes = line_outcomes(chosen, decisions, findings, environment.python.markers)
    kept = [LockedPackage(name=name, version=each) for name, each in after.items()]
    located = {package.name: package for package in (*kept, *packages)}
    return Plan(
        environment=environment,
        lock=tuple(located[name] for name in sorted(located)),
        pylock=ports.artefacts.lock_text(
            solution, [change.name for change in changes if change.action != "remove"]
        ),
        full_pylock="",
        changes=changes,
        pack_changes=inputs.pack_changes,
        decisions=decisions,
        findings=(*inputs.findings, *dict.fromkeys(findings)),
        packs=pack_statuses(chosen, outcomes),
        lines=outcomes,
        library_lines=library,
        policy=inputs.policy,
        allowed=inputs.allowed,
        refusals=refusals_for(inputs.focus, findings, changes, environment),
    )


def _request(
    pack: Gathered, lines: Sequence[SolveLine], state: _State, inputs: PlanInputs, indexes: Granted
) -> SolveRequest:
    index, indexed = indexes.get(pack.pack, ("", ()))
    texts = tuple(line.solver_text() for line in lines if line.applies and not line.line.constraint)
    limits = [line for line in lines if line.applies and line.line.constraint and line.name]
    return SolveRequest(
        inputs=(SolveInput(label=pack.pack, texts=texts, index=index, indexed=indexed),),
        constraints=tuple(line.solver_text() for line in limits),
        preferences={name: version for name, version in state.versions.items() if version},
        allow_builds="builds" in inputs.allowed,
    )


def _answer(
    ports: SolverPorts, request: SolveRequest, pack: Gathered, cancel: threading.Event | None
) -> Solution | Finding:
    try:
        return ports.solver.solve(request, cancel)
    except SolveFailureError as failure:
        if failure.problem is SolveProblem.NETWORK:
            raise
        words, hint = PROBLEM_WORDS[failure.problem]
        return Finding(
            code=f"line-{failure.problem.value}",
            message=f"{pack.pack} cannot be installed on its own: {words}.",
            pack=pack.pack,
            hints=(hint, Hint("merged", "The merged strategy says which line is to blame.")),
        )


def _clobberings(
    lines: Sequence[SolveLine], after: Mapping[str, str], before: Mapping[str, str]
) -> tuple[Decision, ...]:
    """What pip would do in silence, said as decisions: whose line holds no longer (or not at all)."""
    violated: dict[str, list[SolveLine]] = {}
    for line in violated_lines(lines, after):
        if line.line.pack == CORE and not _held(line, before):
            continue
        violated.setdefault(line.name, []).append(line)
    return tuple(
        Decision(
            package=name,
            rule=LAST_WINS,
            chosen=after.get(name, "not installed"),
            wanted=tuple(dict.fromkeys(line.wish for line in lines if line.applies and line.name == name)),
            violates=tuple(line.wish for line in losing),
            reason="One by one, the pack installed last wins; nobody asks those before it.",
        )
        for name, losing in sorted(violated.items())
    )


def _held(line: SolveLine, versions: Mapping[str, str]) -> bool:
    return line.name in versions and line.accepts(versions[line.name])
