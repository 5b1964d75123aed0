"""The few file system acts everything rests on, with what a power cut and Windows do to them.

All functions block. Errors of the operating system pass through as OSError unless a docstring says otherwise.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ..errors import Hint, SafeInstallError

_WINDOWS = os.name == "nt"

_PATIENCE: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.6) if _WINDOWS else ()
"""Seconds between tries, about two in all. A virus scanner or indexer that has just opened a new file
makes Windows refuse its rename for a moment (conda, pip and VS Code wait in the same way)."""

_REFUSES_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES, errno.EPERM})
"""What file systems answer that cannot sync a directory (some network and FUSE mounts)."""

OWN_FOLDERS = (".safe-install", ".safe-install.disabled")
"""The names of the hidden folders beside site-packages and custom_nodes; nobody but us makes them."""

LARGEST_FILE = 128 * 1024 * 1024
"""Bytes of a file of state that is still read; the step list of a hundred thousand files has a third of that."""

# O_NONBLOCK: opening a pipe must not wait for a writer.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_JUNCTION = 0xA0000003
"""IO_REPARSE_TAG_MOUNT_POINT: a Windows junction, which `lstat` shows as a plain directory."""


def fsync_file(path: Path) -> None:
    """The content of a file, on the disk when this returns."""
    # Windows flushes only through a handle that may write.
    descriptor = os.open(path, (os.O_RDWR if _WINDOWS else os.O_RDONLY) | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_dir(path: Path) -> None:
    """The names in a directory, on the disk when this returns; does nothing where the platform refuses.

    Windows has no such call; NTFS journals names in order, so after a power cut the disk shows an
    earlier moment, never a mixture.
    """
    if _WINDOWS:
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # A folder one may write but not list.
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _REFUSES_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)


def sync_tree(path: Path) -> None:
    """Every file and folder below `path`, and `path` itself, on the disk when this returns.

    For a finished stage: a rename that survives a power cut is worth nothing when the bytes did not.
    """
    for folder, _, files in os.walk(path):
        for name in files:
            file = Path(folder, name)
            if stat.S_ISREG(os.lstat(file).st_mode):
                fsync_file(file)
        fsync_dir(Path(folder))


def sync_volume() -> None:
    """Everything written so far, on the disk when this returns; on Windows nothing happens.

    For a stage of tens of thousands of files this one call is far cheaper than syncing each of them.
    """
    if hasattr(os, "sync"):
        os.sync()


def rename(source: Path, target: Path) -> None:
    """The object at `source` stands at `target`, in one atomic act; FileExistsError when `target` exists.

    POSIX rename would silently replace a file or an empty folder, so the target is looked at first.
    The gap between look and act is ours alone: the caller holds the lock of the state folder.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(source), None, str(target))
    _patiently(lambda: os.rename(source, target))


def device(path: Path) -> int:
    """The device number under `path`, or under its nearest parent that exists."""
    if os.path.lexists(path):
        return os.lstat(path).st_dev
    parent = nearest_existing(path.parent)
    return parent.stat().st_dev


def nearest_existing(path: Path) -> Path:
    """`path`, or the nearest of its parents that exists."""
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())


def free_bytes(path: Path) -> int:
    """Bytes free for us on the volume under `path` (which need not exist yet)."""
    return shutil.disk_usage(nearest_existing(path)).free


def write_json(path: Path, value: object) -> None:
    """`value` as JSON in `path`, durable when this returns; a crash leaves the old file or the new one."""
    write_bytes(path, json.dumps(value, indent=1, sort_keys=True).encode("ascii") + b"\n")


def write_bytes(path: Path, data: bytes) -> None:
    """`data` in `path`, durable when this returns; a crash leaves the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _patiently(lambda: os.replace(temporary, path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_dir(path.parent)


def open_regular(path: Path | str) -> BinaryIO:
    """A regular file, opened for reading, through links. Waits for nobody.

    OSError where it cannot be opened, or is a pipe, a device or a folder.
    """
    try:
        # Asked before opening too: to open some devices is to act on them.
        _refuse_irregular(os.stat(path), path)
        descriptor = os.open(path, _READ)
    except ValueError as error:  # A null byte in the path, or a letter no file system knows.
        raise OSError(errno.EINVAL, "it is no path", str(path)) from error
    file = open(descriptor, "rb")  # noqa: SIM115 - the caller closes it
    try:
        _refuse_irregular(os.fstat(descriptor), path)
    except OSError:
        file.close()
        raise
    return file


def _refuse_irregular(info: os.stat_result, path: Path | str) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))


def read_regular(path: Path | str, limit: int = LARGEST_FILE) -> bytes:
    """The bytes of a regular file, through links; waits for nobody and never fills the memory.

    OSError as for `open_regular`, and where it holds more than `limit` bytes.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise OSError(errno.EFBIG, f"it has {size} bytes, more than {limit}", str(path))
        return file.read(size + 1)


