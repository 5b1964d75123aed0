"""Whether what a waiting transaction was planned on still holds, by the standard library alone."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import fs
from ..watch import is_pack_code
from .content import mark_of
from .installed import Listed, canonical, describe, headers, list_installed, metadata_text
from .note import Note

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LARGEST = 1024 * 1024
"""Bytes of a requirement file that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A premise that does not hold any more."""

    code: str
    """python-changed, distribution-changed, distribution-appeared, wish-appeared, files-changed or
    snapshot-missing."""
    message: str
    """Which premise, and what is there now."""

    def to_dict(self) -> dict[str, str]:
        """The premise as a JSON object."""
        return {"code": self.code, "message": self.message}


def broken_premises(note: Note, state_dir: Path, python: str) -> tuple[Broken, ...]:
    """The premises that do not hold, in the order in which they were looked at. Reads only; blocks.

    `python` is the version of the interpreter that starts, as `3.12`.
    """
    if python != note.python:
        message = f"It was planned for Python {note.python}; this is Python {python}."
        return (Broken(code="python-changed", message=message),)
    now = list_installed(note.sites)
    found = [*_distributions(note, now), *_wishes(note, now), *_files(note)]
    if not (state_dir / "snapshots" / f"{note.snapshot}.json").is_file():
        message = f"The snapshot {note.snapshot} of the state before is gone: there would be no way back."
        found.append(Broken(code="snapshot-missing", message=message))
    return tuple(found)


def wishes(
    core: str, packs: Sequence[str], listed: Collection[Listed], names: Collection[str]
) -> tuple[str, ...]:
    """Who asks for one of the canonical `names`: `<who>: <line>`, of core, of every pack, of distributions.

    Rough on purpose: any line of a requirement file in which the name appears as a word counts. Blocks.
    """
    wanted = frozenset(names)
    found = [f"ComfyUI: {line}" for line in _lines_naming(Path(core), wanted)] if core else []
    for folder in packs:
        for pack in _children(Path(folder)):
            for file in _children(pack):
                if file.name == "pyproject.toml" or (
                    file.name.startswith("requirements") and file.suffix == ".txt"
                ):
                    found += [f"the pack {pack.name}: {line}" for line in _lines_naming(file, wanted)]
    for each in listed:
        if each.name not in wanted:
            required = headers(metadata_text(each.path), "Requires-Dist")
            found += [f"{each.name}: {line}" for line in required if _names(line, wanted)]
    return tuple(dict.fromkeys(found))


def moved_mark(path: Path, *, is_pack: bool) -> str:
    """The mark of something that is to be moved. OSError.

    Of a pack only its code counts: packs write files of their own while they run, which go aside with them.
    """
    return mark_of(path, is_pack_code) if is_pack else mark_of(path)


def _distributions(note: Note, now: Mapping[str, Listed]) -> Iterator[Broken]:
    by_name: dict[str, list[Listed]] = {}
    for each in now.values():
        by_name.setdefault(each.name, []).append(each)
    for path in note.relied:
        if path in now and now[path].digest == note.known.get(path, ""):
            continue
        name, version = describe(path)
        there = " and ".join(each.words for each in by_name.get(name, ())) or "it is not installed"
        if path in now:
            there = "another build of it is installed"
        message = f"It relies on {name} {version} as it was installed then; now there is: {there}."
        yield Broken(code="distribution-changed", message=message)
    for name in note.absent:
        for each in by_name.get(name, ()):
            message = f"It was to install {name}, which was not there; now {each.words} is installed."
            yield Broken(code="distribution-appeared", message=message)


def _wishes(note: Note, now: Mapping[str, Listed]) -> Iterator[Broken]:
    # The others ask for what they asked for then.
    fresh = [each for path, each in now.items() if note.known.get(path, None) != each.digest]
    known = frozenset(note.wishes)
    for wish in wishes(note.core, note.packs, fresh, note.changed):
        if wish not in known:
            who, _, line = wish.partition(": ")
            message = f"Since then {who} asks for {line!r}, which this change was not planned with."
            yield Broken(code="wish-appeared", message=message)


def _files(note: Note) -> Iterator[Broken]:
    for path, mark in note.moved.items():
        try:
            now = moved_mark(Path(path), is_pack=path in note.pack_marks)
        except OSError as error:
            now = str(error)
        if now != mark:
            what = "has been changed since" if now else "is gone"
            yield Broken(code="files-changed", message=f"It was to move {path}, which {what}.")


def _lines_naming(file: Path, names: Collection[str]) -> list[str]:
    try:
        text = fs.read_regular(file, _LARGEST).decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line and _names(line, names)]


def _names(line: str, names: Collection[str]) -> bool:
    return any(canonical(word.rstrip("._-")) in names for word in _WORD.findall(line))


def _children(folder: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in sorted(os.scandir(folder), key=lambda each: each.name)]
    except OSError:
        return []
