"""Unpacking zip archives that nobody vouches for."""

from __future__ import annotations

import os
import re
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..core.pack_names import fold_name, is_reserved_on_windows
from ..errors import CancelledError, Hint, RefusedError, SafeInstallError
from ..transaction.fs import open_regular

_CHUNK = 1024 * 1024
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f:]")
"""Control characters, and the colon of drive letters and of NTFS's hidden streams."""


_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(NotImplementedError, RuntimeError, ValueError, LookupError, OverflowError),
)
"""What zipfile raises for a broken archive: names that are no UTF-8, places before the file, odd versions ..."""
_LONGEST_NAME = 255
"""Bytes, on nearly every file system."""
_DEEPEST = 100
"""Folders in each other; whoever walks a tree recursively falls over a thousand."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The compressions every tool writes; the others need much memory to unpack, as much as an archive likes."""
_END = struct.Struct("<4s4H2LH")
"""The end of a zip's directory (APPNOTE 4.3.16)."""
_LARGE_END = struct.Struct("<4sQ2H2L4Q")
"""The same of a large one (APPNOTE 4.3.14)."""
_LARGEST_COMMENT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """How much an archive may hold before it is taken for a bomb."""

    entries: int = 20_000
    bytes: int = 2 * 1024**3
    """Unpacked size of all files together."""
    directory: int = 16 * 1024**2
    """Bytes of the archive's list of entries, which is read whole before anything can be judged."""
    ratio: int = 100
    """Unpacked size to archive size ..."""
    ratio_from_bytes: int = 64 * 1024**2
    """... which counts from this unpacked size on: small files of one letter compress a thousandfold."""


