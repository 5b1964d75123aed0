"""Reading a pack's own small files without leaving the pack and without waiting for anything."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..core.reader import MAX_FILE_BYTES, Reader, UnreadableFile
from ..errors import Hint
from .credentials import hide_in_file

# O_NONBLOCK: opening a FIFO must not wait for a writer. O_NOFOLLOW: the path was resolved just before.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_LOOK = Hint("look-at-file", "Look at the file; the pack's repository may hold the right one.")


def pack_reader(root: Path) -> Reader:
    """A reader for the files of the pack in the folder `root`.

    In web addresses, names stand for the secrets (see `credentials`).
    It gives whole regular files of at most MAX_FILE_BYTES whose real path lies inside the real `root`
    (`root` itself may be a link). All else raises UnreadableFile. Blocks on the disk only.
    """

    def read(path: str) -> bytes:
        data = _read_inside(root, path)
        # As Latin-1 every byte comes back as it was, whatever the encoding.
        return hide_in_file(data.decode("latin-1")).encode("latin-1") if b"://" in data else data

    return read


def root_names(root: Path) -> tuple[str, ...]:
    """The names in the folder, sorted; none where it is no folder or cannot be listed."""
    try:
        return tuple(sorted(os.listdir(root)))
    except OSError:
        return ()


def _read_inside(root: Path, path: str) -> bytes:
    try:
        real_root = root.resolve(strict=True)
        real = (real_root / path).resolve(strict=True)
    except FileNotFoundError as error:
        hint = Hint("look-for-file", "Look for the file's name in the pack; upper and lower case count.")
        raise UnreadableFile("file-missing", f"{path} is not there.", hints=(hint,)) from error
    # RuntimeError: links in a circle, before Python 3.13. ValueError: a name with a NUL.
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableFile("file-unreadable", f"{path} cannot be read: {_reason(error)}.") from error
    if not real.is_relative_to(real_root) or real == real_root:
        raise UnreadableFile(
            "file-outside-pack",
            f"{path} leads out of the pack and is not read.",
            hints=(Hint("copy-lines", "Copy the file into the pack in place of the link."),),
        )
    try:
        return _read_regular(real, path)
    except OSError as error:
        raise UnreadableFile("file-unreadable", f"{path} cannot be read: {_reason(error)}.") from error


def _read_regular(real: Path, path: str) -> bytes:
    # Asked before opening too: on Windows a folder cannot be opened, and a device should not be.
    if not stat.S_ISREG(real.lstat().st_mode):
        raise UnreadableFile("not-a-regular-file", f"{path} is no regular file.", hints=(_LOOK,))
    descriptor = os.open(real, _FLAGS)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableFile("not-a-regular-file", f"{path} is no regular file.", hints=(_LOOK,))
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        message = f"{path} is larger than {MAX_FILE_BYTES} bytes and is not read."
        raise UnreadableFile("file-too-large", message, hints=(_LOOK,))
    return content


def _reason(error: Exception) -> str:
    """Why, without the absolute path that OSError puts into its text."""
    return (error.strerror or "unknown") if isinstance(error, OSError) else type(error).__name__
