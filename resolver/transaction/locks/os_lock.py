"""The lock of the operating system on one open file."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

if sys.platform == "win32":  # pragma: no cover (Windows)
    import msvcrt
else:
    import fcntl

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
"""What file systems answer that cannot lock (some network and FUSE mounts)."""


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """True when locked now; False where the file system has no locks. BlockingIOError when another has it."""
    if sys.platform == "win32":  # pragma: no cover (Windows)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(errno.EAGAIN, "locked") from error
    else:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise
    return True


def unlock(descriptor: int) -> None:
    """Free for others, also where another process inherited the descriptor."""
    if sys.platform == "win32":  # pragma: no cover (Windows)
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