DEFAULT_LIMITS = ArchiveLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """An archive that was unpacked."""

    top_folder: str
    """The one folder that held everything and was taken off, as in GitHub's zips; empty without one."""
    left_out: tuple[str, ...] = ()
    """What was not unpacked on purpose: a repository's `.git` could carry commands git would run."""
    names: tuple[str, ...] = ()
    """What was unpacked, in the archive's order: paths below the target, folders with a slash at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    info: zipfile.ZipInfo
    parts: tuple[str, ...]
    is_folder: bool


def extract_zip(
    archive: Path,
    target: Path,
    *,
    limits: ArchiveLimits = DEFAULT_LIMITS,
    cancel: threading.Event | None = None,
) -> Unpacked:
    """Unpack a zip into the new folder `target`. Every name is judged before the first byte is written.

    `__pycache__`, `__MACOSX` and `.git` are left out. What is left of `target` after a failure is for the
    caller to remove.

    Raises RefusedError `unsafe-archive` (naming the entry), SafeInstallError `archive-unreadable`,
    CancelledError.
    """
    with ExitStack() as stack:
        opened, entries, left_out = _open(stack, archive, limits)
        top = _single_top(entries)
        names = tuple(name for entry in entries if (name := _name_below(entry, top)))
        target.mkdir()
        for entry in entries:
            if cancel is not None and cancel.is_set():
                raise CancelledError("cancelled", "Unpacking the archive was cancelled.")
            _write(archive, opened, entry, target.joinpath(*entry.parts[1 if top else 0 :]))
    return Unpacked(top_folder=top, left_out=left_out, names=names)


def check_archive(archive: Path, name: str = "", *, limits: ArchiveLimits = DEFAULT_LIMITS) -> None:
    """Nothing, for an archive whose list of entries `extract_zip` would take; `name` is what errors call it.

    Raises RefusedError `unsafe-archive`, SafeInstallError `archive-unreadable`.
    """
    with ExitStack() as stack:
        _open(stack, archive, limits, name)


def _open(
    stack: ExitStack, archive: Path, limits: ArchiveLimits, name: str = ""
) -> tuple[zipfile.ZipFile, list[_Entry], tuple[str, ...]]:
    with _explained(archive, name):
        file = stack.enter_context(open_regular(archive))
        size = file.seek(0, os.SEEK_END)
        if _directory_bytes(file, size) > limits.directory:
            raise _unsafe("", f"its list of entries has more than {limits.directory} bytes")
        opened = stack.enter_context(zipfile.ZipFile(file))
    return opened, *_judge(opened.infolist(), size, limits)


@contextmanager
def _explained(archive: Path, name: str = "") -> Iterator[None]:
    """Turns what zipfile raises into `archive-unreadable`. Not for writing: a full disk is no broken archive."""
    try:
        yield
    except _UNREADABLE as error:
        raise SafeInstallError(
            "archive-unreadable",
            f"{name or archive.name} cannot be unpacked: {error}",
            context={"archive": name or archive},
            hints=(Hint("download-again", "Download the archive again; it may be incomplete."),),
        ) from error


def _directory_bytes(file: BinaryIO, size: int) -> int:
    """How long the archive says its list of entries is; 0 where it does not say."""
    file.seek(max(0, size - _LARGEST_COMMENT - _END.size))
    tail = file.read()
    file.seek(0)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        return 0
    said: int = _END.unpack_from(tail, place)[5]
    large = tail.rfind(b"PK\x06\x06", 0, place)
    if large >= 0 and place - large >= _LARGE_END.size:
        said = max(said if said < 2**32 - 1 else 0, int(_LARGE_END.unpack_from(tail, large)[8]))
    return said


def _judge(
    infos: list[zipfile.ZipInfo], packed_size: int, limits: ArchiveLimits
) -> tuple[list[_Entry], tuple[str, ...]]:
    if len(infos) > limits.entries:
        raise _unsafe("", f"it has {len(infos)} entries, more than {limits.entries}")
    total = sum(info.file_size for info in infos)
    if total > limits.bytes:
        raise _unsafe("", f"it would unpack to {total} bytes, more than {limits.bytes}")
    if total > limits.ratio_from_bytes and total > packed_size * limits.ratio:
        raise _unsafe("", f"it would unpack to more than {limits.ratio} times its size")
    entries: list[_Entry] = []
    left_out: set[str] = set()
    for info in infos:
        _check_kind(info)
        parts = _check_name(info)
        if any(_is_git(part) for part in parts):
            left_out.add(".git")
        elif not parts or parts[0] == "__MACOSX" or parts[-1] == ".DS_Store" or "__pycache__" in parts:
            continue
        else:
            is_folder = info.filename.endswith(("/", "\\"))
            entries.append(_Entry(info=info, parts=parts, is_folder=is_folder))
    _check_unique(entries)
    return entries, tuple(sorted(left_out))


def _check_kind(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 0x1:
        raise _unsafe(info.filename, "it is encrypted")
    if info.compress_type not in _METHODS:
        raise _unsafe(info.filename, "it is compressed in an unusual way")
    # The upper half of external_attr is the Unix mode; zero where the archive was made without one.
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise _unsafe(info.filename, "it is a symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _unsafe(info.filename, "it is neither a file nor a folder")


def _check_name(info: zipfile.ZipInfo) -> tuple[str, ...]:
    # Some Windows tools write backslashes, against the specification (APPNOTE 4.4.17.1). `orig_filename`
    # shows what zipfile may have cut off at a null byte.
    name = info.orig_filename.replace("\\", "/")
    if name.startswith("/"):
        raise _unsafe(info.filename, "its path is absolute")
    if _FORBIDDEN.search(name):
        raise _unsafe(info.filename, "its name holds a drive letter or a control character")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if len(parts) > _DEEPEST:
        raise _unsafe("/".join(parts[:3]), f"it lies in more than {_DEEPEST} folders")
    for part in parts:
        if part == "..":
            raise _unsafe(info.filename, "its path leads out of the archive")
        if is_reserved_on_windows(part):
            raise _unsafe(info.filename, "Windows takes its name for a device")
        if part.endswith((".", " ")):
            raise _unsafe(info.filename, "Windows would change its name, which ends in a dot or a space")
        if len(part.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
            raise _unsafe(part[:40], "its name is too long")
    return parts


def _is_git(part: str) -> bool:
    """`.git`, or its short name on Windows."""
    return part.casefold() in (".git", "git~1")


def _check_unique(entries: Iterable[_Entry]) -> None:
    """No two files under one name, and none under the name of a folder, on a file system without case."""
    files: set[tuple[str, ...]] = set()
    folders: dict[tuple[str, ...], tuple[str, ...]] = {}
    for entry in entries:
        folded = tuple(fold_name(part) for part in entry.parts)
        if not entry.is_folder:
            if folded in files:
                raise _unsafe(entry.info.filename, "its name stands twice in the archive, but for case")
            files.add(folded)
        last = len(folded) if entry.is_folder else len(folded) - 1
        for depth in range(1, last + 1):
            if folders.setdefault(folded[:depth], entry.parts[:depth]) != entry.parts[:depth]:
                raise _unsafe(entry.info.filename, "its folder stands twice in the archive, but for case")
    if clash := files & folders.keys():
        raise _unsafe("/".join(min(clash)), "it is both a file and a folder")


def _single_top(entries: list[_Entry]) -> str:
    tops = {entry.parts[0] for entry in entries}
    loose = any(len(entry.parts) == 1 and not entry.is_folder for entry in entries)
    return tops.pop() if len(tops) == 1 and not loose else ""


def _name_below(entry: _Entry, top: str) -> str:
    name = "/".join(entry.parts[1 if top else 0 :])
    return f"{name}/" if name and entry.is_folder else name


def _write(archive: Path, opened: zipfile.ZipFile, entry: _Entry, path: Path) -> None:
    if entry.is_folder:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    executable = bool((entry.info.external_attr >> 16) & 0o111)
    left = entry.info.file_size
    with ExitStack() as stack:
        with _explained(archive):
            packed = stack.enter_context(opened.open(entry.info))
        file = stack.enter_context(path.open("xb"))
        while True:
            with _explained(archive):
                chunk = packed.read(_CHUNK)
            if not chunk:
                break
            left -= len(chunk)
            if left < 0:
                raise _unsafe(entry.info.filename, "it holds more than it says")
            file.write(chunk)
    if executable and os.name == "posix":
        path.chmod(path.stat().st_mode | 0o111)


def _unsafe(entry: str, reason: str) -> RefusedError:
    subject = f"the entry {entry!r}" if entry else "the archive"
    return RefusedError(
        "unsafe-archive",
        f"The archive is refused because of {subject}: {reason}.",
        context={"entry": entry},
        hints=(
            Hint("check-the-archive", "Get the pack from its repository instead, or unpack it yourself."),
        ),
    )
