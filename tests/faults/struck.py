"""Runs the command line in a process in which one file operation goes wrong, or is the last.

    python tests/faults/struck.py --within DIR --at 17 --how EIO -- --comfyui DIR install ./pack --yes

Every file operation of this process below DIR is counted, by Python's audit events and, where there are none,
by wrapping the function. The hooks live here, never in the product. What the children do (uv, the trial) is
not counted: they never write to anything live. Without `--at` nothing goes wrong; `--count FILE` writes how many
operations there were.

How an operation goes wrong:

    EIO, EACCES, ENOSPC, EROFS ...   it fails with that error, once
    EIO-told                         it is done, and reported as failed (a network file system, a retry)
    EIO-from-then-on                 it fails, and so does every later one that writes (the disk is gone)
    kill                             SIGKILL right before it
    power                            SIGKILL, and what was not synced yet is lost: the newest renames and new folders
                                     (some of them, in order), the content of files, the end of the line being written
"""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import os
import random
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

WRITES = {
    "os.rename": 2,
    "os.mkdir": 1,
    "os.rmdir": 1,
    "os.remove": 1,
    "os.chmod": 1,
    "os.utime": 1,
    "os.link": 2,
    "os.symlink": 2,
    "os.truncate": 1,
}
"""Audit events that change something, and how many of their first arguments are paths."""

READS = {"os.listdir": 1, "os.scandir": 1}


@dataclass
class Pending:
    """An act the disk does not know of yet: lost when the power goes."""

    undo: Callable[[], None]
    folders: set[str]
    """The folders whose sync makes it durable."""


