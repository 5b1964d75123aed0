"""Archives that were downloaded: kept for a while, so that looking at a plan and installing it fetch once."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...core.plain import PlainError, from_plain, to_plain
from ...core.registry import RegistryVersion
from ...registry_port import Downloaded
from ...transaction.fs import open_regular, read_regular, write_bytes

_CHUNK = 1024 * 1024
_LARGEST_NOTE = 64 * 1024
_DAYS = 30 * 86400.0
_MOST_BYTES = 2 * 1024**3
_ABANDONED_SECONDS = 600.0
"""A part nobody has written to for so long belongs to a process that is gone: a live one gives up sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    sha256: str
    size: int


class Shelf:
    """A folder of archives, each with a note of what it is. Blocks."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when it is needed."""
        self.folder = folder

    def place(self, version: RegistryVersion) -> Path:
        """Where the archive of a version lies, or is to lie."""
        # Without the query, where signatures stand that are others each time.
        named = f"{version.pack}\n{version.version}\n{version.download_url.partition('?')[0]}"
        return self.folder / f"{hashlib.sha256(named.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.zip"

    def find(self, place: Path) -> Downloaded | None:
        """What lies there whole, its content checked against its note; None where there is nothing to be used."""
        try:
            told = from_plain(_Note, json.loads(read_regular(_note_of(place), _LARGEST_NOTE)))
            if place.stat().st_size != told.size or digest_of(place) != told.sha256:
                return None
        except (OSError, ValueError, RecursionError, PlainError):
            return None
        return Downloaded(path=place, sha256=told.sha256, size=told.size)

    def keep(self, part: Path, place: Path) -> Downloaded:
        """Put a finished part to its place. Raises OSError."""
        digest, size = digest_of(part), part.stat().st_size
        _note_of(place).unlink(missing_ok=True)
        part.replace(place)
        write_bytes(_note_of(place), json.dumps(to_plain(_Note(sha256=digest, size=size))).encode())
        with suppress(OSError):
            self._make_room(place)
        return Downloaded(path=place, sha256=digest, size=size)

    def drop(self, place: Path) -> None:
        """Nothing there any more."""
        for path in (place, _note_of(place)):
            path.unlink(missing_ok=True)

    @contextmanager
    def part_of(self, place: Path) -> Iterator[Path]:
        """A file that is ours alone to write to, with what an earlier try left; given back at the end.

        By renaming, which only one can win, instead of a lock: a kill leaves nothing that blocks others.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        common = place.with_name(f"{place.stem}.part")
        mine = place.with_name(f"{place.stem}.{secrets.token_hex(4)}.part")
        for old in (common, *self._abandoned(place)):
            with suppress(OSError):
                _move(old, mine)
                break
        try:
            yield mine
        finally:
            with suppress(OSError):
                if mine.exists():
                    _move(mine, common)
                _part_note(mine).unlink(missing_ok=True)

    def _abandoned(self, place: Path) -> list[Path]:
        found = []
        with suppress(OSError):
            for path in self.folder.glob(f"{place.stem}.*.part"):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    found.append(path)
        return found

    def _make_room(self, spared: Path) -> None:
        now, total = time.time(), 0
        files = [(path.stat(), path) for path in self.folder.iterdir() if path.suffix in (".zip", ".part")]
        for info, path in sorted(files, key=lambda each: each[0].st_mtime, reverse=True):
            total += info.st_size
            if path != spared and (total > _MOST_BYTES or now - info.st_mtime > _DAYS):
                for each in (path, _note_of(path), _part_note(path)):
                    each.unlink(missing_ok=True)


def digest_of(path: Path) -> str:
    """sha256 of a file's content, hexadecimal. Blocks. Raises OSError."""
    content = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    return content.hexdigest()


def _note_of(place: Path) -> Path:
    return place.with_suffix(".json")


def _part_note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _move(old: Path, new: Path) -> None:
    os.replace(old, new)
    with suppress(OSError):
        os.replace(_part_note(old), _part_note(new))
