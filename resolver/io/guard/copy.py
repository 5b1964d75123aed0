"""One file brought to another place on the same volume: cloned, copied or hardlinked, and hashed on the way.

A clone (reflink) shares blocks until either side is written, so it is as safe as a copy and costs nothing.
A hardlink is the same file under another name: whoever edits the one edits the other, and one `chmod` holds
for both. So a hardlink is never made without being asked for.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..trash import TRASH, remove_if_empty

CHUNK = 1024 * 1024
_FICLONE = 0x40049409
"""Linux, ioctl_ficlone(2): btrfs, XFS with reflink=1, bcachefs, OCFS2, some NFS and CIFS servers."""

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_WRITE = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def copy_hashed(source: str, target: str, *, clone: bool = False, durable: bool = False) -> str:
    """A new file `target` with the bytes of `source`; the sha256 of what it holds now, hexadecimal.

    `clone`: share the blocks; OSError where the file system cannot. `durable`: on the disk at return.
    Blocks. OSError as it comes; then nothing is left at `target`. FileExistsError where something is there.
    """
    digest = hashlib.sha256()
    reader = os.open(source, _READ)
    try:
        if clone and sys.platform == "darwin":
            _clone_on_macos(source, target)
            writer = os.open(target, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        else:
            writer = os.open(target, _WRITE, 0o600)
        try:
            if clone and sys.platform != "darwin":
                _clone(reader, writer)
            if clone:
                while chunk := os.read(writer, CHUNK):
                    digest.update(chunk)
            else:
                while chunk := os.read(reader, CHUNK):
                    digest.update(chunk)
                    _write_all(writer, chunk)
            if durable:
                os.fsync(writer)
        except BaseException:
            os.close(writer)
            writer = -1
            with suppress(OSError):
                os.unlink(target)
            raise
        finally:
            if writer >= 0:
                os.close(writer)
    finally:
        os.close(reader)
    return digest.hexdigest()


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _clone(reader: int, writer: int) -> None:
    if sys.platform != "linux":
        raise OSError("no clones here")
    import fcntl

    fcntl.ioctl(writer, _FICLONE, reader)


def _clone_on_macos(source: str, target: str) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.clonefile(os.fsencode(source), os.fsencode(target), 0) != 0:  # clonefile(2), APFS
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source, None, target)


def can_clone(folder: Path) -> bool:
    """Whether files in this folder can share blocks. It is tried with a small file; False where it cannot be."""

    def clone(source: Path, target: Path) -> None:
        source.write_bytes(b"probe" * 1000)
        copy_hashed(str(source), str(target), clone=True)

    return _works(folder, clone)


def can_link(folder: Path) -> bool:
    """Whether files in this folder can have two names (exFAT and some network mounts know no such thing)."""

    def link(source: Path, target: Path) -> None:
        source.touch()
        os.link(source, target)

    return _works(folder, link)


def _works(folder: Path, act: Callable[[Path, Path], None]) -> bool:
    """Whether the act does not fail. What a kill leaves of it lies in the trash, and is swept with it."""
    place = folder / TRASH / f"probe-{secrets.token_hex(4)}"
    try:
        place.mkdir(parents=True)
        act(place / "source", place / "target")
    except (OSError, AttributeError):
        return False
    else:
        return True
    finally:
        shutil.rmtree(place, ignore_errors=True)
        remove_if_empty(place.parent)


def is_binary(place: str) -> bool:
    """Whether a file is nothing that people and tools edit in place: there is a NUL in its first 8 KiB."""
    try:
        with open(place, "rb", buffering=0) as stream:
            return b"\0" in stream.read(8192)
    except OSError:
        return False