@dataclass
class Fault:
    """Counts the operations and lets the chosen one go wrong."""

    within: str
    at: int
    how: str
    random: random.Random
    reads: bool
    """Whether operations that only look are counted too."""
    count: int = 0
    started: bool = False
    busy: bool = False
    pending: list[Pending] = field(default_factory=list)
    unsynced: dict[str, int] = field(default_factory=dict)
    """Files that are being written and not synced, and how long they surely are."""

    # --- seeing ---------------------------------------------------------------------------------------------

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook: called before the operation, and what it raises prevents it."""
        if self.busy or not self.started:
            return
        writes, emptied = event in WRITES, False
        if event == "open":
            path, _, flags = arguments  # open() gives the flags as well, as they go to open(2).
            writes, emptied = bool(flags & (os.O_WRONLY | os.O_RDWR)), bool(flags & os.O_TRUNC)
            paths = [path]
        elif writes or event in READS:
            paths = list(arguments[: WRITES.get(event) or READS[event]])
        else:
            return
        known = [
            os.path.abspath(os.fsdecode(path))
            for path in paths
            if isinstance(path, str | bytes | os.PathLike)
        ]
        if not any(self._is_ours(path) for path in known):
            return
        self.busy = True
        try:
            self.meet(writes=writes, path=known[0])
            self._remember(event, known, writes=writes, emptied=emptied)
        finally:
            self.busy = False

    def meet(self, *, writes: bool, path: str, write: Callable[[], None] | None = None) -> None:
        """One operation is about to happen; it raises when it shall not. `write` does a part of it."""
        if not (writes or self.reads):
            return
        self.count += 1
        if self.how == "EIO-from-then-on" and writes and self.at <= self.count:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        if self.count != self.at:
            return
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "power":
            if write is not None:
                write()
            self._lose_power()
        number = getattr(errno, self.how, None)
        if number is not None:
            raise OSError(number, os.strerror(number), path)

    def afterwards(self) -> None:
        """The operation was done; for what happens right after it."""
        if self.count == self.at and self.how == "EIO-told":
            self.at = -1  # Once.
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def counts(self, path: str) -> bool:
        """Whether an operation on that path counts now."""
        return self.started and not self.busy and self._is_ours(path)

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self.within)

    # --- what a power cut takes away ------------------------------------------------------------------------

    def _remember(self, event: str, paths: list[str], *, writes: bool, emptied: bool) -> None:
        if not writes:
            return
        if event == "os.rename" and os.path.lexists(paths[0]):
            source, target = paths
            old = Path(target).read_bytes() if os.path.isfile(target) else None

            def back() -> None:
                os.rename(target, source)
                if old is not None:
                    Path(target).write_bytes(old)

            self._keep(back, source, target)
        elif event == "os.mkdir" and not os.path.lexists(paths[0]):
            (path,) = paths
            self._keep(lambda: shutil.rmtree(path, ignore_errors=True), path)
        elif event == "os.rmdir" and os.path.isdir(paths[0]) and not os.listdir(paths[0]):
            (path,) = paths
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            self._keep(lambda: os.mkdir(path, mode), path)
        elif event == "open":
            (path,) = paths
            is_new = not os.path.exists(path)
            if is_new:
                self._keep(lambda: os.unlink(path), path)
            self.unsynced.setdefault(path, 0 if is_new or emptied else os.stat(path).st_size)

    def _keep(self, undo: Callable[[], None], *paths: str) -> None:
        self.pending.append(Pending(undo=undo, folders={os.path.dirname(path) for path in paths}))

    def synced(self, path: str) -> None:
        """The file or folder at `path` has reached the disk."""
        self.unsynced.pop(path, None)
        for each in self.pending:
            each.folders.discard(path)
        # One journal for all: when a later act is on the disk, so are all before it.
        done = max((number for number, each in enumerate(self.pending) if not each.folders), default=-1)
        del self.pending[: done + 1]

    def all_synced(self) -> None:
        """As after sync(2)."""
        self.pending.clear()
        self.unsynced.clear()

    def _lose_power(self) -> None:
        for path, length in list(self.unsynced.items()):  # Other threads go on.
            with suppress(OSError):
                os.truncate(path, length)
        for each in list(reversed(self.pending))[: self.random.randint(0, len(self.pending))]:
            with suppress(OSError):
                each.undo()
        os.kill(os.getpid(), signal.SIGKILL)


def _path_of(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


def _wrap(fault: Fault) -> None:
    """Hooks for what has no audit event, and for what must be known after it happened."""
    real_write, real_fsync, real_sync = os.write, os.fsync, os.sync

    def write(descriptor: int, data: Any) -> int:
        if not fault.counts(_path_of(descriptor)):
            return real_write(descriptor, data)

        def part() -> None:
            """What a power cut leaves of the end of a file: a part of the line, or nothing but zeros."""
            length = fault.random.randint(0, len(data))
            begun = bytes(data[:length])
            torn = fault.random.choice([begun, bytes(length), begun + b"\0" * 7])
            real_write(descriptor, torn)
            fault.unsynced.pop(_path_of(descriptor), None)

        fault.meet(writes=True, path=_path_of(descriptor), write=part)
        written = real_write(descriptor, data)
        fault.afterwards()
        return written

    def fsync(descriptor: int) -> None:
        if not fault.counts(_path_of(descriptor)):
            real_fsync(descriptor)
            return
        fault.meet(writes=True, path=_path_of(descriptor))
        real_fsync(descriptor)
        fault.synced(_path_of(descriptor))
        fault.afterwards()

    def sync() -> None:
        real_sync()
        fault.all_synced()

    changed: Any = os
    changed.write, changed.fsync, changed.sync = write, fsync, sync
    for name in ("rename", "replace", "mkdir", "rmdir"):
        setattr(os, name, _then_noticed(fault, getattr(os, name)))


def _then_noticed(fault: Fault, real: Callable[..., Any]) -> Callable[..., Any]:
    def done(path: Any, *more: Any, **named: Any) -> Any:
        value = real(path, *more, **named)
        if isinstance(path, str | os.PathLike) and fault.counts(os.path.abspath(os.fspath(path))):
            fault.afterwards()
        return value

    return done


def _set_clock(seconds: float) -> None:
    """This process lives in another time; what it writes down is what our modules take for now."""
    resolver = "comfyui_safe_install.resolver"
    folder: Any = importlib.import_module(f"{resolver}.transaction.folder")
    snapshots: Any = importlib.import_module(f"{resolver}.io.snapshots")
    keeping: Any = importlib.import_module(f"{resolver}.io.keeping")
    real_now, real_timestamp = folder.now, snapshots.timestamp
    folder.now = lambda: real_now() + timedelta(seconds=seconds)

    def timestamp(moment: Any = None) -> str:
        return str(real_timestamp(moment or folder.now()))

    snapshots.timestamp = keeping.timestamp = timestamp
    real_time = time.time
    time.time = lambda: real_time() + seconds


def main() -> int:
    """The exit code of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--within", required=True)
    parser.add_argument("--at", type=int, default=0)
    parser.add_argument("--how", default="none")
    parser.add_argument("--reads", action="store_true", help="count operations that only look, too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clock", type=float, default=0.0)
    parser.add_argument("--count", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    package: Any = importlib.import_module("kit.package")
    package.register_package()
    cli: Any = importlib.import_module("comfyui_safe_install.resolver.cli")
    if options.clock:
        _set_clock(options.clock)
    fault = Fault(
        within=os.path.join(os.path.abspath(options.within), ""),
        at=options.at,
        how=options.how,
        random=random.Random(options.seed),
        reads=options.reads,
    )
    _wrap(fault)
    sys.addaudithook(fault.hook)
    fault.started = True
    try:
        return int(cli.main([each for each in options.command if each != "--"]))
    finally:
        fault.started = False
        if options.count:
            options.count.write_text(json.dumps(fault.count))


if __name__ == "__main__":
    sys.exit(main())
