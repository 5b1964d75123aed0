"""Listing folders fast: what lies where, which files nobody owns, and what a folder's content is."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable

from ..core.layout import Layout
from ..core.ownership import Folder, Holding, Tree, is_bytecode, source_of_bytecode
from ..core.snapshot import UnownedFile
from ..core.types import PythonInfo
from ..transaction.deferred.content import LARGE_FILE, digest_pack
from .records import slashed

__all__ = [
    "LARGE_FILE",
    "describe_unowned",
    "digest_pack",
    "list_tree",
    "survey",
    "unowned_files",
]

_SMALL_TEXT = 64 * 1024
"""Bytes up to which an unowned file's content is worth a hash: `.pth`, `.egg-link`, small modules."""

_CHUNK = 1024 * 1024


def list_tree(roots: Iterable[str]) -> dict[str, Folder]:
    """Everything below these folders, the folders included. Links are not followed. Blocks.

    A root that is not there, or no folder, has no entry. OSError where a folder cannot be listed.
    """
    tree: dict[str, Folder] = {}
    waiting = [root for root in roots if os.path.isdir(root) and not os.path.islink(root)]
    while waiting:
        path = waiting.pop()
        tree[path] = folder = _list_folder(path)
        waiting.extend(f"{path}/{name}" for name in folder.folders)
    return tree


def survey(layout: Layout, paths: Iterable[str]) -> dict[str, Folder]:
    """The listing a swap needs: what lies below each top-level entry that one of these live paths has.

    The environment's own folders (site-packages, bin ...) are listed but not looked into any further,
    their `__pycache__` excepted. Blocks; 50 ms for 30,000 files.
    """
    protected = layout.protected
    tree: dict[str, Folder] = {}
    for _, root in layout.roots:
        folder = root
        while not os.path.isdir(folder):  # A part that nothing uses yet, such as `include`.
            folder = folder.rpartition("/")[0]
        while folder not in tree:
            tree[folder] = _list_folder(folder)
            above = folder.rpartition("/")[0]
            folder = above if _is_inside(above, layout) else folder
    tops: set[str] = {path for path in protected if path.endswith("/__pycache__")}
    known: dict[str, str] = {}
    for path in paths:
        parent = path.rpartition("/")[0]
        if parent not in known:
            known[parent] = _top(parent, protected)
        # A file right in one of the environment's own folders has no top but itself, and is listed there.
        tops.add(known[parent] or path)
    tree.update(list_tree(sorted(tops - tree.keys())))
    return tree


def _is_inside(folder: str, layout: Layout) -> bool:
    return any(folder == root or folder.startswith(f"{root}/") for _, root in layout.roots)


def _top(folder: str, protected: frozenset[str]) -> str:
    """The highest folder above or at `folder` that is not the environment's own; empty when none is."""
    top = ""
    while folder and folder not in protected:
        top = folder
        folder = folder.rpartition("/")[0]
    return top


def _list_folder(path: str) -> Folder:
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            (folders if _is_folder(entry) else files).append(entry.name)
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    return Folder(mode, tuple(folders), tuple(files))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # A Windows junction looks like a folder, but what is behind it is somewhere else.
    junction = getattr(entry, "is_junction", None)
    return entry.is_dir(follow_symlinks=False) and not (junction is not None and junction())


def unowned_files(python: PythonInfo, holdings: Iterable[Holding]) -> tuple[UnownedFile, ...]:
    """The files in the site directories that no RECORD names, sorted; bytecode of owned sources aside.

    In a virtual environment, and on Windows, the scripts folder is searched as well; elsewhere it is
    shared with programs that are none of Python's business. Files of legacy `.egg-info` installs count
    as unowned, since nothing says whose they are. Blocks.
    """
    layout = Layout.of(python)
    owned = {file.path for each in holdings for file in each.files}
    searched = [layout.purelib, layout.platlib]
    if python.prefix != python.base_prefix or os.name == "nt":
        searched.append(layout.scripts)
    tree = list_tree(dict.fromkeys(searched))
    found = [
        describe_unowned(layout, path)
        for folder, content in tree.items()
        for path in (f"{folder}/{name}" for name in content.files)
        if path not in owned and not _is_owned_bytecode(path, owned, tree)
    ]
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.path))


def _is_owned_bytecode(path: str, owned: set[str], tree: Tree) -> bool:
    if not is_bytecode(path):
        return False
    source = source_of_bytecode(path)
    folder, _, name = source.rpartition("/")
    # Stale bytecode without a source is nobody's loss either.
    return source in owned or folder not in tree or name not in tree[folder].files


def describe_unowned(layout: Layout, path: str) -> UnownedFile | None:
    """One file as a snapshot remembers it; None for what is no file or link, or has gone."""
    try:
        info = os.lstat(path)
        digest = ""
        if stat.S_ISLNK(info.st_mode):
            digest = hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
        elif not stat.S_ISREG(info.st_mode):
            return None
        elif info.st_size <= _SMALL_TEXT:
            digest = _sha256(path)
    except OSError:  # Gone since it was listed, or not ours to read: then its name is all there is to say.
        return None
    relative = os.path.relpath(path, layout.data)
    return UnownedFile(path=slashed(relative), size=info.st_size, digest=digest)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
