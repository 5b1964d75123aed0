"""Passing over what is protected, by name: what stands in the way, and what is to be forced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from ..core.solve import Solution, SolveFailureError
from ..core.wishes import SolveLine
from .ground import Inquiry, words_of

MOST_TOGETHER = 6
"""Rounds of looking for several packages that block a solve only together."""


@dataclass(slots=True)
class Overriding:
    """Looks for the fewest packages whose version must be forced upon everybody who depends on them."""

    inquiry: Inquiry

    def rule_in_the_way(self, line: SolveLine, failure: SolveFailureError) -> str:
        """Code of the rule that alone keeps the line from being met; `core-wins` when none does alone."""
        ground = self.inquiry.ground
        words = words_of(failure.output)
        pinned, limited = sorted(words & ground.pins.keys()), sorted(words & ground.limits.keys())
        requests = [self.inquiry.request([line], extra={name: ground.pins[name].version}) for name in pinned]
        requests += [self.inquiry.request([line], without=[name]) for name in limited]
        rules = [ground.pins[name].rule for name in pinned]
        rules += [ground.limits[name][0].rule for name in limited]
        answers = self.inquiry.answers(requests)
        return next(
            (rule for rule, answer in zip(rules, answers, strict=True) if isinstance(answer, Solution)),
            "core-wins",
        )

    def force(self, failure: SolveFailureError, lines: Sequence[SolveLine]) -> bool:
        """Force versions, by name, so that these lines are met; True when that cured it.

        One package where one alone blocks the solve, else the fewest protected ones that block it together.
        """
        pins = self.inquiry.ground.pins
        words = words_of(failure.output) - self.inquiry.overrides.keys()
        quoted = self._quoted(failure)
        if self._force_first([{name: version} for name, version in quoted.items()], lines):
            return True
        candidates = [{name: pins[name].version} for name in sorted(words & pins.keys() - quoted.keys())]
        alone = [
            answer
            for answer in self.inquiry.answers([self.inquiry.request([line]) for line in lines])
            if isinstance(answer, Solution)
        ]
        for name in sorted(words - pins.keys()):
            versions = {answer.versions[name] for answer in alone if answer.versions.get(name)}
            candidates += [{name: version} for version in sorted(versions, key=Version, reverse=True)]
        return self._force_first(candidates, lines) or self._force_together(failure, lines)

    def _quoted(self, failure: SolveFailureError) -> dict[str, str]:
        """{name: version} of pinned packages the solver names with exactly the version they are pinned to."""
        pins = self.inquiry.ground.pins
        names = words_of(failure.output) & pins.keys() - self.inquiry.overrides.keys()
        return {
            name: pins[name].version
            for name in sorted(names)
            if f"{name}=={pins[name].version}" in failure.output
        }

    def _force_first(self, candidates: Sequence[Mapping[str, str]], lines: Sequence[SolveLine]) -> bool:
        requests = [self.inquiry.request(lines, extra=extra) for extra in candidates]
        for extra, answer in zip(candidates, self.inquiry.answers(requests), strict=True):
            if isinstance(answer, Solution):
                self.inquiry.overrides.update(extra)
                return True
        return False

    def _force_together(self, failure: SolveFailureError, lines: Sequence[SolveLine]) -> bool:
        """Each failure names the next package in the way; those that turn out needless are not forced."""
        extra: dict[str, str] = {}
        for _ in range(MOST_TOGETHER):
            more = {name: version for name, version in self._quoted(failure).items() if name not in extra}
            if not more:
                return False
            extra |= more
            answer = self.inquiry.answer(lines, extra=extra)
            if isinstance(answer, Solution):
                break
            failure = answer
        else:
            return False
        for name in sorted(extra):
            fewer = {other: version for other, version in extra.items() if other != name}
            if isinstance(self.inquiry.answer(lines, extra=fewer), Solution):
                extra = fewer
        self.inquiry.overrides.update(extra)
        return True
