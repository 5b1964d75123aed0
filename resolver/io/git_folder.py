"""What a `.git` folder says, read by hand: no git runs, so nothing configured in it can run either."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import redact
from ..transaction.fs import read_regular

_COMMIT = re.compile(r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")
"""SHA-1 or SHA-256."""
_SECTION = re.compile(
    r'^\s*\[\s*(?P<name>[A-Za-z0-9.\-]+)(?:\s+"(?P<sub>(?:[^"\\]|\\.)*)")?\s*\](?P<rest>.*)$'
)
_DEEPEST_REF = 5
_LARGEST = 16 * 1024 * 1024
"""Bytes of a file in `.git` that is read; the packed references of the largest repositories have a few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFolder:
    """The state of a repository as far as it can be read cheaply."""

    commit: str = ""
    """The checked-out commit; empty before the first one, or where the references are kept otherwise."""
    branch: str = ""
    """Empty with a detached HEAD."""
    remote: str = ""
    """URL of `origin`, redacted."""


def read_git_folder(work_tree: Path) -> GitFolder | None:
    """The commit, branch and remote of the repository whose work tree is this folder; None without one."""
    git_dir = find_git_dir(work_tree)
    if git_dir is None:
        return None
    common = _common_dir(git_dir)
    head = _read(git_dir / "HEAD")
    branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""
    return GitFolder(commit=_resolve(head, git_dir, common), branch=branch, remote=_origin(common / "config"))


def find_git_dir(work_tree: Path) -> Path | None:
    """The `.git` folder; where `.git` is a file (worktree, submodule), the folder it names."""
    path = work_tree / ".git"
    if os.path.isdir(path):
        return path
    text = _read(path)
    if not text.startswith("gitdir:"):
        return None
    target = work_tree / text.removeprefix("gitdir:").strip()
    # Unlike Path.is_dir this says no to names that are too long, or that no file system knows.
    return target if os.path.isdir(target) else None


def _common_dir(git_dir: Path) -> Path:
    """Where a linked worktree keeps what it shares with the others."""
    text = _read(git_dir / "commondir")
    return git_dir / text if text else git_dir


def _resolve(text: str, git_dir: Path, common: Path) -> str:
    for _ in range(_DEEPEST_REF):
        if _COMMIT.match(text):
            return text
        name = text.removeprefix("ref:").strip()
        if not text.startswith("ref:") or ".." in name or not name.startswith("refs/"):
            return ""
        text = _read(git_dir / name) or _read(common / name) or _packed(common / "packed-refs", name)
    return ""


def _packed(file: Path, name: str) -> str:
    for line in _read(file).splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name:
            return commit
    return ""


def _origin(config: Path) -> str:
    in_origin = False
    for line in _read(config).splitlines():
        text = line
        if section := _SECTION.match(line):
            in_origin = section["name"].lower() == "remote" and section["sub"] == "origin"
            text = section["rest"]
        key, equals, value = text.partition("=")
        if in_origin and equals and key.strip().lower() == "url":
            return redact(value.strip().strip('"'))
    return ""


def _read(path: Path) -> str:
    try:
        return read_regular(path, _LARGEST).decode("utf-8", "replace").strip()
    except OSError:
        return ""