def read_json(path: Path) -> object:
    """The value in a JSON file. SafeInstallError `state-unreadable` when there is none: never a default."""
    try:
        return json.loads(read_regular(path))
    # A hostile file can be nested so deeply that the parser gives up.
    except (OSError, ValueError, RecursionError) as error:
        raise SafeInstallError(
            "state-unreadable",
            f"The file {path} cannot be read: {str(error) or type(error).__name__}",
            context={"path": path},
            hints=(Hint("restore-file", "Restore this file from a backup, or remove its folder by hand."),),
        ) from error


def remove_tree(path: Path) -> None:
    """Nothing at `path`: a file, a link (never what it points to) or a folder with everything in it.

    Read-only entries are made writable first; what is already gone is no error, so a removal that was
    killed can be run again.
    """
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if not _is_folder(info):
        _patiently(lambda: _unlink(path, info.st_mode))
        return
    # Not by recursion: a tree can be deeper than Python's stack.
    folders = [path]
    for folder in folders:
        folders += _remove_files(folder)
    for folder in reversed(folders):
        try:
            _patiently(folder.rmdir)
        except FileNotFoundError:  # Someone else removed it meanwhile, which is what we want.
            continue


def _remove_files(folder: Path) -> list[Path]:
    """Nothing in the folder but folders, which are given."""
    inner: list[Path] = []
    try:
        mode = os.lstat(folder).st_mode
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)
        with os.scandir(folder) as entries:
            children = [Path(entry.path) for entry in entries]
    except FileNotFoundError:
        return inner
    for child in children:
        try:
            info = os.lstat(child)
        except FileNotFoundError:
            continue
        if _is_folder(info):
            inner.append(child)
        else:
            _patiently(partial(_unlink, child, info.st_mode))
    return inner


def _is_folder(info: os.stat_result) -> bool:
    return stat.S_ISDIR(info.st_mode) and getattr(info, "st_reparse_tag", 0) != _JUNCTION


def _unlink(path: Path, mode: int) -> None:
    if _WINDOWS and not mode & stat.S_IWRITE:  # pragma: no cover (Windows refuses to delete read-only files)
        path.chmod(stat.S_IWRITE)
    path.unlink(missing_ok=True)


class Fence:
    """The folders below which something may be changed. Their own links are resolved once, at the start.

    A hidden folder of ours that is a link does not count: somebody else made it, to have us work elsewhere.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(
            (_with_separator(os.path.abspath(root)), _with_separator(os.path.realpath(root)))
            for root in roots
            if not (root.name in OWN_FOLDERS and root.is_symlink())
        )

    def holds(self, path: Path) -> bool:
        """Whether `path` is strictly below one of the folders, as it is written and as the disk resolves it.

        Only the parent is resolved: a link may be moved or removed as an entry, but a link on the way may
        not lead out. A root counts both as given and with its own links resolved.
        """
        text = os.fspath(path)
        if os.path.basename(text) in ("", ".", "..") or not os.path.isabs(text) or "\0" in text:
            return False
        written = os.path.normcase(os.path.normpath(text))
        try:
            # The parent is resolved unnormalised, because `link/..` is not where it seems to be.
            parent = _with_separator(os.path.realpath(os.path.dirname(text)))
        except (OSError, ValueError):  # Letters no file system knows, or a path too long for it.
            return False
        return any(
            written.startswith((given, real)) and parent.startswith(real) for given, real in self._roots
        )


def is_inside(path: Path, roots: Sequence[Path]) -> bool:
    """`Fence(roots).holds(path)`, for one path."""
    return Fence(roots).holds(path)


def _with_separator(folder: str) -> str:
    return os.path.normcase(folder).rstrip(os.sep) + os.sep


def _patiently(act: Callable[[], None]) -> None:
    """Run `act`, again after a pause while Windows says that the file is in use."""
    for pause in _PATIENCE:
        try:
            return act()
        except PermissionError:
            time.sleep(pause)
    return act()
