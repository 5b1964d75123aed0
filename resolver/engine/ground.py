"""What every solve of one plan stands on, and how the solver is asked."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from ..core.choices import NO_CHOICES, Choices
from ..core.merge import Limits, Pin, Policy
from ..core.protection import limit_texts
from ..core.solve import Solution, SolveFailureError, SolveInput, SolveProblem, SolveRequest
from ..core.types import CORE
from ..core.wishes import SolveLine
from ..ports import Solver


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every solve of one plan stands on."""

    pins: Mapping[str, Pin]
    limits: Limits
    placeholders: Mapping[str, str]
    """{name: placeholder version} forced upon everybody; see `core.solve.provided_by`."""
    preferences: Mapping[str, str]
    allow_builds: bool
    policy: Policy
    choices: Choices = NO_CHOICES
    focus: frozenset[str] = frozenset()
    """Packs being installed."""
    indexes: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """{pack: (granted index URL, names it serves)}."""
    core_texts: tuple[str, ...] = ()


@dataclass(slots=True)
class Inquiry:
    """Turns lines into questions to the solver. Not shared between threads."""

    solver: Solver
    ground: Ground
    cancel: threading.Event | None = None
    overrides: dict[str, str] = field(default_factory=dict)
    """{name: version} forced because the package alone blocked the solve."""
    _extras: dict[str, frozenset[str]] = field(default_factory=dict)
    """Extras that answers so far had: uv's override takes the place of a whole requirement, its extras too."""

    def request(
        self,
        lines: Sequence[SolveLine],
        *,
        preferring: bool = False,
        extra: Mapping[str, str] | None = None,
        without: Collection[str] = (),
    ) -> SolveRequest:
        """The question for a set of these lines.

        `preferring`: what is installed is preferred. `extra`: further overrides, {name: version}. `without`:
        names whose limits do not count for once.
        """
        forced = {**self.overrides, **(extra or {})}
        overrides = {**self.ground.placeholders, **forced}
        groups: dict[str, list[str]] = {}
        limits: list[str] = []
        for line in sorted((line for line in lines if line.applies), key=lambda line: line.key):
            if not line.line.constraint:
                groups.setdefault(line.line.pack, []).append(line.solver_text())
            elif line.asks_version and line.name not in overrides:
                limits.append(line.solver_text())
        inputs = [SolveInput(label=CORE, texts=self.ground.core_texts)] if self.ground.core_texts else []
        for pack, texts in groups.items():
            index, indexed = self.ground.indexes.get(pack, ("", ()))
            inputs.append(
                SolveInput(label=pack, texts=tuple(dict.fromkeys(texts)), index=index, indexed=indexed)
            )
        pins = [f"{name}=={pin.version}" for name, pin in self.ground.pins.items() if name not in overrides]
        left = {
            name: found
            for name, found in self.ground.limits.items()
            if name not in overrides and name not in without
        }
        return SolveRequest(
            inputs=tuple(inputs),
            constraints=(*sorted(pins), *limit_texts(left), *limits),
            overrides=tuple(
                f"{name}{self._extras_of(name, lines) if name in forced else ''}=={version}"
                for name, version in sorted(overrides.items())
            ),
            preferences=self.ground.preferences if preferring else {},
            allow_builds=self.ground.allow_builds,
        )

    def unprotected(self, lines: Sequence[SolveLine]) -> SolveRequest:
        """The question whether the lines could be had if all that is protected put up with them."""
        pinned = {name: pin.version for name, pin in self.ground.pins.items()}
        return self.request(
            lines, extra={**pinned, **self.ground.placeholders}, without=self.ground.limits.keys()
        )

    def answers(self, requests: Sequence[SolveRequest]) -> list[Solution | SolveFailureError]:
        """The answers, in order. Raises SolveFailureError when an index cannot be reached.

        A URL that cannot be reached is the trouble of the line that names it, not of everybody.
        """
        answers = self.solver.solve_each(requests, self.cancel)
        judged = [_judged(request, answer) for request, answer in zip(requests, answers, strict=True)]
        for answer in judged:
            if isinstance(answer, Solution):
                for name, extras in answer.extras.items():
                    self._extras[name] = self._extras.get(name, frozenset()) | set(extras)
        return judged

    def answer(
        self,
        lines: Sequence[SolveLine],
        *,
        preferring: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> Solution | SolveFailureError:
        """The answer for a set of these lines."""
        return self.answers([self.request(lines, preferring=preferring, extra=extra)])[0]

    def _extras_of(self, name: str, lines: Sequence[SolveLine]) -> str:
        asked = {extra for line in lines if line.applies and line.name == name for extra in line.extras}
        extras = asked | self._extras.get(name, frozenset())
        return f"[{','.join(sorted(extras))}]" if extras else ""

    def fails(self, lines: Sequence[SolveLine]) -> bool:
        """Whether no set of versions meets all these lines."""
        return isinstance(self.answer(lines), SolveFailureError)


def words_of(output: str) -> set[str]:
    """Every word of the solver's prose that could be a package: where to look first, not whom to blame."""
    return {canonicalize_name(word) for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", output)}


def _judged(request: SolveRequest, answer: Solution | SolveFailureError) -> Solution | SolveFailureError:
    if not isinstance(answer, SolveFailureError) or answer.problem is not SolveProblem.NETWORK:
        return answer
    if not any(address in answer.output for address in _addresses(request)):
        raise answer
    return SolveFailureError(SolveProblem.URL_UNREACHABLE, answer.output)


def _addresses(request: SolveRequest) -> set[str]:
    """host/path of every direct URL of the request, without credentials, branch or fragment."""
    addresses = set()
    for entry in request.inputs:
        for text in entry.texts:
            url = next((word for word in text.split() if "://" in word), "")
            parts = urlsplit(url)
            if parts.hostname:
                port = f":{parts.port}" if parts.port else ""
                addresses.add(f"{parts.hostname}{port}{parts.path.partition('@')[0]}")
    return addresses
