"""Who is at work: a process told from every other one, and whether it still lives.

A process number alone does not do: it is given again to another process, a restart of the machine begins
to count anew, and inside a container it means another process than outside.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path

from ...errors import redact
from ..fs import open_regular

_LONGEST = 64 * 1024
"""Bytes that are read of an owner file: somebody else may have put anything there."""

_LONGEST_OPERATION = 200
_BOOT = "/proc/sys/kernel/random/boot_id"
_AFTER_NAME = 19
"""Place of the start time among the fields of /proc/PID/stat behind the program's name (proc(5): field 22)."""


class Standing(str, Enum):
    """Whether an owner still lives."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"
    """It cannot be asked from here: another machine, another container, or a system that does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One process at one piece of work."""

    pid: int
    host: str
    since: str
    """ISO time, UTC."""
    operation: str
    """What it does, in words."""
    birth: str = ""
    """Boot, process namespace and start time of the process; empty where the system does not tell."""

    def to_bytes(self) -> bytes:
        """The owner as a JSON object."""
        return json.dumps(
            {
                "pid": self.pid,
                "host": self.host,
                "since": self.since,
                "operation": self.operation,
                "birth": self.birth,
            }
        ).encode("ascii")

    @property
    def is_this_process(self) -> bool:
        """Whether it is the process that asks."""
        mine = _birth(os.getpid())
        return self.pid == os.getpid() and self.host == this_host() and self.birth in ("", mine)

    def standing(self) -> Standing:
        """Whether that very process lives. Asks the system; does not block."""
        if self.host != this_host():
            return Standing.UNKNOWN
        mine = _birth(os.getpid())
        if self.birth and mine:
            return _compare(self, mine)
        if os.name == "nt":  # pragma: no cover (os.kill would end the process there)
            return Standing.UNKNOWN
        if self.pid == os.getpid():
            # Without a birth this counts as an earlier process with our number: in a container every start
            # may get the same one. What this process holds itself is known without asking.
            return Standing.GONE
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return Standing.GONE
        except OSError:  # It exists and is another user's.
            return Standing.ALIVE
        return Standing.ALIVE


def this_process(operation: str) -> Owner:
    """This process, at that work from now on."""
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    words = redact(operation)[:_LONGEST_OPERATION]
    return Owner(pid=os.getpid(), host=this_host(), since=since, operation=words, birth=_birth(os.getpid()))


def this_host() -> str:
    """The name of this machine."""
    import platform

    return platform.node()


def read_owner(path: Path, *, patience: float = 0.0) -> Owner | None:
    """The owner in a file; None where there is none or it makes no sense.

    `patience`: seconds in which one that is just being written may become whole.
    """
    deadline = time.monotonic() + patience
    while True:
        owner = _parse(path)
        if owner is not None or time.monotonic() >= deadline:
            return owner
        time.sleep(0.005)


def _parse(path: Path) -> Owner | None:
    try:
        with open_regular(path) as file:
            found = json.loads(file.read(_LONGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return owner_of(found)


def owner_of(found: object) -> Owner | None:
    """The owner that a JSON object names; None where it makes no sense."""
    if not isinstance(found, Mapping):
        return None
    pid = found.get("pid")
    if type(pid) is not int or pid <= 0:
        return None

    def text(key: str) -> str:
        value = found.get(key)
        return redact(value)[:_LONGEST_OPERATION] if isinstance(value, str) else ""

    return Owner(
        pid=pid,
        host=text("host") or "unknown",
        since=text("since") or "unknown",
        operation=text("operation") or "unknown",
        birth=text("birth"),
    )


def _compare(owner: Owner, mine: str) -> Standing:
    boot, namespace, _ = (*owner.birth.split("/"), "", "", "")[:3]
    my_boot, my_namespace, _ = mine.split("/")
    if boot != my_boot:
        return Standing.GONE  # The machine was started anew since.
    if namespace != my_namespace:
        return Standing.UNKNOWN  # A container of the same name: its numbers mean other processes.
    return Standing.ALIVE if _birth(owner.pid) == owner.birth else Standing.GONE


def _birth(pid: int) -> str:
    """What tells this process from all others of this number; empty where it is gone or nothing is known."""
    try:
        boot = Path(_BOOT).read_text(encoding="ascii").strip()
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (OSError, ValueError):
        return ""
    fields = stat.rpartition(b")")[2].split()
    # A zombie has run its course: all it held is free.
    if len(fields) <= _AFTER_NAME or fields[0] in (b"Z", b"X"):
        return ""
    return f"{boot}/{namespace}/{fields[_AFTER_NAME].decode('ascii')}"
