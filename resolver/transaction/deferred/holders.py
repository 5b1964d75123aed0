"""Who uses files that could not be moved, as far as the system tells without any package: Linux alone does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import redact

_PROC = Path("/proc")
_LONGEST = 4 * 1024 * 1024
"""Bytes of a process's list of maps that are read."""
_MOST = 8
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What uses a file, or a file in a folder."""

    name: str
    """Of the program; `mount` for a file system that is mounted there."""
    process: int = 0
    """0 for a mount."""

    @property
    def words(self) -> str:
        """The holder for people."""
        if not self.process:
            return "something is mounted there"
        mine = ", this very process" if self.process == os.getpid() else ""
        return f"{self.name} (process {self.process}{mine})"

    def to_dict(self) -> dict[str, object]:
        """The holder as a JSON object."""
        return {"name": self.name, "process": self.process}


def holders_of(paths: Sequence[Path]) -> tuple[Holder, ...]:
    """The first few that use these files or folders; () where nobody can tell. Never raises; blocks for some 50 ms.

    Of processes of other users only root sees the files.
    """
    if not (_PROC / "self" / "fd").is_dir():
        return ()
    wanted = tuple(os.path.realpath(path) for path in paths if os.path.lexists(path))
    found = [Holder(name="mount")] if any(_is_within(place, wanted) for place in _mounts()) else []
    for process in sorted((each for each in _names(_PROC) if each.isdecimal()), key=int):
        if len(found) < _MOST and any(_is_within(file, wanted) for file in _files_of(process)):
            found.append(Holder(name=_name_of(process), process=int(process)))
    return tuple(found)


def _is_within(file: str, wanted: Iterable[str]) -> bool:
    return any(file == path or file.startswith(f"{path}{os.sep}") for path in wanted)


def _files_of(process: str) -> Iterator[str]:
    """What a process has open, mapped (libraries), and stands in."""
    folder = _PROC / process
    for name in _names(folder / "fd"):
        with suppress(OSError):
            yield os.readlink(folder / "fd" / name)
    for name in ("cwd", "exe"):
        with suppress(OSError):
            yield os.readlink(folder / name)
    for line in _read(folder / "maps").splitlines():
        _, slash, rest = line.partition("/")
        if slash:
            yield f"/{rest}"


def _mounts() -> Iterator[str]:
    for line in _read(_PROC / "self" / "mountinfo").splitlines():
        words = line.split(" ")
        if len(words) > 4:  # noqa: PLR2004 - the fifth is the place, see proc(5)
            yield words[4].encode().decode("unicode_escape", errors="replace")


def _name_of(process: str) -> str:
    command = _read(_PROC / process / "cmdline").split("\0")
    name = (
        " ".join(Path(part).name for part in command[:2] if part) or _read(_PROC / process / "comm").strip()
    )
    return redact(name)[:_LONGEST_NAME] or "a program"


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", errors="replace")
    except OSError:
        return ""
