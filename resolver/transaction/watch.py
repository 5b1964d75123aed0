"""A cheap look at the environment and the packs: which folders are not as they were left.

Standard library only: it runs at each start of ComfyUI, before any pack. Listing is cheap and asking for
each file's size and time is not, so at a start only code and metadata are asked for. Bytecode never counts.
"""

from __future__ import annotations

import json
import os
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .fs import read_regular

FORMAT = 1
BASELINE = "baseline.json"
"""File of the state folder: everything as we left it. `baseline["watch"]` is the form of `Watch`."""
NOTICED = "drift.json"
"""File of the state folder: the drift that was noticed last, so that each is told once."""

_SITE_CODE = (".py", ".pth", ".so", ".pyd", ".dll", ".dylib", ".egg-link")
_PACK_CODE = (".py", ".so", ".pyd", ".dll", ".dylib", ".js", ".mjs", ".toml")
_METADATA = (".dist-info", ".egg-info")
_PASSED_OVER = frozenset({"__pycache__", ".git", "node_modules"})

Look = Mapping[str, int]
"""{folder: checksum of what counts in it}; a folder where nothing counts has no entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the folders looked like."""

    sites: tuple[str, ...]
    """Site directories, looked through whole."""
    scripts: str
    """The scripts folder; empty where it is not Python's alone."""
    packs: tuple[str, ...]
    """The custom_nodes folders, looked through whole."""
    prefix: str
    python: str
    """Version of the interpreter, as `3.12.1`."""
    code: Look = field(default_factory=dict, hash=False)
    """Of code and metadata alone; what a start compares."""
    everything: Look = field(default_factory=dict, hash=False)
    """Of every file but bytecode."""

    def to_dict(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "sites": list(self.sites),
            "scripts": self.scripts,
            "packs": list(self.packs),
            "prefix": self.prefix,
            "python": self.python,
            "code": dict(self.code),
            "everything": dict(self.everything),
        }


def watch_of(value: object) -> Watch:
    """The watch of a JSON form. ValueError for anything else."""
    if not isinstance(value, Mapping):
        raise ValueError("no watch")  # noqa: TRY004 - the file is wrong, not the code
    return Watch(
        sites=_texts(value.get("sites")),
        scripts=_text(value.get("scripts")),
        packs=_texts(value.get("packs")),
        prefix=_text(value.get("prefix")),
        python=_text(value.get("python")),
        code=_look(value.get("code")),
        everything=_look(value.get("everything")),
    )


def read_object(path: Path) -> dict[str, object]:
    """The JSON object of that file; empty where there is none or it is damaged: then nothing is known."""
    try:
        value = json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError):
        return {}
    known = isinstance(value, dict) and value.get("format") == FORMAT
    return value if known else {}


def look_for_code(watch: Watch) -> dict[str, int]:
    """How code and metadata are now in the folders of that watch. Blocks: some 70 ms for 29,000 files."""
    return {folder: quick for folder, quick, _ in _look_through(watch, everything=False) if quick}


def look_at_everything(watch: Watch) -> Watch:
    """The watch as everything is now. Blocks: some 130 ms for 29,000 files."""
    code, everything = {}, {}
    for folder, quick, whole in _look_through(watch, everything=True):
        if quick:
            code[folder] = quick
        if whole:
            everything[folder] = whole
    return Watch(
        sites=watch.sites,
        scripts=watch.scripts,
        packs=watch.packs,
        prefix=watch.prefix,
        python=watch.python,
        code=code,
        everything=everything,
    )


def changed_folders(before: Look, now: Look) -> frozenset[str]:
    """The folders that are not as they were, those that came or went included."""
    return frozenset(folder for folder in {*before, *now} if before.get(folder) != now.get(folder))


def is_pack_code(name: str) -> bool:
    """Whether a file of that name makes a pack do something else; what packs write for themselves does not."""
    return name.endswith(_PACK_CODE) or (name.startswith("requirements") and name.endswith(".txt"))


def walk_pack(root: str) -> Iterator[tuple[str, str]]:
    """(relative path, absolute path) of each code file of a pack, sorted; links are not followed."""
    waiting, found = [root], []
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder):
            if _is_folder(entry):
                if entry.name not in _PASSED_OVER:
                    waiting.append(entry.path)
            elif is_pack_code(entry.name):
                found.append((os.path.relpath(entry.path, root).replace(os.sep, "/"), entry.path))
    yield from sorted(found)


def _look_through(watch: Watch, *, everything: bool) -> Iterator[tuple[str, int, int]]:
    """(folder, checksum of its code, checksum of everything in it)."""
    for site in watch.sites:
        yield from _site(site, everything=everything)
    if watch.scripts:
        whole = _checksum([_described(entry) for entry in _entries(watch.scripts) if not _is_folder(entry)])
        yield watch.scripts, whole, whole
    for packs in watch.packs:
        yield from _packs(packs, everything=everything)


def _site(root: str, *, everything: bool) -> Iterator[tuple[str, int, int]]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        counts = folder.endswith(_METADATA)
        quick: list[str] = []
        rest: list[str] = []
        for entry in _entries(folder):
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if name != "__pycache__":
                    waiting.append(entry.path)
            elif counts or name.endswith(_SITE_CODE):
                quick.append(_described(entry))
            elif everything:
                rest.append(_described(entry))
        yield folder, _checksum(quick), _checksum(quick + rest) if everything else 0


def _packs(root: str, *, everything: bool) -> Iterator[tuple[str, int, int]]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        quick: list[str] = []
        rest: list[str] = []
        for entry in _entries(folder):
            name = entry.name
            if _is_folder(entry) or (folder == root and _is_linked_pack(entry)):
                # Ours for payloads inside custom_nodes, and other tools' own.
                if name not in _PASSED_OVER and not name.startswith((".safe-install", ".cache")):
                    waiting.append(entry.path)
                if folder == root and name not in _PASSED_OVER:
                    quick.append(name)
            elif is_pack_code(name):
                quick.append(_described(entry))
            elif everything:
                rest.append(_described(entry))
        yield folder, _checksum(quick), _checksum(quick + rest) if everything else 0


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _is_linked_pack(entry: os.DirEntry[str]) -> bool:
    """Whether it is a link to a pack that lies elsewhere, as its authors have it."""
    return entry.is_symlink() and os.path.isfile(os.path.join(entry.path, "__init__.py"))


def _described(entry: os.DirEntry[str]) -> str:
    try:
        info = entry.stat(follow_symlinks=False)
    except OSError:
        return entry.name
    if stat.S_ISLNK(info.st_mode):
        # A link made anew is the same link.
        try:
            return f"{entry.name}\0{os.readlink(entry.path)}"
        except OSError:
            return entry.name
    return f"{entry.name}\0{info.st_size}\0{info.st_mtime_ns}"


def _checksum(words: list[str]) -> int:
    """0 for nothing at all."""
    if not words:
        return 0
    words.sort()
    return zlib.crc32("\n".join(words).encode("utf-8", "surrogatepass")) or 1


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")  # noqa: TRY004
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError("no list")  # noqa: TRY004
    return tuple(_text(each) for each in value)


def _look(value: object) -> dict[str, int]:
    if not isinstance(value, Mapping) or not all(type(each) is int for each in value.values()):
        raise ValueError("no look")
    return {str(folder): checksum for folder, checksum in value.items()}
