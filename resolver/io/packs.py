"""The packs that are installed, read from the disk without running any of their code."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core.types import Pack
from ..errors import SafeInstallError
from .git import is_dirty
from .git_folder import read_git_folder
from .pack_tree import PACK_FILES, project_version
from .workspace import Workspace

_DISABLED = ".disabled"
_CHUNK = 1024 * 1024


def list_packs(workspace: Workspace) -> tuple[Pack, ...]:
    """Every pack in the custom_nodes folders, disabled ones included, sorted by name.

    A pack is a folder with one of PACK_FILES or a single `.py` file. Names ending in `.disabled` and what
    lies in a folder `.disabled` (ComfyUI-Manager's place) are disabled; other hidden folders are no packs.
    `dirty` is left unknown: `pack_state` asks git. A folder that cannot be read is passed over.
    """
    packs = (pack for folder in workspace.custom_nodes for pack in _packs_in(folder))
    return tuple(sorted(packs, key=lambda pack: (pack.name.casefold(), pack.name, pack.disabled, pack.path)))


def pack_state(pack: Pack, *, with_dirty: bool = False) -> Pack:
    """The pack as it is now: version, commit and remote; with `with_dirty` also local changes.

    Blocks: git reads the whole work tree then. `dirty` stays None without git or for a broken repository.
    """
    fresh = _describe(
        Path(pack.path), name=pack.name, disabled=pack.disabled, is_file=Path(pack.path).is_file()
    )
    if not with_dirty or pack.is_file:
        return fresh
    return dataclasses.replace(fresh, dirty=is_dirty(Path(pack.path)))


def pack_digest(pack: Pack) -> str:
    """sha256 over every file's path, size and content, hexadecimal. Blocks; reads the whole pack.

    Left out are `.git` and `__pycache__`, which change without the pack changing. A link counts with its
    text and is not followed. Raises SafeInstallError `pack-unreadable`.
    """
    root = Path(pack.path)
    total = hashlib.sha256()
    try:
        files = [root] if stat.S_ISREG(root.stat().st_mode) else list(walk_files(root))
        for path in sorted(files, key=lambda each: each.relative_to(root).as_posix()):
            relative = path.relative_to(root).as_posix()
            if path.is_symlink() and path != root:
                entry: tuple[str, ...] = ("link", relative, os.fspath(path.readlink()))
            else:
                entry = ("file", relative, str(path.stat().st_size), _digest(path))
            total.update("\0".join(entry).encode("utf-8", "surrogateescape") + b"\n")
    except OSError as error:
        raise SafeInstallError(
            "pack-unreadable",
            f"The pack {pack.name} cannot be read: {error.strerror or error}.",
            context={"pack": pack.name, "file": error.filename},
        ) from error
    return total.hexdigest()


def walk_files(root: Path, *, skip: Iterable[str] = (".git", "__pycache__")) -> Iterator[Path]:
    """Every file and link below `root`, in no order; names in `skip` are left out. Links are not followed."""
    skipped = frozenset(skip)
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name in skipped:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)


def _packs_in(folder: Path) -> Iterator[Pack]:
    for path in _listed(folder):
        name = path.name
        if name == _DISABLED and path.is_dir():
            # ComfyUI-Manager names what it puts there <pack>@<version>.
            for below in _listed(path):
                yield from _one(below, name=below.name.partition("@")[0], disabled=True)
        elif name.endswith(_DISABLED):
            yield from _one(path, name=name.removesuffix(_DISABLED), disabled=True)
        else:
            yield from _one(path, name=name, disabled=False)


def _one(path: Path, *, name: str, disabled: bool) -> Iterator[Pack]:
    if name.startswith(".") or name in ("", "__pycache__"):
        return
    if path.is_dir():
        if any((path / marker).is_file() for marker in PACK_FILES):
            yield _describe(path, name=name, disabled=disabled, is_file=False)
    elif name.endswith(".py") and path.is_file():
        yield _describe(path, name=name.removesuffix(".py"), disabled=disabled, is_file=True)


def _describe(path: Path, *, name: str, disabled: bool, is_file: bool) -> Pack:
    git = None if is_file else read_git_folder(path)
    return Pack(
        name=name,
        path=str(path),
        is_file=is_file,
        disabled=disabled,
        version="" if is_file else project_version(path / "pyproject.toml"),
        remote=git.remote if git else "",
        commit=git.commit if git else "",
    )


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _digest(path: Path) -> str:
    content = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    return content.hexdigest()
