"""What the engine needs from the outside world; `wiring` gives it the real thing, tests may give another."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from .core.solve import Solution, SolveFailureError, SolveRequest
from .core.types import LockedPackage


class Reporter(Protocol):
    """Hears how the work goes. Called from worker threads; must not raise."""

    def stage(self, name: str, text: str) -> None:
        """A new stage of the work has begun; `name` is stable, `text` is for people."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """`done` of `total` units of the current stage; total 0 when unknown."""

    def log(self, line: str) -> None:
        """One line of detail, redacted."""


class Solver(Protocol):
    """Finds version sets and says where their files are (uv)."""

    def solve(self, request: SolveRequest, cancel: threading.Event | None = None) -> Solution:
        """The solution; raises SolveFailureError."""

    def solve_each(
        self, requests: Sequence[SolveRequest], cancel: threading.Event | None = None
    ) -> list[Solution | SolveFailureError]:
        """The answers to several requests, in their order."""


class Artefacts(Protocol):
    """Knows files and dependency metadata of locked versions."""

    def locate(self, solution: Solution, kept: Mapping[str, str]) -> tuple[LockedPackage, ...]:
        """The packages of a solution with URL, hashes and size; those in `kept` {name: version} without."""

    def requires(self, packages: Sequence[LockedPackage]) -> Mapping[str, tuple[str, ...]]:
        """{name: Requires-Dist texts} of the packages whose metadata could be read."""

    def lock_text(self, solution: Solution, names: Sequence[str]) -> str:
        """PEP 751 text for those names of the solution; empty for no names."""


class IndexProbe(Protocol):
    """Asks an extra index which packages it has."""

    def served(self, index: str, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the canonical names the index has a page for; () when it cannot be reached."""


class Silence:
    """A reporter that says nothing."""

    def stage(self, name: str, text: str) -> None:
        """Say nothing."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Say nothing."""

    def log(self, line: str) -> None:
        """Say nothing."""
