"""Finding and settling what a joint solve cannot meet: the ladder of architecture section 3, with smallest conflicts.

A failing joint solve says that a conflict exists; which lines make it is found by asking the solver about ever
smaller parts (QuickXplain), never by believing its prose. The prose only suggests where to look first.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from packaging.utils import canonicalize_name
from packaging.version import Version

from ..core.merge import demand, minimal_conflict, newer_count
from ..core.solve import PROBLEM_WORDS, Solution, SolveFailureError, SolveProblem, SolveRequest
from ..core.types import Finding
from ..core.wishes import SolveLine
from ..errors import Hint, SafeInstallError
from ..ports import Reporter, Solver
from .ground import Ground

LineKey = tuple[str, str, int, str]
MOST_CONFLICTS = 400
"""A bound on conflicts settled in one plan, so that a solver gone mad cannot keep us for ever."""


@dataclass(slots=True)
class Search:
    """One search for a set of versions. Not shared between threads; the solver it asks may run in parallel."""

    solver: Solver
    ground: Ground
    report: Reporter
    cancel: threading.Event | None = None
    overrides: dict[str, str] = field(default_factory=dict)
    """{name: version} forced because the package alone blocked the solve."""
    findings: list[Finding] = field(default_factory=list)
    dropped: dict[LineKey, Finding] = field(default_factory=dict)

    def find(self, lines: Sequence[SolveLine]) -> tuple[Solution, tuple[SolveLine, ...]]:
        """A solution, and the lines with those relaxed or dropped that stood in its way.

        Raises SafeInstallError `network-unreachable` (index not reachable) or `not-solvable`.
        """
        current = {line.key: line for line in lines}
        answer = self._answer(list(current.values()), preferring=True)
        if isinstance(answer, SolveFailureError):
            self.report.stage("isolate", "Asking about each pack alone")
            self._settle_packs_alone(current)
            answer = self._answer(list(current.values()), preferring=True)
        settled = 0
        while isinstance(answer, SolveFailureError):
            settled += 1
            if settled > MOST_CONFLICTS:
                raise _not_solvable(answer)
            self.report.stage("settle", "Settling conflicts")
            self.report.progress(settled, 0, "conflicts")
            self._settle_one(answer, current)
            answer = self._answer(list(current.values()), preferring=True)
        return self._restore(answer, current)

    # --- asking -------------------------------------------------------------------------------------------

    def _request(
        self, lines: Sequence[SolveLine], *, preferring: bool = False, extra: Mapping[str, str] | None = None
    ) -> SolveRequest:
        return self.ground.request(lines, {**self.overrides, **(extra or {})}, preferring=preferring)

    def _answer(
        self, lines: Sequence[SolveLine], *, preferring: bool = False, extra: Mapping[str, str] | None = None
    ) -> Solution | SolveFailureError:
        return self._answers([self._request(lines, preferring=preferring, extra=extra)])[0]

    def _answers(self, requests: Sequence[SolveRequest]) -> list[Solution | SolveFailureError]:
        answers = self.solver.solve_each(requests, self.cancel)
        for answer in answers:
            if isinstance(answer, SolveFailureError) and answer.problem is SolveProblem.NETWORK:
                raise answer
        return answers

    def _fails(self, lines: Sequence[SolveLine]) -> bool:
        return isinstance(self._answer(lines), SolveFailureError)

    # --- one pack alone -----------------------------------------------------------------------------------

    def _settle_packs_alone(self, current: dict[LineKey, SolveLine]) -> None:
        """Compile each pack on its own (design note), and take out the lines that no set of versions can meet."""
        packs = sorted({line.line.pack for line in current.values()})
        groups = [[line for line in current.values() if line.line.pack == pack] for pack in packs]
        answers = self._answers([self._request(group) for group in groups])
        failing = [
            group
            for group, answer in zip(groups, answers, strict=True)
            if isinstance(answer, SolveFailureError)
        ]
        suspects = [
            line
            for group, answer in zip(groups, answers, strict=True)
            if isinstance(answer, SolveFailureError)
            for line in group
            if line.applies
            and not line.line.constraint
            and (not line.name or line.name in _words(answer.output))
        ]
        alone = self._answers([self._request([line]) for line in suspects])
        for line, answer in zip(suspects, alone, strict=True):
            if isinstance(answer, SolveFailureError):
                self._settle_line(line, answer, current)
        for group in failing:
            for _ in range(len(group) + 1):
                remaining = [current[line.key] for line in group if line.key in current]
                answer = self._answer(remaining)
                if not isinstance(answer, SolveFailureError):
                    break
                self._settle_one(answer, current, among=remaining)

    def _settle_line(
        self, line: SolveLine, failure: SolveFailureError, current: dict[LineKey, SolveLine]
    ) -> None:
        """Settle one line that fails all by itself: relax it, override what blocks it, or drop it as a finding."""
        if failure.problem is SolveProblem.CONFLICT or (
            line.asks_version and failure.problem is not SolveProblem.BUILD_FAILED
        ):
            relaxed = replace(line, relaxed_by=self._losing_rule())
            without_core = self._request([line])
            free = self._answers([replace(without_core, constraints=(), overrides=())])[0]
            if isinstance(free, Solution):
                # Core's versions are in its way, nothing else.
                answer = self._answer([relaxed]) if line.asks_version else failure
                too_old = isinstance(answer, Solution) and _below_demand(line, answer)
                # Going back to a release from before the one asked for is worse than a library next to a core newer
                # than the library has heard of; the trial imports it before anything goes live.
                if (too_old or not isinstance(answer, Solution)) and self._override(failure, [line]):
                    return
                if isinstance(answer, Solution):
                    current[line.key] = relaxed
                    return
            else:
                failure = free
        self._drop(line, failure, current)

    def _drop(self, line: SolveLine, failure: SolveFailureError, current: dict[LineKey, SolveLine]) -> None:
        words, hint = PROBLEM_WORDS[failure.problem]
        code = f"line-{failure.problem.value}"
        self.dropped[line.key] = Finding(
            code=code,
            message=f"{line.line.pack} asks for {line.line.text}, which cannot be had: {words}.",
            pack=line.line.pack,
            file=line.line.file,
            line=line.line.line,
            hints=(hint,),
        )
        del current[line.key]

    # --- one conflict -------------------------------------------------------------------------------------

    def _settle_one(
        self,
        failure: SolveFailureError,
        current: dict[LineKey, SolveLine],
        among: Sequence[SolveLine] | None = None,
    ) -> None:
        """Find a smallest set of lines that cannot be met together, and give up one of their version limits."""
        lines = [line for line in (among or current.values()) if line.applies]
        words = _words(failure.output)
        named = [line for line in lines if line.name in words]
        conflict = minimal_conflict(sorted(named, key=_search_order), self._fails)
        if not conflict:
            conflict = minimal_conflict(sorted(lines, key=_search_order), self._fails)
        if not conflict:
            if self._override(failure, lines):
                return
            raise _not_solvable(failure)
        relaxable = [line for line in conflict if line.asks_version]
        loser = self._loser(conflict, relaxable)
        if loser is not None:
            current[loser.key] = replace(loser, relaxed_by=self._losing_rule(conflict))
            return
        answer = self._answer(conflict)
        if isinstance(answer, SolveFailureError) and self._override(answer, conflict):
            return
        if isinstance(answer, SolveFailureError):
            # Nothing to relax and nothing to override: the last of them (by search order) goes, with the reason.
            self._drop(conflict[-1], answer, current)

    def _loser(self, conflict: Sequence[SolveLine], relaxable: Sequence[SolveLine]) -> SolveLine | None:
        """Whose limits to give up so that the newest versions win; None when giving up one line is not enough."""
        requests = []
        for candidate in relaxable:
            relaxed = replace(candidate, relaxed_by="newest-wins")
            requests.append(self._request([relaxed if line is candidate else line for line in conflict]))
        outcomes = self._answers(requests)
        curing = [
            (line, answer)
            for line, answer in zip(relaxable, outcomes, strict=True)
            if isinstance(answer, Solution)
        ]
        if not curing:
            return None
        return max(
            curing,
            key=lambda entry: (
                sum(newer_count(entry[1].versions, other.versions) for _, other in curing),
                tuple(-ord(letter) for letter in entry[0].line.pack),
            ),
        )[0]

    def _losing_rule(self, conflict: Sequence[SolveLine] = ()) -> str:
        packs = {other.line.pack for other in conflict}
        if len(packs) > 1:
            return f"{self.ground.policy.value}-wins"
        return "pack-contradicts-itself" if len(conflict) > 1 else "core-wins"

    def _override(self, failure: SolveFailureError, lines: Sequence[SolveLine]) -> bool:
        """Force one package's version, by name, when it alone blocks the solve. True when that cured it."""
        pins = self.ground.pins
        words = _words(failure.output) - self.overrides.keys()
        quoted = [
            name for name in sorted(words & pins.keys()) if f"{name}=={pins[name].version}" in failure.output
        ]
        candidates = [(name, pins[name].version) for name in quoted]
        if self._override_first(candidates, lines):
            return True
        candidates = [
            (name, pins[name].version) for name in sorted(words & pins.keys()) if name not in quoted
        ]
        alone = [
            answer
            for answer in self._answers([self._request([line]) for line in lines])
            if isinstance(answer, Solution)
        ]
        for name in sorted(words - pins.keys()):
            versions = {answer.versions[name] for answer in alone if answer.versions.get(name)}
            candidates += [(name, version) for version in sorted(versions, key=Version, reverse=True)]
        return self._override_first(candidates, lines)

    def _override_first(self, candidates: Sequence[tuple[str, str]], lines: Sequence[SolveLine]) -> bool:
        answers = self._answers([self._request(lines, extra={name: version}) for name, version in candidates])
        for (name, version), answer in zip(candidates, answers, strict=True):
            if isinstance(answer, Solution):
                self.overrides[name] = version
                return True
        return False

    # --- nothing given up in vain -------------------------------------------------------------------------

    def _restore(
        self, solution: Solution, current: dict[LineKey, SolveLine]
    ) -> tuple[Solution, tuple[SolveLine, ...]]:
        """Take back relaxations that turned out needless: lines the solution meets anyway bind again."""
        met = (
            [
                line
                for line in current.values()
                if line.relaxed_by and line.accepts(solution.versions.get(line.name, ""))
            ]
            if solution.versions
            else []
        )
        if met:
            restored = {**current, **{line.key: replace(line, relaxed_by="") for line in met}}
            answer = self._answer(list(restored.values()), preferring=True)
            if isinstance(answer, Solution):
                return answer, tuple(restored.values())
        return solution, tuple(current.values())


def _search_order(line: SolveLine) -> tuple[bool, str, str, int, str]:
    return (line.asks_version, *line.key)


def _words(output: str) -> set[str]:
    """Every word of the solver's prose that could be a package name: where to look first, not whom to blame."""
    return {canonicalize_name(word) for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", output)}


def _below_demand(line: SolveLine, solution: Solution) -> bool:
    version = solution.versions.get(line.name, "")
    return bool(version) and Version(version) < demand(line.specifier)[0]


def _not_solvable(failure: SolveFailureError) -> SafeInstallError:
    return SafeInstallError(
        "not-solvable",
        "No set of versions was found, and no single line is to blame.",
        context={"output": failure.output[-2000:]},
        hints=(
            Hint("plan-fewer", "Plan fewer packs at once, to find the one that cannot live with the others."),
        ),
    )
