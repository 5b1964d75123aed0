"""One transaction at a time: an operating system lock that names its owner.

The system drops such a lock when its process dies, so a crash never leaves one behind. Who holds it stands
in a second file beside it, because under Windows a locked file cannot be read by others. Where the file
system refuses locks, claim files stand in (`claims`).
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from .claims import Claim, ClaimTakenError
from .lock_errors import NOBODY_KNOWN, TakenError, busy, unavailable
from .os_lock import is_at, try_lock, unlock
from .owners import Owner, Standing, read_owner, this_process

_NAMELESS_SECONDS = 2.0
"""How long a new holder may take to write its name, before others are told that it has none."""

_MOVING_SECONDS = 5.0
"""How long the folder of a fleeting lock may come and go under our hands."""

_held: dict[tuple[int, int], Owner] = {}
"""What this process holds, by (device, inode): one file has many spellings."""
_locks: set[OwnerLock] = set()
_guard = threading.Lock()


def lock_path(state_dir: Path) -> Path:
    """The lock that everything which begins, applies or recovers transactions in `state_dir` must hold."""
    return state_dir / "lock"


def area_lock_path(area: Path) -> Path:
    """The lock of the folder in which stages and payloads lie: several state folders may share it."""
    return area / "lock"


class OwnerLock:
    """Holds the lock at `path` inside a `with` block; `operation` tells others what is going on.

    BusyError `busy` at entry, without waiting for its end, while another process or another thread holds it;
    its context names `pid`, `host`, `since` and `operation`. SafeInstallError `lock-unavailable` when the
    file cannot be made. Not re-entrant. A forked child does not have it. A `fleeting` lock leaves neither its
    file nor its folder behind, when that is empty.
    """

    def __init__(self, path: Path, operation: str, *, fleeting: bool = False) -> None:
        self.path = path
        self.operation = operation
        self._fleeting = fleeting
        self._key: tuple[int, int] | None = None
        self._descriptor: int | None = None
        self._claim: Claim | None = None

    @property
    def held(self) -> bool:
        """True between entry and exit."""
        return self._key is not None

    def __enter__(self) -> OwnerLock:
        deadline = time.monotonic() + _NAMELESS_SECONDS
        while True:
            try:
                self._take(this_process(self.operation))
            except TakenError as taken:
                # A name of a dead process is that of an earlier holder: the present one has not written its
                # own yet. Or the lock is free again by now.
                named = taken.owner is not None and taken.owner.standing() is not Standing.GONE
                if named or time.monotonic() > deadline:
                    raise busy(self.path, taken.owner, claim=taken.claim) from None
                time.sleep(0.01)
            except OSError as error:
                raise unavailable(self.path, error) from error
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        key, self._key = self._key, None
        if key is None:  # A forked child leaves the block too, and must not unlock its parent's.
            return
        try:
            self._release()
        finally:
            with _guard:
                _held.pop(key, None)
                _locks.discard(self)

    def _take(self, owner: Owner) -> None:
        descriptor, key = self._open()
        try:
            with _guard:
                # Some systems give the lock to the process, so threads are told apart here.
                if key in _held:
                    raise TakenError(_held[key])
                _held[key] = owner
            try:
                self._lock(descriptor, owner)
            except BaseException:
                with _guard:
                    _held.pop(key, None)
                raise
        except BaseException:
            os.close(descriptor)
            raise
        self._key, self._descriptor = key, descriptor
        with _guard:
            _locks.add(self)

    def _open(self) -> tuple[int, tuple[int, int]]:
        """The lock file, open, and what tells it from every other file."""
        deadline = time.monotonic() + _MOVING_SECONDS
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        while True:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self.path, flags, 0o644)
            except (FileNotFoundError, FileExistsError):
                # The last holder takes the empty folder away just now: gone between two looks at it.
                in_the_way = os.path.lexists(self.path.parent) and not self.path.parent.is_dir()
                if in_the_way or time.monotonic() > deadline:
                    raise
                continue
            found = os.fstat(descriptor)
            return descriptor, (found.st_dev, found.st_ino)

    def _lock(self, descriptor: int, owner: Owner) -> None:
        try:
            locked = try_lock(descriptor)
        except BlockingIOError:
            raise TakenError(read_owner(_owner_file(self.path))) from None
        if not is_at(descriptor, self.path):
            # Its holder removed it when it was done; a lock on what has no name any more keeps nobody out.
            raise TakenError(None)
        claim = Claim(self.path)
        if locked:
            self._write_owner(owner)
            # Another process may be refused locks where we are not (a server that just came back).
            if claim.is_taken():
                taken = claim.holder()
                self._forget_owner()
                unlock(descriptor)
                raise TakenError(taken)
            return
        known = read_owner(_owner_file(self.path))
        try:
            claim.take(owner)
        except ClaimTakenError as taken:
            raise TakenError(taken.owner, claim=taken.file) from None
        if known is not None and known.standing() is Standing.ALIVE:
            claim.give_up()
            raise TakenError(known)
        self._claim = claim
        self._write_owner(owner)

    def _release(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        claim, self._claim = self._claim, None
        # First the owner's name, then the lock: the other way round, the next owner's name would go.
        self._forget_owner()
        if claim is not None:
            claim.give_up()
        elif self._fleeting:
            with suppress(OSError):  # Windows removes no open file: it stays, and does no harm.
                self.path.unlink()
        if descriptor is not None:
            # Explicitly, since a process that was started without us knowing may have inherited it.
            with suppress(OSError):
                unlock(descriptor)
            os.close(descriptor)
        if self._fleeting:
            with suppress(OSError):
                self.path.parent.rmdir()

    def _abandon(self) -> None:
        """In a forked child: what the parent holds is the parent's."""
        descriptor, self._descriptor, self._key, self._claim = self._descriptor, None, None, None
        if descriptor is not None:
            # Closing does not unlock: the parent's descriptor keeps the lock. A child that outlives the
            # parent would keep it too.
            with suppress(OSError):
                os.close(descriptor)

    def _write_owner(self, owner: Owner) -> None:
        # Only information for others: not worth failing for, nor an fsync. Only the holder writes, so one name is
        # enough, and what a kill leaves under it goes with the next.
        temporary = self.path.with_name(f".{self.path.name}.next")
        try:
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as file:
                file.write(owner.to_bytes())
            os.replace(temporary, _owner_file(self.path))
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _forget_owner(self) -> None:
        with suppress(OSError):  # Windows: someone is reading it just now. The next owner overwrites it.
            _owner_file(self.path).unlink()


def who_holds(path: Path) -> Owner | None:
    """Who holds the lock at `path` now; None where nobody does. A holder without a name (yet) is `unknown`.

    Makes no file, and is in nobody's way for longer than a moment.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except PermissionError:
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            return None
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        with _guard:
            mine = _held.get((found.st_dev, found.st_ino))
        if mine is not None:
            return mine
        try:
            if try_lock(descriptor, shared=True):
                unlock(descriptor)
        except BlockingIOError:
            return read_owner(_owner_file(path), patience=0.1) or NOBODY_KNOWN
        except OSError:
            return None
        claim = Claim(path)
        return (claim.holder() or NOBODY_KNOWN) if claim.is_taken() else None
    finally:
        os.close(descriptor)


def _owner_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner")


def _after_fork_in_child() -> None:
    global _guard  # noqa: PLW0603 - another thread may have held it at the fork, and is not here to free it
    _guard = threading.Lock()
    for lock in _locks:
        lock._abandon()  # noqa: SLF001 - the same module
    _locks.clear()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
