"""The three acts a transaction is made of, each atomic on the disk and each with an exact opposite.

A step is known by its paths alone, so what was done can be read off the disk after a crash.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import Hint, RecoveryNeededError, SafeInstallError
from . import fs

_MODE_BITS = 0o7777
_BYTECODE = "__pycache__"
_LOCKED = frozenset({errno.EBUSY, errno.ETXTBSY})
_LOCKED_ON_WINDOWS = frozenset({5, 32, 33})
"""ERROR_ACCESS_DENIED (what a folder with an open file in it answers), _SHARING_VIOLATION, _LOCK_VIOLATION."""


class FilesLockedError(SafeInstallError):
    """A step was refused because something uses its files (exit code 1); later it may work."""

    def __init__(self, message: str, *, step: Step, context: Mapping[str, object]) -> None:
        """`step` is the one that was refused."""
        super().__init__("files-locked", message, context=context, hints=_CLOSE_PROGRAMS)
        self.paths = paths_of(step)


@dataclass(frozen=True, slots=True)
class Move:
    """The object at `source` (file, folder or link) gets the name `target`, on the same volume."""

    source: Path
    target: Path

    def __post_init__(self) -> None:
        _require_plain(self.source)
        _require_plain(self.target)
        if self.source == self.target or self.source in self.target.parents:
            raise _refused(f"{self.source} cannot be moved into itself")


@dataclass(frozen=True, slots=True)
class MakeDir:
    """An empty folder `path` with permission bits `mode` comes to be."""

    path: Path
    mode: int

    def __post_init__(self) -> None:
        _require_plain(self.path)
        _require_mode(self.mode)


@dataclass(frozen=True, slots=True)
class RemoveDir:
    """The empty folder `path` goes; `mode` are its permission bits, for making it again."""

    path: Path
    mode: int

    def __post_init__(self) -> None:
        _require_plain(self.path)
        _require_mode(self.mode)


Step = Move | MakeDir | RemoveDir


def paths_of(step: Step) -> tuple[Path, ...]:
    """The names that the step makes or takes away."""
    return (step.source, step.target) if isinstance(step, Move) else (step.path,)


def touched_dirs(step: Step) -> tuple[Path, ...]:
    """The folders to sync for the step to survive a power cut (a made folder itself holds its mode)."""
    if isinstance(step, Move):
        return (step.source.parent, step.target.parent)
    return (step.path.parent, step.path)


def inverse(step: Step) -> Step:
    """The step that takes this one back."""
    if isinstance(step, Move):
        return Move(step.target, step.source)
    return RemoveDir(step.path, step.mode) if isinstance(step, MakeDir) else MakeDir(step.path, step.mode)


def describe(step: Step) -> str:
    """The step in words, with its paths."""
    if isinstance(step, Move):
        return f"move {step.source} to {step.target}"
    return f"make the folder {step.path}" if isinstance(step, MakeDir) else f"remove the folder {step.path}"


def file_by_file(move: Move) -> tuple[Step, ...]:
    """The same move of a folder in steps that rename single files, for file systems that rename no folders.

    A file or a link is moved as it is. Reads the folder; OSError where it cannot be listed.
    """
    if move.source.is_symlink() or not move.source.is_dir():
        return (move,)
    made: list[Step] = []
    moved: list[Step] = []
    removed: list[Step] = []
    for folder, names, files in os.walk(move.source):
        source = Path(folder)
        target = move.target / source.relative_to(move.source)
        mode = stat.S_IMODE(source.stat().st_mode)
        made.append(MakeDir(target, mode))
        removed.insert(0, RemoveDir(source, mode))
        links = [name for name in names if (source / name).is_symlink()]
        moved += [Move(source / name, target / name) for name in sorted([*files, *links])]
    return (*made, *moved, *removed)


def refuse_outside(step: Step, fence: fs.Fence) -> None:
    """Nothing when every path is inside the fence, links on the way included; `step-refused` otherwise."""
    for path in paths_of(step):
        if not fence.holds(path):
            raise _refused(f"{path} is not inside the folders that may be changed")


def execute(step: Step) -> None:
    """The step, done. SafeInstallError `step-failed` when the system refuses; then nothing has changed."""
    with _explained(step):
        if isinstance(step, Move):
            fs.rename(step.source, step.target)
        elif isinstance(step, MakeDir):
            _make_dir(step.path, step.mode)
        else:
            step.path.rmdir()


def reverse(step: Step) -> None:
    """The step, taken back; nothing happens where it was not done.

    SafeInstallError `step-failed` when the system refuses, RecoveryNeededError `step-ambiguous` when the
    disk shows neither before nor after.
    """
    done = was_done(step)
    with _explained(step):
        if isinstance(step, Move):
            if done:
                fs.rename(step.target, step.source)
        elif isinstance(step, MakeDir):
            if done:
                _remove_made_dir(step.path)
        elif done:
            _make_dir(step.path, step.mode)
        elif stat.S_IMODE(os.lstat(step.path).st_mode) != step.mode:
            # A reversal killed between making the folder and giving it its mode.
            step.path.chmod(step.mode)


def was_done(step: Step) -> bool:
    """Whether the step is in effect, read off the disk.

    A rename is atomic, so exactly one of its two names exists; a folder is there or not. Anything else
    raises RecoveryNeededError `step-ambiguous`, naming the paths.
    """
    if isinstance(step, Move):
        source, target = os.path.lexists(step.source), os.path.lexists(step.target)
        if source == target:
            state = "both exist" if source else "neither exists"
            raise ambiguous(
                f"Of {step.source} and {step.target} exactly one should exist, but {state}.", step
            )
        return target
    present = os.path.lexists(step.path)
    if present and (step.path.is_symlink() or not step.path.is_dir()):
        raise ambiguous(f"{step.path} should be a folder or absent, but it is something else.", step)
    return present == isinstance(step, MakeDir)


def ambiguous(what: str, step: Step) -> RecoveryNeededError:
    """The error for a disk that is neither before nor after a step."""
    return RecoveryNeededError(
        "step-ambiguous",
        f"{what} Something else has changed these files since the transaction was interrupted.",
        context={"step": describe(step), "paths": ", ".join(map(str, paths_of(step)))},
        hints=(
            Hint(
                "settle-by-hand",
                "Put these paths as they were (the older of two is the one from before), then recover again.",
            ),
        ),
    )


def to_dict(step: Step) -> dict[str, object]:
    """The step as a JSON object."""
    if isinstance(step, Move):
        return {"kind": "move", "source": str(step.source), "target": str(step.target)}
    kind = "make-dir" if isinstance(step, MakeDir) else "remove-dir"
    return {"kind": kind, "path": str(step.path), "mode": step.mode}


def from_dict(value: object) -> Step:
    """The step in a JSON object. Strict, for the file may be hostile: anything unknown is `step-refused`."""
    if not isinstance(value, Mapping):
        raise _refused("a step is no JSON object")
    kind = value.get("kind")
    if kind == "move" and set(value) == {"kind", "source", "target"}:
        return Move(_path(value["source"]), _path(value["target"]))
    if kind in ("make-dir", "remove-dir") and set(value) == {"kind", "path", "mode"}:
        make: Callable[[Path, int], Step] = MakeDir if kind == "make-dir" else RemoveDir
        return make(_path(value["path"]), value["mode"])
    raise _refused(f"the step kind {kind!r} with these fields is unknown")


def _path(value: object) -> Path:
    if not isinstance(value, str):
        raise _refused(f"{value!r} is no path")
    path = Path(value)
    if str(path) != value:
        raise _refused(f"the path {value!r} is not written plainly")
    return path


def _require_plain(path: Path) -> None:
    if not path.is_absolute() or ".." in path.parts or "\0" in str(path) or not path.name:
        raise _refused(f"the path {str(path)!r} is not absolute and plain")


def _require_mode(mode: object) -> None:
    if type(mode) is not int or not 0 <= mode <= _MODE_BITS:
        raise _refused(f"{mode!r} are no permission bits")


def _refused(why: str) -> SafeInstallError:
    return SafeInstallError("step-refused", f"A step is refused: {why}.", context={"reason": why})


def _make_dir(path: Path, mode: int) -> None:
    path.mkdir()
    try:
        # Not through mkdir's own mode, which the umask of the moment would narrow.
        path.chmod(mode)
    except BaseException:
        path.rmdir()
        raise


def _remove_made_dir(path: Path) -> None:
    # Whatever imported from the new folder while it was live may have left bytecode in it. The folder was
    # not there before us, so this bytecode was not either. Anything else in it makes rmdir refuse.
    if os.listdir(path) == [_BYTECODE]:
        fs.remove_tree(path / _BYTECODE)
    path.rmdir()


@contextmanager
def _explained(step: Step) -> Iterator[None]:
    """Turns an OSError into `step-failed` with what to do about it."""
    try:
        yield
    except OSError as error:
        message = f"Could not {describe(step)}: {error.strerror or error}"
        context = {
            "step": describe(step),
            "errno": errno.errorcode.get(error.errno or 0, ""),
            "paths": ", ".join(map(str, paths_of(step))),
        }
        if _is_lock(error):
            raise FilesLockedError(message, step=step, context=context) from error
        raise SafeInstallError(
            "step-failed", message, context=context, hints=_hints_for(error.errno)
        ) from error


def _is_lock(error: OSError) -> bool:
    """Whether the system refuses for as long as somebody uses the files.

    POSIX refuses next to nothing for open files; EBUSY is a mount, ETXTBSY a running program on some systems.
    """
    number = getattr(error, "winerror", None)
    return number in _LOCKED_ON_WINDOWS if number else error.errno in _LOCKED


_CLOSE_PROGRAMS = (
    Hint("close-programs", "Close programs that use these files, or apply the change at the next start."),
)


def _hints_for(number: int | None) -> tuple[Hint, ...]:
    if number in (errno.EACCES, errno.EPERM):
        return _CLOSE_PROGRAMS
    if number == errno.EXDEV:
        return (
            Hint(
                "other-volume",
                "Both places must be on one volume; a folder of a container image counts as another one.",
            ),
        )
    if number in (errno.ENOSPC, errno.EDQUOT):
        return (Hint("free-space", "Free some space on this volume."),)
    if number == errno.EROFS:
        return (Hint("read-only", "This volume is mounted read-only; mount it writable."),)
    return ()
