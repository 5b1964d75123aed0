"""Folders of somebody else's files: copied, counted, checked for links that lead out, removed."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import CancelledError, Hint, RefusedError
from ..transaction import fs
from ..transaction.fs import read_regular

_DEEPEST = 100
"""Folders in each other; whoever walks a tree recursively falls over a thousand."""
_LARGEST_GIT_FILE = 64 * 1024
"""Bytes of a `.git` file, which holds one path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSize:
    """How much a folder holds, `.git` not counted."""

    files: int
    bytes: int


def copy_tree(source: Path, target: Path, *, cancel: threading.Event | None = None) -> tuple[str, ...]:
    """Copy a pack's folder to the new folder `target`; returns what was left out on purpose.

    Links are copied as links; `__pycache__` and hooks are left out, and a `.git` file that points out of
    the folder (a worktree or submodule), since two work trees must not share one repository. What is left
    of `target` after a failure is for the caller to remove.

    Raises RefusedError `special-file`, `tree-too-deep`, CancelledError; OSError as it comes.
    """
    left_out: list[str] = []
    folders = [(source, target)]
    while folders:
        here, there = folders.pop()
        there.mkdir()
        for entry in _entries(here):
            relative = Path(entry.path).relative_to(source)
            if cancel is not None and cancel.is_set():
                raise CancelledError("cancelled", "Copying the pack was cancelled.")
            _refuse_depth(relative)
            if entry.name == "__pycache__" or relative.parts[-2:] == (".git", "hooks"):
                continue
            if _is_link(entry):
                (there / entry.name).symlink_to(Path(entry.path).readlink())
            elif entry.is_dir(follow_symlinks=False):
                folders.append((Path(entry.path), there / entry.name))
            elif not entry.is_file(follow_symlinks=False):
                # git's file watcher keeps a socket in .git; anywhere else a pack has no use for one.
                if ".git" not in relative.parts:
                    raise _special(relative)
            elif entry.name == ".git" and not _leads_inside(Path(entry.path), source):
                left_out.append(relative.as_posix())
            else:
                shutil.copy2(entry.path, there / entry.name)
    return tuple(left_out)


def check_tree(root: Path) -> TreeSize:
    """The size of a tree that is fit to go live.

    Raises RefusedError `symlink-leaves-pack` for a link that leads out of it or is absolute (it would point
    to the old place after the move), `special-file` for a pipe, socket or device.
    """
    top = os.path.realpath(root)
    files = size = 0
    folders = [root]
    while folders:
        for entry in _entries(folders.pop()):
            relative = Path(entry.path).relative_to(root)
            _refuse_depth(relative)
            if _is_link(entry):
                _check_link(entry, relative, top)
                files += 1
            elif entry.is_dir(follow_symlinks=False):
                # git's own files are not packed with links or devices; walking them costs more than the pack.
                if entry.name != ".git":
                    folders.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                files += 1
                size += entry.stat(follow_symlinks=False).st_size
            else:
                raise _special(relative)
    return TreeSize(files=files, bytes=size)


def remove_tree(path: Path) -> None:
    """Remove a folder of ours with everything in it, git's read-only files included; missing is fine."""
    fs.remove_tree(path)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from sorted(entries, key=lambda entry: entry.name)


def _is_link(entry: os.DirEntry[str]) -> bool:
    """A symbolic link, or one of Windows' junctions, which are links to folders by another name."""
    if entry.is_symlink():
        return True
    return sys.version_info >= (3, 12) and entry.is_junction()


def _check_link(entry: os.DirEntry[str], relative: Path, top: str) -> None:
    text = Path(entry.path).readlink()
    # The real path, because a link through another link may leave where its text alone does not.
    real = os.path.realpath(entry.path)
    if text.is_absolute() or not (real == top or real.startswith(top + os.sep)):
        raise RefusedError(
            "symlink-leaves-pack",
            f"The link {relative.as_posix()} leads out of the pack, to {text}.",
            context={"link": relative.as_posix(), "target": text},
            hints=(Hint("replace-the-link", "Put the file itself in the place of the link."),),
        )


def _leads_inside(git_file: Path, root: Path) -> bool:
    raw = read_regular(git_file, _LARGEST_GIT_FILE)
    text = raw.decode("utf-8", "replace").strip().removeprefix("gitdir:").strip()
    if not text or "\0" in text or Path(text).is_absolute():
        return False
    real, top = os.path.realpath(git_file.parent / text), os.path.realpath(root)
    return real.startswith(top + os.sep)


def _refuse_depth(relative: Path) -> None:
    if len(relative.parts) > _DEEPEST:
        raise RefusedError(
            "tree-too-deep",
            f"{Path(*relative.parts[:3])} has more than {_DEEPEST} folders in each other, which no pack needs.",
            hints=(Hint("look-at-folder", "Look at that folder; a program may have made it by mistake."),),
        )


def _special(relative: Path) -> RefusedError:
    return RefusedError(
        "special-file",
        f"{relative.as_posix()} is a pipe, socket or device, which no pack needs.",
        context={"file": relative.as_posix()},
        hints=(Hint("remove-the-file", "Remove it from the source, then try again."),),
    )
