"""How much room folders take. Links are not followed. All blocks."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import SafeInstallError
from ..transaction import fs


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What a file or folder takes, in bytes on the disk."""

    bytes: int = 0
    """What deleting it frees."""
    linked: int = 0
    """Of files that have another name elsewhere (uv's cache keeps the same bytes): deleting frees nothing."""

    def __add__(self, other: Weight) -> Weight:
        """Both together."""
        return Weight(bytes=self.bytes + other.bytes, linked=self.linked + other.linked)


def weigh(*places: Path) -> Weight:
    """The weight of everything at and below these places; what is not there weighs nothing."""
    total, linked = 0, 0
    seen: dict[tuple[int, int], tuple[int, int, int]] = {}
    waiting = [os.fspath(place) for place in places]
    while waiting:
        try:
            info = os.lstat(path := waiting.pop())
            if stat.S_ISDIR(info.st_mode):
                with os.scandir(path) as entries:
                    waiting.extend(entry.path for entry in entries)
        except OSError:  # Gone meanwhile, or not ours to look into.
            continue
        size = _size(info)
        if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
            inode = (info.st_dev, info.st_ino)
            seen[inode] = (size, info.st_nlink, seen.get(inode, (0, 0, 0))[2] + 1)
        else:
            total += size
    for size, links, found in seen.values():
        if found >= links:
            total += size
        else:
            linked += size
    return Weight(bytes=total, linked=linked)


def _size(info: os.stat_result) -> int:
    blocks = getattr(info, "st_blocks", None)  # None on Windows
    return blocks * 512 if blocks is not None else info.st_size


class Remembered:
    """Weights of folders that hardly ever change, kept in a file so that not every commit weighs all of them.

    A cache: a wrong or missing file costs time, and a payload is weighed anew once part of it has gone.
    """

    def __init__(self, path: Path) -> None:
        """`path` need not exist."""
        self._path = path
        self._known: dict[str, list[int]] = {}
        self._used: dict[str, list[int]] = {}
        try:
            found = fs.read_json(path)
        except SafeInstallError:
            found = None
        if isinstance(found, Mapping):
            self._known = {str(key): value for key, value in found.items() if _is_entry(value)}

    def weigh(self, folder: Path, parts: int, *, fresh: bool) -> Weight:
        """The weight of a folder of which so many parts are there now; `fresh`: whatever is remembered."""
        key = str(folder)
        entry = self._known.get(key)
        if fresh or entry is None or entry[0] != parts:
            found = weigh(folder)
            entry = [parts, found.bytes, found.linked]
        self._used[key] = entry
        return Weight(bytes=entry[1], linked=entry[2])

    def keep(self) -> None:
        """Remember what was weighed since, and nothing else. Where that cannot be written, it is passed over."""
        if self._used == self._known:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fs.write_json(self._path, self._used)
        except OSError:
            return


def _is_entry(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(type(each) is int for each in value)  # noqa: PLR2004 - parts, bytes, linked
