"""Where a pack came from, read off its files; and what in its folder is the user's own."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..core.pack_origin import GIT, LOCAL, NIGHTLY, REGISTRY, PackOrigin
from ..core.pyproject import read_toml
from ..core.reader import MAX_FILE_BYTES
from ..core.types import Pack
from ..errors import SafeInstallError
from ..transaction.fs import read_regular
from .git import tracked_files
from .git_folder import find_git_dir, read_git_folder
from .guard.copy import copy_hashed
from .packs import walk_files

TRACKING = ".tracking"
"""ComfyUI-Manager's list of what it unpacked from the Registry: one relative path a line."""
CNR_ID = ".cnr-id"
"""File in `.git` by which Manager knows the Registry id of a repository it cloned (`nightly`)."""
_LARGE = 1024 * 1024
_LARGEST_LIST = 16 * 1024 * 1024


def read_origin(pack: Pack) -> PackOrigin:
    """Where it came from. Reads a few small files; runs nothing."""
    root = Path(pack.path)
    if pack.is_file:
        return PackOrigin()
    own_name = project_name(root / "pyproject.toml")
    git, git_dir = read_git_folder(root), find_git_dir(root)
    if git is not None and git_dir is not None:
        marked = _text(git_dir / CNR_ID).strip()
        kind = NIGHTLY if marked else GIT if git.remote else LOCAL
        return PackOrigin(kind=kind, id=marked or own_name, url=git.remote, branch=git.branch)
    if own_name and (root / TRACKING).is_file():
        return PackOrigin(kind=REGISTRY, id=own_name)
    return PackOrigin(id=own_name)


def carry_over(pack: Pack, tree: Path, largest: int | None = None) -> tuple[str, ...]:
    """Copy into the new version in `tree` what no version brought along: models, settings, outputs.

    As `git pull` leaves untracked files where they are, and ComfyUI-Manager what `.tracking` does not name.
    Nothing in `tree` is overwritten. `largest`: only list what has more bytes, for a plan that is only looked at.
    The relative paths. Blocks; raises OSError.
    """
    old = Path(pack.path)
    own = _brought(old)
    if own is None:
        return ()
    carried = []
    for path in sorted(walk_files(old)):
        relative = path.relative_to(old)
        target = tree / relative
        if relative.as_posix() in own or os.path.lexists(target) or _blocked(tree, relative):
            continue
        carried.append(relative.as_posix())
        size = path.lstat().st_size
        if largest is None or size <= largest:
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(path, target, size)
    marks, new_git = find_git_dir(old), find_git_dir(tree)
    if marks and new_git and (marks / CNR_ID).is_file() and not (new_git / CNR_ID).exists():
        shutil.copy2(marks / CNR_ID, new_git / CNR_ID)
    return tuple(carried)


def is_same_version(pack: Pack, tree: Path) -> bool:
    """Whether the pack is what lies in `tree`: what the user has in it beside that does not count. Reads both."""
    old = Path(pack.path)
    new = {path.relative_to(tree) for path in walk_files(tree)}
    own = _brought(old)
    had = {path.relative_to(old) for path in walk_files(old)}
    if own is not None:
        had = {each for each in had if each.as_posix() in own}
    return had <= new and all(_equal(old / each, tree / each) for each in new)


def _equal(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _copy(path: Path, target: Path, size: int) -> None:
    """A copy that shares its blocks where the file system can, so that models cost neither time nor room."""
    if size > _LARGE and not path.is_symlink():
        with suppress(OSError):
            copy_hashed(str(path), str(target), clone=True)
            shutil.copystat(path, target)
            return
    shutil.copy2(path, target, follow_symlinks=False)


def _brought(old: Path) -> frozenset[str] | None:
    """The files the installed version brought along; None where nobody can tell."""
    if find_git_dir(old) is not None:
        try:
            return tracked_files(old)
        except SafeInstallError:
            return None
    listed = frozenset(_lines(_text(old / TRACKING)))
    return frozenset({TRACKING, *listed}) if listed else None


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip():
            yield line.strip().replace("\\", "/").removeprefix("./")


def _blocked(tree: Path, relative: Path) -> bool:
    """Whether a file, or a link that may lead out, stands where a folder would be needed."""
    above = [tree.joinpath(*relative.parts[:count]) for count in range(1, len(relative.parts))]
    return any(each.is_symlink() or (each.exists() and not each.is_dir()) for each in above)


def project_name(pyproject: Path) -> str:
    """`[project] name` of a pyproject.toml; empty where there is none that can be read."""
    try:
        project = read_toml(read_regular(pyproject, MAX_FILE_BYTES).decode("utf-8-sig")).get("project")
    except (OSError, ValueError, RecursionError):
        return ""
    name = project.get("name") if isinstance(project, dict) else None
    return name.strip() if isinstance(name, str) else ""


def _text(path: Path) -> str:
    try:
        return read_regular(path, _LARGEST_LIST).decode("utf-8", "replace")
    except OSError:
        return ""
