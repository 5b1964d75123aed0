"""What the Registry answered before: one small file for each question, in the state folder's cache."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...transaction.fs import read_regular, write_bytes

_LARGEST = 32 * 1024 * 1024
_MOST = 2000
"""Answers that are kept; then the oldest quarter goes."""
_LOOK_EVERY = 50


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer: its status and JSON, and its age in seconds."""

    status: int
    value: object
    age: float


class AnswerMemory:
    """Remembers answers by question. Loses them rather than fail: it is a cache."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when the first answer is kept."""
        self._folder = folder
        self._kept = 0

    def recall(self, question: str) -> Remembered | None:
        """The last answer to it; None where none can be read."""
        try:
            told = json.loads(read_regular(self._path(question), _LARGEST))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(told, dict) or told.get("question") != question:
            return None
        asked, status = told.get("asked"), told.get("status")
        if not isinstance(asked, (int, float)) or type(status) is not int:
            return None
        age = time.time() - asked
        # From the future, where the clock was set back: as old as can be.
        return Remembered(status, told.get("value"), age if age >= 0 else float(10**9))

    def keep(self, question: str, status: int, value: object) -> None:
        """Remember an answer of right now."""
        told = {"question": question, "asked": time.time(), "status": status, "value": value}
        with suppress(OSError, ValueError, RecursionError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes(self._path(question), json.dumps(told).encode())
            self._kept += 1
            if self._kept % _LOOK_EVERY == 1:
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        files = [(path.stat().st_mtime, path) for path in self._folder.glob("*.json")]
        if len(files) > _MOST:
            for _, path in sorted(files)[: len(files) - _MOST * 3 // 4]:
                path.unlink(missing_ok=True)

    def _path(self, question: str) -> Path:
        digest = hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{digest[:40]}.json"
