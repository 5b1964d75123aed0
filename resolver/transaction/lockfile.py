"""One transaction at a time: an operating system lock that names its owner.

The system drops such a lock when its process dies, so a crash never leaves one behind. Who holds it stands
in a second file beside it, because under Windows a locked file cannot be read by others.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

from ..errors import BusyError, Hint, SafeInstallError
from .fs import read_regular

if sys.platform == "win32":  # pragma: no cover (Windows)
    import msvcrt
else:
    import fcntl

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
"""What file systems answer that cannot lock (some network and FUSE mounts)."""

_UNFINISHED_CLAIM_SECONDS = 60.0
"""A claim file without an owner is being written just now, or was left by a crash in that instant."""

_LARGEST_OWNER = 64 * 1024
"""Bytes of a file that names an owner; a larger one is none of ours."""

_held: set[str] = set()
_held_guard = threading.Lock()


def lock_path(state_dir: Path) -> Path:
    """The lock that everything which begins, applies or recovers transactions in `state_dir` must hold."""
    return state_dir / "lock"


class OwnerLock:
    """Holds the lock at `path` inside a `with` block; `operation` tells others what is going on.

    BusyError `busy` at entry, at once and never waiting, while another process or another thread holds it;
    its context names `pid`, `host`, `since` and `operation`. SafeInstallError `lock-unavailable` when the
    file cannot be made. Not re-entrant.
    """

    def __init__(self, path: Path, operation: str) -> None:
        self.path = path
        self.operation = operation
        self._key = ""
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """True between entry and exit."""
        return bool(self._key)

    def __enter__(self) -> OwnerLock:
        key = os.path.realpath(self.path)
        with _held_guard:
            # The lock belongs to the process on some systems, so threads are told apart here.
            if key in _held:
                raise self._busy(self._owner_file)
            _held.add(key)
        try:
            self._lock()
        except OSError as error:
            with _held_guard:
                _held.discard(key)
            raise SafeInstallError(
                "lock-unavailable",
                f"The lock {self.path} cannot be taken: {error.strerror or error}",
                context={"path": self.path},
                hints=(Hint("check-state-folder", "See that this folder exists and is writable."),),
            ) from error
        except BaseException:
            with _held_guard:
                _held.discard(key)
            raise
        self._key = key
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._unlock()
        finally:
            with _held_guard:
                _held.discard(self._key)
            self._key = ""

    @property
    def _owner_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.owner")

    @property
    def _claim_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.claim")

    def _lock(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        try:
            locked = _try_lock(descriptor)
        except BlockingIOError as error:
            os.close(descriptor)
            raise self._busy(self._owner_file) from error
        except BaseException:
            os.close(descriptor)
            raise
        if locked:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
            self._claim()
        self._write_owner()

    def _unlock(self) -> None:
        # First the owner's name, then the lock: the other way round, the next owner's name would go.
        with suppress(OSError):  # Windows: someone is reading it just now. The next owner overwrites it.
            self._owner_file.unlink()
        if self._descriptor is None:
            with suppress(OSError):  # It names this process, so it is stale for us now and for all later.
                self._claim_file.unlink()
        else:
            # Explicitly, since a forked child would keep an inherited lock after we close our end.
            _release(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _write_owner(self) -> None:
        # Only information for others: not worth failing for, nor an fsync.
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            temporary.write_text(_owner_text(self.operation), encoding="ascii")
            os.replace(temporary, self._owner_file)
        except OSError:
            temporary.unlink(missing_ok=True)

    def _claim(self) -> None:
        """Stand-in for a lock where the file system has none: whoever creates the claim file holds it."""
        for _ in range(2):
            try:
                with self._claim_file.open("x", encoding="ascii") as file:
                    file.write(_owner_text(self.operation))
            except FileExistsError:
                if not self._take_away_stale_claim():
                    break
            else:
                return
        raise self._busy(self._claim_file)

    def _take_away_stale_claim(self) -> bool:
        try:
            judged = read_regular(self._claim_file, _LARGEST_OWNER)
            if not _is_stale(self._claim_file):
                return False
            aside = self._claim_file.with_name(f".{self._claim_file.name}.{secrets.token_hex(4)}")
            os.rename(self._claim_file, aside)
        except FileNotFoundError:  # Its owner, or another who found it stale, was quicker.
            return True
        # Between look and rename another may have taken the stale claim away and made its own: give it back.
        if read_regular(aside, _LARGEST_OWNER) != judged:
            os.rename(aside, self._claim_file)
            return False
        aside.unlink()
        return True

    def _busy(self, owner_file: Path) -> BusyError:
        owner = _read_owner(owner_file)
        pid, since = owner.get("pid", "unknown"), owner.get("since", "unknown")
        operation = owner.get("operation", "unknown")
        host = owner.get("host", "unknown")
        return BusyError(
            "busy",
            f"Safe Install is already at work: {operation} (process {pid} on {host}, since {since}).",
            context={"pid": pid, "host": host, "since": since, "operation": operation, "lock": self.path},
            hints=(
                Hint("wait", "Wait until it has finished, then try again."),
                Hint("end-process", f"If it hangs, end process {pid}; what it began is then recovered."),
            ),
        )


def _try_lock(descriptor: int) -> bool:
    """True when locked now; False where the file system has no locks. BlockingIOError when another has it."""
    if sys.platform == "win32":  # pragma: no cover (Windows)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(errno.EAGAIN, "locked") from error
    else:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise
    return True


def _release(descriptor: int) -> None:
    if sys.platform == "win32":  # pragma: no cover (Windows)
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _owner_text(operation: str) -> str:
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": _host(), "since": since, "operation": operation})


def _host() -> str:
    import platform

    return platform.node()


def _read_owner(path: Path) -> Mapping[str, object]:
    """Who holds the lock; empty when that is not (yet) known."""
    for _ in range(10):
        try:
            owner = json.loads(read_regular(path, _LARGEST_OWNER))
        except (OSError, ValueError, RecursionError):
            time.sleep(0.01)  # The holder has the lock and is about to write its name.
            continue
        return owner if isinstance(owner, dict) else {}
    return {}


def _is_stale(claim: Path) -> bool:
    """Whether the process of a claim is certainly gone."""
    owner = _read_owner(claim)
    pid = owner.get("pid")
    if type(pid) is not int or pid <= 0:
        try:
            return time.time() - claim.stat().st_mtime > _UNFINISHED_CLAIM_SECONDS
        except FileNotFoundError:
            return True
    if owner.get("host") != _host() or os.name == "nt":
        # Another machine's processes cannot be asked, and on Windows os.kill would end the process.
        return False
    if pid == os.getpid():
        # Not held by this process (looked up before): in a container, an earlier start had our number.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # It exists and is another user's.
        return False
    return False
