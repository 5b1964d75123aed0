"""Answers of the solver, remembered for the minutes in which the index would say the same."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from ..core.solve import Solution, SolveFailureError, SolveProblem
from ..transaction.fs import read_regular
from .uv_answers import distinct

FRESH_SECONDS = 600
"""How long an answer of the index counts as fresh: what the public index itself says in its cache headers.

Some mirrors send no such header, and uv then asks again for hundreds of pages at every solve.
"""

_PASSING = (SolveProblem.NETWORK, SolveProblem.BUILD_FAILED, SolveProblem.URL_UNREACHABLE)
"""Problems that may be gone a moment later."""


class Memory:
    """Answers by the key of their question. Safe to share between threads and processes."""

    def __init__(self, folder: Path | None) -> None:
        """`folder` need not exist yet; None remembers only as long as this object lives."""
        self._folder = folder
        self._here: dict[str, Solution | SolveFailureError] = {}

    def recall(self, key: str) -> Solution | SolveFailureError | None:
        """The answer of the last minutes, or None."""
        if self._folder is None or key in self._here:
            return self._here.get(key)
        path = self._folder / f"{key}.json"
        try:
            if time.time() - path.stat().st_mtime > FRESH_SECONDS:
                return None
            document = json.loads(read_regular(path))
            if "problem" in document:
                return SolveFailureError(SolveProblem(document["problem"]), document["output"])
            via, asked_by = distinct(document["via"]), distinct(document["asked_by"])
            return Solution(
                versions=document["versions"],
                urls=document["urls"],
                via=via,
                asked_by=asked_by,
                extras=distinct(document["extras"]),
                indexes=document["indexes"],
            )
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
            return None  # a cache: whatever cannot be read is asked again

    def remember(self, key: str, answer: Solution | SolveFailureError) -> None:
        """Keep an answer, unless its problem may pass."""
        if isinstance(answer, SolveFailureError):
            if answer.problem in _PASSING:
                return
            document: dict[str, object] = {"problem": answer.problem.value, "output": answer.output}
        else:
            document = {
                "versions": dict(answer.versions),
                "urls": dict(answer.urls),
                "via": dict(answer.via),
                "asked_by": dict(answer.asked_by),
                "extras": dict(answer.extras),
                "indexes": dict(answer.indexes),
            }
        self._here[key] = answer
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._folder, delete=False, encoding="utf-8") as file:
                json.dump(document, file)
            os.replace(file.name, self._folder / f"{key}.json")
        except OSError:
            return  # remembering is a convenience; a read-only state folder must not stop a plan

    def forget(self) -> None:
        """Remember nothing of before."""
        self._here.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
