"""Option a of the design note: pack after pack, each as plain pip would, whatever that does to the others.

Plain pip keeps what is installed where it satisfies the lines at hand and their closure, and replaces it otherwise,
without a thought for what earlier packs, or core, need. Here it is only computed; staging, swapping and undoing are
the same as for any plan.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from ..core.merge import violated_lines
from ..core.outcome import line_outcomes, pack_statuses, refusals_for
from ..core.plan import Plan
from ..core.solve import PROBLEM_WORDS, Solution, SolveFailureError, SolveInput, SolveProblem, SolveRequest
from ..core.types import CORE, Decision, Finding, Gathered
from ..core.verdicts import changes_between, core_findings, library_findings, library_lines, python_findings
from ..core.wishes import SolveLine, read_wishes
from ..errors import Hint
from ..ports import Reporter
from .plan_inputs import OpenSolver, PlanInputs, SolverPorts

LAST_WINS = "last-wins"


def plan_one_by_one(
    inputs: PlanInputs,
    open_solver: OpenSolver,
    order: Sequence[str],
    report: Reporter,
    cancel: threading.Event | None,
) -> Plan:
    """What installing the packs one after the other comes to. SolveFailureError when the network is down."""
    environment = inputs.environment
    packs = {pack.pack: pack for pack in inputs.packs}
    chosen = [packs[name] for name in order if name in packs] if order else list(inputs.packs)
    no_rules = type(inputs.rules)(())
    ports = open_solver((), ())
    state: dict[str, str] = dict(environment.versions)
    urls: dict[str, str] = {}
    via: dict[str, tuple[str, ...]] = {}
    asked: dict[str, tuple[str, ...]] = {}
    findings: list[Finding] = []
    lines: list[SolveLine] = []
    for pack in chosen:
        report.stage("solve", f"Resolving {pack.pack} alone")
        wishes = read_wishes(pack.lines, rules=no_rules, environment=environment, allowed=inputs.allowed)
        findings += wishes.findings
        lines += wishes.lines
        request = _request(pack, wishes.lines, state, builds="builds" in inputs.allowed)
        answer = _answer(ports, pack, request, cancel)
        if isinstance(answer, Finding):
            findings.append(answer)
            continue
        state.update(
            {name: version for name, version in answer.versions.items() if version or name not in state}
        )
        urls.update(answer.urls)
        via.update(answer.via)
        asked.update(
            {
                name: tuple(dict.fromkeys((*asked.get(name, ()), *who)))
                for name, who in answer.asked_by.items()
            }
        )
    core = read_wishes(inputs.core.lines, rules=no_rules, environment=environment, allowed=("urls",))
    changed = {name: version for name, version in state.items() if environment.versions.get(name) != version}
    solution = Solution(versions=changed, urls=urls, via=via, asked_by=asked)
    packages = ports.artefacts.locate(solution, {})
    report.stage("metadata", "Reading what the packages require")
    requires: dict[str, Sequence[str]] = {dist.name: dist.requires for dist in environment.distributions}
    requires.update(ports.artefacts.requires(packages))
    library = library_lines(environment, state, requires, {})
    changes = changes_between(environment, state, packages)
    decisions = _clobberings([*core.lines, *lines], state, environment.versions)
    findings += [
        *core_findings(core, state),
        *python_findings(chosen, environment),
        *library_findings(library, {}),
        *(finding for pack in chosen for finding in pack.findings),
    ]
    outcomes = line_outcomes(chosen, decisions, findings, environment.python.markers)
    return Plan(
        environment=environment,
        lock=packages,
        pylock=ports.artefacts.lock_text(solution, sorted(changed)),
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
    pack: Gathered, lines: Sequence[SolveLine], state: Mapping[str, str], *, builds: bool
) -> SolveRequest:
    texts = tuple(line.solver_text() for line in lines if not line.line.constraint)
    return SolveRequest(
        inputs=(SolveInput(label=pack.pack, texts=texts),),
        constraints=tuple(line.solver_text() for line in lines if line.line.constraint and line.name),
        preferences=dict(state),
        allow_builds=builds,
    )


def _answer(
    ports: SolverPorts, pack: Gathered, request: SolveRequest, cancel: threading.Event | None
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
