"""Finding and settling what a joint solve cannot meet: the ladder of architecture section 3.

A failing joint solve says that a conflict exists; which lines make it is found by asking the solver about
ever smaller parts (QuickXplain), never by believing its prose. The prose only suggests where to look first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from packaging.version import Version

from ..core.choices import YOUR_CHOICE
from ..core.merge import LineKey, Policy, demand, minimal_conflict, newer_count, violated_lines
from ..core.solve import PROBLEM_WORDS, Solution, SolveFailureError
from ..core.types import Finding
from ..core.verdicts import UNCLAIMED
from ..core.wishes import SolveLine
from ..errors import Hint, SafeInstallError
from ..ports import Reporter
from .ground import Inquiry, words_of
from .overriding import Overriding

MOST_CONFLICTS = 400
"""A bound on conflicts settled in one plan, so that a solver gone mad cannot keep us for ever."""


@dataclass(slots=True)
class Search:
    """One search for a set of versions. Not shared between threads."""

    inquiry: Inquiry
    report: Reporter
    dropped: dict[LineKey, Finding] = field(default_factory=dict)
    """Lines that nothing can meet, each with the reason."""

    def find(self, lines: Sequence[SolveLine]) -> tuple[Solution, tuple[SolveLine, ...]]:
        """A solution, and the lines with those relaxed or dropped that stood in its way.

        Raises SafeInstallError `network-unreachable` (index not reachable) or `not-solvable`.
        """
        current = {line.key: line for line in lines}
        answer = self.inquiry.answer(list(current.values()), preferring=True)
        if isinstance(answer, SolveFailureError):
            self.report.stage("isolate", "Asking about each pack alone")
            self._settle_packs_alone(current)
            answer = self.inquiry.answer(list(current.values()), preferring=True)
        settled = 0
        while isinstance(answer, SolveFailureError):
            settled += 1
            if settled > MOST_CONFLICTS:
                raise _not_solvable(answer)
            self.report.stage("settle", "Settling conflicts")
            self.report.progress(settled, 0, "conflicts")
            self._settle_one(answer, current, list(current.values()))
            answer = self.inquiry.answer(list(current.values()), preferring=True)
        return self._restore(answer, current)

    # --- one pack alone ------------------------------------------------------------------------------------

    def _settle_packs_alone(self, current: dict[LineKey, SolveLine]) -> None:
        """Compile each pack on its own (design note), and take out what no set of versions can meet."""
        by_pack: dict[str, list[SolveLine]] = {}
        for line in sorted(current.values(), key=lambda line: line.key):
            by_pack.setdefault(line.line.pack, []).append(line)
        groups = list(by_pack.values())
        answers = self.inquiry.answers([self.inquiry.request(group) for group in groups])
        failing = [
            (group, answer)
            for group, answer in zip(groups, answers, strict=True)
            if isinstance(answer, SolveFailureError)
        ]
        suspects = [
            line
            for group, answer in failing
            for line in group
            if line.applies
            and not line.line.constraint
            and (line.url or line.name in words_of(answer.output))
        ]
        alone = self.inquiry.answers([self.inquiry.request([line]) for line in suspects])
        for line, failure in zip(suspects, alone, strict=True):
            if isinstance(failure, SolveFailureError):
                self._settle_line(line, failure, current)
        for group, _ in failing:
            for _ in range(len(group) + 1):
                remaining = [current[line.key] for line in group if line.key in current]
                answer = self.inquiry.answer(remaining)
                if isinstance(answer, Solution):
                    break
                self._settle_one(answer, current, remaining)

    def _settle_line(
        self, line: SolveLine, failure: SolveFailureError, current: dict[LineKey, SolveLine]
    ) -> None:
        """Settle a line that fails by itself: relax it, override what blocks it, or drop it as a finding."""
        (free,) = self.inquiry.answers([self.inquiry.unprotected([line])])
        if isinstance(free, SolveFailureError):
            # The limits were meant for the package written, not for the one a rule put in its place.
            meant = replace(line, relaxed_by=line.substituted_by)
            if line.asks_version and meant.relaxed_by and not self.inquiry.fails([meant]):
                current[line.key] = meant
            else:
                self._drop(line, free, current)
            return
        # Only what is protected is in its way.
        answer: Solution | SolveFailureError = failure
        relaxed = line
        if line.asks_version:
            overriding = Overriding(self.inquiry)
            relaxed = replace(line, relaxed_by=overriding.rule_in_the_way(line, failure))
            answer = self.inquiry.answer([relaxed])
        # Going back to a release from before the one asked for is worse than a library next to a core newer
        # than the library has heard of; the trial imports it before anything goes live.
        good = isinstance(answer, Solution) and not _below_demand(line, answer)
        if not good and Overriding(self.inquiry).force(failure, [line]):
            return
        if isinstance(answer, Solution):
            current[line.key] = relaxed
        else:
            self._drop(line, failure, current)

    def _drop(self, line: SolveLine, failure: SolveFailureError, current: dict[LineKey, SolveLine]) -> None:
        words, hint = PROBLEM_WORDS[failure.problem]
        self.dropped[line.key] = Finding(
            code=f"line-{failure.problem.value}",
            message=f"{line.line.pack} asks for {line.line.text}, which cannot be had: {words}.",
            pack=line.line.pack,
            file=line.line.file,
            line=line.line.line,
            text=line.line.text,
            hints=(hint,),
        )
        del current[line.key]

    # --- one conflict --------------------------------------------------------------------------------------

    def _settle_one(
        self, failure: SolveFailureError, current: dict[LineKey, SolveLine], among: Sequence[SolveLine]
    ) -> None:
        """Find a smallest set of lines that cannot be met together, and give up one of their limits."""
        lines = sorted((line for line in among if line.applies), key=_search_order)
        words = words_of(failure.output)
        named = [line for line in lines if line.name in words]
        conflict = minimal_conflict(named, self.inquiry.fails) or minimal_conflict(lines, self.inquiry.fails)
        overriding = Overriding(self.inquiry)
        if not conflict:
            if not overriding.force(failure, lines):
                raise _not_solvable(failure)
            return
        curing = self._curing(conflict)
        if curing:
            loser = self._loser(curing, current)
            rule = self._losing_rule(loser, conflict, failure, [line for line, _ in curing])
            current[loser.key] = replace(loser, relaxed_by=rule)
            return
        answer = self.inquiry.answer(conflict)
        if isinstance(answer, SolveFailureError) and not overriding.force(answer, conflict):
            # Nothing to relax and nothing to override: one of them goes, with the reason.
            self._drop(max(conflict, key=self._drop_order), answer, current)

    def _curing(self, conflict: Sequence[SolveLine]) -> list[tuple[SolveLine, Solution]]:
        """The lines of the conflict whose limits alone need to be given up, with what comes of it."""
        relaxable = [line for line in conflict if line.asks_version]
        requests = []
        for candidate in relaxable:
            relaxed = replace(candidate, relaxed_by="newest-wins")
            requests.append(
                self.inquiry.request([relaxed if line is candidate else line for line in conflict])
            )
        return [
            (line, answer)
            for line, answer in zip(relaxable, self.inquiry.answers(requests), strict=True)
            if isinstance(answer, Solution)
        ]

    def _loser(
        self, curing: Sequence[tuple[SolveLine, Solution]], current: dict[LineKey, SolveLine]
    ) -> SolveLine:
        """Whose limits to give up: by what the user chose, else by the policy."""
        rank = self.inquiry.ground.choices.rank
        least = min(rank(line) for line, _ in curing)
        open_to = [(line, answer) for line, answer in curing if rank(line) == least]

        def preference(entry: tuple[SolveLine, Solution]) -> tuple[int, int, tuple[int, ...]]:
            line, answer = entry
            broken = 0
            if self.inquiry.ground.policy is Policy.FEWEST_BROKEN:
                concerned = [other for other in current.values() if other.name in answer.versions]
                broken = len({other.key for other in violated_lines(concerned, answer.versions)})
            newer = sum(newer_count(answer.versions, other.versions) for _, other in open_to)
            return -broken, newer, tuple(-ord(letter) for letter in line.line.pack)

        return max(open_to, key=preference)[0]

    def _losing_rule(
        self,
        loser: SolveLine,
        conflict: Sequence[SolveLine],
        failure: SolveFailureError,
        curing: Sequence[SolveLine],
    ) -> str:
        if len(conflict) == 1:
            return Overriding(self.inquiry).rule_in_the_way(loser, failure)
        if len({line.line.pack for line in conflict}) == 1:
            return "pack-contradicts-itself"
        rank = self.inquiry.ground.choices.rank
        if any(rank(line) > rank(loser) for line in curing):
            return YOUR_CHOICE
        return f"{self.inquiry.ground.policy.value}-wins" if len(curing) > 1 else "library-bounds"

    def _drop_order(self, line: SolveLine) -> tuple[bool, bool, tuple[bool, str, str, int, str]]:
        """What is being installed is given up before what others want, and that before what is installed."""
        pack = line.line.pack
        return pack in self.inquiry.ground.focus, pack != UNCLAIMED, _search_order(line)

    # --- nothing given up in vain --------------------------------------------------------------------------

    def _restore(
        self, solution: Solution, current: dict[LineKey, SolveLine]
    ) -> tuple[Solution, tuple[SolveLine, ...]]:
        """Take back relaxations that turned out needless: lines the solution meets anyway bind again."""
        met = [
            line
            for line in current.values()
            if line.relaxed_by and not line.url and line.accepts(solution.versions.get(line.name, ""))
        ]
        if met:
            restored = {**current, **{line.key: replace(line, relaxed_by="") for line in met}}
            answer = self.inquiry.answer(list(restored.values()), preferring=True)
            if isinstance(answer, Solution):
                return answer, tuple(restored.values())
        return solution, tuple(current.values())


def _search_order(line: SolveLine) -> tuple[bool, str, str, int, str]:
    return (line.asks_version, *line.key)


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
