"""Which starts of ComfyUI came up and which died before that: one small file for each of the last ones.

Standard library only. A start writes its mark before any pack loads and adds a line once the server is up. A mark
without such a line, whose process is gone, is a start that died: by a crash, a kill, or a pack that ended it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from . import folder, fs
from .locks.os_lock import try_lock
from .locks.owners import Owner, Standing, owner_of, this_process

STARTS = "starts"
"""Folder of the state folder: a mark for each of the last starts."""

_NAME = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{4}\.jsonl")
_STAMP = "%Y%m%dT%H%M%S%f"
_KEPT = 20
_LONGEST = 64 * 1024
_FAR = 1 << 30
"""Where the lock lies: on Windows what is locked cannot be read, and the mark ends long before that."""


class Outcome(str, Enum):
    """What became of a start; the value is what its mark holds."""

    STARTING = "starting"
    """No word yet: it is on its way, or it is gone and nobody has looked since."""
    UP = "up"
    DIED = "died"
    STOPPED = "stopped"
    """It was told to end: Ctrl-C, or a signal that asks."""
    REPLACED = "replaced"
    """It began anew of its own will, as a manager does after its own installs."""
    UNWATCHED = "unwatched"
    """Nobody can tell: it has no server that could come up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start, as its mark tells it."""

    id: str
    """Sorts by age."""
    owner: Owner
    transaction: str
    """The transaction committed last when packs began to load; empty when there was none."""
    prefix: str
    """The environment it ran in."""
    surroundings: str
    """What was installed then, in short (`surroundings`)."""
    outcome: Outcome = Outcome.STARTING
    at: str = ""
    """ISO time, UTC, at which the outcome was known."""
    note: str = ""

    def to_dict(self) -> dict[str, object]:
        """The start as a JSON object."""
        return {
            "id": self.id,
            "began": self.owner.since,
            "pid": self.owner.pid,
            "transaction": self.transaction,
            "outcome": self.outcome.value,
            "at": self.at,
            "note": self.note,
        }


class Mark:
    """The mark of a start that this process makes. It is locked for as long as the process lives."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """For `make_mark`; call that."""
        self.id = path.stem
        self.outcome = Outcome.STARTING
        self._descriptor = descriptor
        self._pid = os.getpid()

    def say(self, outcome: Outcome, note: str = "") -> None:
        """What became of the start, durable. In a forked child nothing happens. Raises OSError."""
        if os.getpid() != self._pid:
            return
        self.outcome = outcome
        _append(self._descriptor, _outcome_line(outcome, note))


def make_mark(state_dir: Path, *, transaction: str, prefix: str, surroundings: str, durable: bool) -> Mark:
    """The mark of this process's start. `durable`: it survives a power cut too, at the price of two syncs.

    Older marks go, but the newest that says `up`. Raises OSError.
    """
    parent = _folder(state_dir)
    if parent.is_symlink():  # Whoever set it could have us write wherever it points.
        raise OSError(errno.ELOOP, "it is a link to another place", str(parent))
    parent.mkdir(parents=True, exist_ok=True)
    path = parent / f"{folder.now().strftime(_STAMP)}Z-{secrets.token_hex(2)}.jsonl"
    first = {
        **json.loads(this_process("start").to_bytes()),
        "transaction": transaction,
        "prefix": prefix,
        "surroundings": surroundings,
    }
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        _append(descriptor, json.dumps(first), durable=durable)
        with suppress(OSError):  # Nearly everywhere the number of the process tells as much.
            _lock(descriptor)
    except BaseException:
        os.close(descriptor)
        with suppress(OSError):
            path.unlink()
        raise
    if durable:
        fs.fsync_dir(parent)
    _prune(state_dir)
    return Mark(path, descriptor)


def read_starts(state_dir: Path) -> tuple[Start, ...]:
    """The last starts as their marks tell them, oldest first. What cannot be read is passed over. Reads only."""
    return tuple(start for path in _marks(state_dir) if (start := _read(path)) is not None)


def judged_starts(state_dir: Path) -> tuple[Start, ...]:
    """The last starts, oldest first, those included that have died and of which nobody has noted it. Reads only."""
    return tuple(
        replace(each, outcome=Outcome.DIED)
        if each.outcome is Outcome.STARTING and _is_gone(each.owner, _mark_of(state_dir, each))
        else each
        for each in read_starts(state_dir)
    )


def settle_starts(state_dir: Path, successor_of: str = "") -> tuple[Start, ...]:
    """The last starts, oldest first; of those whose process is gone it is written down that they died.

    `successor_of` is the start that became this process of its own will (see `REPLACED`), if one did. What cannot
    be written down is still told. To be called before this process makes its own mark.
    """
    return tuple(_settled(state_dir, start, successor_of) for start in read_starts(state_dir))


def is_running(state_dir: Path, start: Start) -> bool:
    """Whether the process of that start goes on, and is not this one. Reads only."""
    mine = this_process("start")
    if start.outcome not in (Outcome.STARTING, Outcome.UP) or start.owner.pid == mine.pid:
        return False
    return not _is_gone(start.owner, _mark_of(state_dir, start))


def surroundings(sites: tuple[str, ...], custom_nodes: tuple[Path, ...]) -> str:
    """The names of everything installed, packs included, as a short text to compare. Blocks for a millisecond or so.

    Where somebody has removed or added something since a start died, the next one may well fare better.
    """
    names: list[str] = []
    for site in dict.fromkeys(sites):
        names += [name for name in _listed(site) if name.endswith((".dist-info", ".egg-info"))]
    for packs in custom_nodes:
        names += [
            name
            for name in _listed(packs)
            if not name.startswith((".", "__")) and not name.endswith(".disabled")
        ]
    return f"{zlib.crc32(chr(0).join(names).encode('utf-8', 'surrogatepass')):08x}"


def _settled(state_dir: Path, start: Start, successor_of: str) -> Start:
    if start.outcome is not Outcome.STARTING:
        return start
    mine = this_process("start")
    same = bool(start.owner.birth) and (start.owner.pid, start.owner.birth) == (mine.pid, mine.birth)
    path = _mark_of(state_dir, start)
    if same or start.id == successor_of:
        outcome = Outcome.REPLACED
    elif _is_gone(start.owner, path):
        outcome = Outcome.DIED
    else:
        return start
    with suppress(OSError):
        _say(path, outcome)
    return replace(start, outcome=outcome, at=_now())


def _is_gone(owner: Owner, path: Path) -> bool:
    standing = owner.standing()
    if standing is not Standing.UNKNOWN:
        return standing is Standing.GONE
    # Another container or machine, or a system that does not tell: its lock does, where files can be locked.
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        return _lock(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    os.lseek(descriptor, _FAR, os.SEEK_SET)
    return try_lock(descriptor)


def _say(path: Path, outcome: Outcome) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))
    try:
        _append(descriptor, _outcome_line(outcome, ""))
    finally:
        os.close(descriptor)


def _outcome_line(outcome: Outcome, note: str) -> str:
    return json.dumps({"outcome": outcome.value, "at": _now(), "note": note})


def _append(descriptor: int, line: str, *, durable: bool = True) -> None:
    data = line.encode("utf-8") + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]
    if durable:
        os.fsync(descriptor)


def _read(path: Path) -> Start | None:
    try:
        lines = fs.read_regular(path, _LONGEST).split(b"\n")
    except OSError:
        return None
    first, *later = (_object(line) for line in lines[:-1] or [b""])  # The last one is torn, or empty.
    owner = owner_of(first)
    if owner is None:
        return None
    start = Start(
        id=path.stem,
        owner=owner,
        transaction=_text(first, "transaction"),
        prefix=_text(first, "prefix"),
        surroundings=_text(first, "surroundings"),
    )
    for each in later:
        with suppress(ValueError):
            outcome = Outcome(each.get("outcome"))
            start = replace(start, outcome=outcome, at=_text(each, "at"), note=_text(each, "note"))
    return start


def _object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Mapping[str, object], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _marks(state_dir: Path) -> list[Path]:
    parent = _folder(state_dir)
    if parent.is_symlink():
        return []
    return [parent / name for name in _listed(parent) if _NAME.fullmatch(name)]


def _prune(state_dir: Path) -> None:
    """No more marks than are of use; the newest `up` of each environment stays, for it clears its change."""
    old = _marks(state_dir)[:-_KEPT]
    if not old:
        return
    ups: dict[str, str] = {}
    for start in read_starts(state_dir):
        if start.outcome is Outcome.UP:
            ups[start.prefix] = start.id
    for path in old:
        if path.stem not in ups.values():
            with suppress(OSError):
                path.unlink()


def _listed(parent: Path | str) -> list[str]:
    try:
        return sorted(os.listdir(parent))
    except OSError:
        return []


def _folder(state_dir: Path) -> Path:
    return state_dir / STARTS


def _mark_of(state_dir: Path, start: Start) -> Path:
    return _folder(state_dir) / f"{start.id}.jsonl"


def _now() -> str:
    return folder.now().isoformat(timespec="seconds")
