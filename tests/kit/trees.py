"""A folder tree as a value that two moments can be compared by."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

Entry = tuple[str, int, str]
"""Kind (`file`, `dir`, `link`), permission bits, and sha256 of the content or the link's target."""


def hash_tree(root: Path, *, exclude: Sequence[str] = ()) -> dict[str, Entry]:
    """Every entry below `root` by its relative path; links are not followed, empty folders count.

    `exclude` holds shell patterns matched against the relative path and against the bare name; an
    excluded folder is left out with everything in it (`exclude=["__pycache__"]`).
    """
    entries: dict[str, Entry] = {}
    folders = [root]
    while folders:
        for item in sorted(os.scandir(folders.pop()), key=lambda each: each.name):
            path = Path(item.path)
            relative = path.relative_to(root).as_posix()
            if any(fnmatch(relative, pattern) or fnmatch(item.name, pattern) for pattern in exclude):
                continue
            mode = stat.S_IMODE(item.stat(follow_symlinks=False).st_mode)
            if item.is_symlink():
                entries[relative] = ("link", mode, os.fspath(path.readlink()))
            elif item.is_dir():
                entries[relative] = ("dir", mode, "")
                folders.append(path)
            else:
                entries[relative] = ("file", mode, hashlib.sha256(path.read_bytes()).hexdigest())
    return entries


def by_size_and_time(root: Path) -> dict[str, tuple[int, int, int]]:
    """Everything below a folder, by what a change would change: mode, size, time."""
    found = {}
    for path in sorted(root.rglob("*")):
        info = os.lstat(path)
        found[str(path)] = (info.st_mode, info.st_size, info.st_mtime_ns)
    return found
