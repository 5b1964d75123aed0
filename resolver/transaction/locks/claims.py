"""A stand-in for a lock, for file systems that have none: claim files, of which only one can be the newest.

Claims are numbered. Who wants to hold creates the number after the newest, which the file system gives to one
process only (O_EXCL), and only when the newest is free: given up, or its process is gone. Nobody ever removes
the newest claim or another's that may count, so there is no moment in which a slow process could take away
what a quick one has just made. It follows that:

- Two that saw the same newest claim want the same next number: one gets it.
- One that was asleep for long creates a number that others have passed by: it sees the newer one and yields.
- One that was asleep between creating and writing was perhaps judged dead. It looks for newer claims after it
  has written; who took its place looks at the older ones after it has written. At least one sees the other.

A process may be killed anywhere: what it leaves is a claim of a process that is gone.
"""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from .owners import Owner, Standing, read_owner

_UNFINISHED_SECONDS = 60.0
"""A claim without an owner is being written just now, or was left by a crash in that instant."""

_ROUNDS = 20
_GIVEN_UP = b'{"free": true}'


class ClaimTakenError(Exception):
    """Another process has it, or may have it."""

    def __init__(self, file: Path, owner: Owner | None) -> None:
        super().__init__(str(file))
        self.file = file
        self.owner = owner


class Claim:
    """The right to the lock at `path`, once taken. Blocks for milliseconds at most."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._stem = f"{path.name}.claim."
        self._pattern = re.compile(re.escape(self._stem) + r"(\d{1,18})")
        self._mine: Path | None = None

    @property
    def taken(self) -> bool:
        """Whether this object holds it."""
        return self._mine is not None

    def take(self, owner: Owner) -> None:
        """Ours from now on. Raises ClaimTakenError; OSError where no file can be made."""
        for _ in range(_ROUNDS):
            newest = max(self._numbers(), default=0)
            if newest:
                self._refuse_taken(newest)
            if self._create(newest + 1, owner):
                return
        raise ClaimTakenError(self._file(max(self._numbers(), default=0)), self.holder())

    def holder(self) -> Owner | None:
        """Who has it now; None where nobody has, or where nobody knows who."""
        newest = max(self._numbers(), default=0)
        return read_owner(self._file(newest)) if newest and not self._is_free(newest) else None

    def is_taken(self) -> bool:
        """Whether anybody has it, or may have it."""
        newest = max(self._numbers(), default=0)
        return bool(newest) and not self._is_free(newest)

    def give_up(self) -> None:
        """Free for all. The file stays and says so: the numbers must only ever grow."""
        if self._mine is None:
            return
        aside = self._mine.with_name(f".{self._mine.name}.{os.getpid()}")
        # Where this fails, the claim stays ours until this process ends; then it counts as free.
        with suppress(OSError):
            aside.write_bytes(_GIVEN_UP)
            os.replace(aside, self._mine)
        self._mine = None

    def _create(self, number: int, owner: Owner) -> bool:
        file = self._file(number)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        try:
            os.write(descriptor, owner.to_bytes())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        numbers = self._numbers()
        if any(each > number for each in numbers):
            file.unlink(missing_ok=True)
            return False
        older = [each for each in numbers if each < number]
        for each in older:
            try:
                self._refuse_taken(each)
            except ClaimTakenError:
                file.unlink(missing_ok=True)
                raise
        for each in older:
            with suppress(OSError):
                self._file(each).unlink()
        self._mine = file
        return True

    def _refuse_taken(self, number: int) -> None:
        if not self._is_free(number):
            file = self._file(number)
            raise ClaimTakenError(file, read_owner(file))

    def _is_free(self, number: int) -> bool:
        file = self._file(number)
        if file == self._mine:
            return False
        owner = read_owner(file)
        if owner is not None:
            return owner.standing() is Standing.GONE
        try:
            if json.loads(file.read_bytes()[:100]) == json.loads(_GIVEN_UP):
                return True
        except FileNotFoundError:
            return True
        except (OSError, ValueError):
            pass
        try:
            return time.time() - file.stat().st_mtime > _UNFINISHED_SECONDS
        except FileNotFoundError:
            return True

    def _file(self, number: int) -> Path:
        return self._folder / f"{self._stem}{number}"

    def _numbers(self) -> list[int]:
        with suppress(FileNotFoundError):
            found = (self._pattern.fullmatch(name) for name in os.listdir(self._folder))
            return [int(each[1]) for each in found if each]
        return []
