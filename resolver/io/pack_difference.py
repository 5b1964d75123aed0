"""How far a pack's new version differs from the old one, as far as a ComfyUI that runs would notice."""

from __future__ import annotations

import filecmp
import os
import re
from pathlib import Path

from ..core.reader import MAX_FILE_BYTES
from ..core.reload import Difference
from ..transaction.fs import read_regular

# What is written about a pack, and what installers keep beside it: nobody reads it while the pack runs.
_BESIDE = re.compile(
    r"(readme|license|licence|changelog|contributing|security)[^/]*|requirements[^/]*[.]txt|pyproject[.]toml"
    r"|[.]git(ignore|attributes|modules)?|[.]github|[.]tracking|[^/]*[.](md|rst)",
    re.IGNORECASE,
)
_WEB_SUFFIXES = frozenset(
    {".css", ".gif", ".html", ".jpg", ".js", ".map", ".mjs", ".png", ".svg", ".webp", ".woff", ".woff2"}
)
_WEB_DIRECTORY = re.compile(rb"""^WEB_DIRECTORY\s*=\s*(["'])(?P<path>[\w./\-]+)\1\s*(#.*)?$""", re.MULTILINE)

Files = dict[str, Path]


def difference_of(old: Path, new: Path) -> Difference:
    """Everything, where it is not sure that it is less. Reads both trees; runs nothing of them."""
    try:
        web = _web_folder(old)
        if web != _web_folder(new):
            return Difference.CODE
        before, after = _files(old), _files(new)
        changed = {
            name for name in before.keys() | after.keys() if not _same(before.get(name), after.get(name))
        }
    except OSError:
        return Difference.CODE
    if not changed:
        return Difference.NOTHING
    pages = {name for name in changed if web and name.startswith(f"{web}/") and _is_of_pages(name)}
    return Difference.PAGES if changed == pages else Difference.CODE


def _files(tree: Path) -> Files:
    """Every file that a running pack may read, by its path in the pack."""
    found: Files = {}
    for folder, folders, files in os.walk(tree, onerror=_raise):
        here = Path(folder)
        is_top = here == tree
        folders[:] = [
            each for each in folders if each != "__pycache__" and not (is_top and _BESIDE.fullmatch(each))
        ]
        links = [each for each in folders if (here / each).is_symlink()]
        for name in (*files, *links):
            if not (is_top and _BESIDE.fullmatch(name)):
                found[(here / name).relative_to(tree).as_posix()] = here / name
    return found


def _raise(error: OSError) -> None:
    raise error


def _same(one: Path | None, other: Path | None) -> bool:
    if one is None or other is None:
        return False
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return filecmp.cmp(one, other, shallow=False)


def _is_of_pages(name: str) -> bool:
    return Path(name).suffix.lower() in _WEB_SUFFIXES


def _web_folder(tree: Path) -> str:
    """The folder a pack has served, where its `__init__.py` says so plainly; else empty."""
    entry = tree / "__init__.py"
    if not entry.is_file():
        return ""
    found = list(_WEB_DIRECTORY.finditer(read_regular(entry, MAX_FILE_BYTES)))
    if len(found) != 1:
        return ""
    path = os.path.normpath(found[0]["path"].decode())
    return "" if path.startswith((".", "/")) else path.replace(os.sep, "/")
