"""Processes that fight for one lock, and file systems that refuse locks, as the kernel sees it."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

_FLOCK = {"x86_64": (0xC000003E, 73), "aarch64": (0xC00000B7, 32)}
"""Machine: its number for the kernel's audit (linux/audit.h), and that of the system call flock."""

_FIGHTER = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from kit.package import register_package
register_package()
from comfyui_safe_install.resolver.errors import BusyError
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock
if {refused}:
    from kit.contention import refuse_flock
    refuse_flock({refused})
lock, inside = Path({lock!r}), {inside!r}
got, nameless = 0, 0
while time.time() < {begin}:
    time.sleep(0.001)
for _ in range({rounds}):
    try:
        with OwnerLock(lock, "fight", fleeting={fleeting}):
            # Fails when another is inside: the very thing a lock is to prevent.
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
            os.unlink(inside)
            got += 1
            if {deadly} and got == {deadly}:
                os.kill(os.getpid(), 9)
    except BusyError as error:
        nameless += error.context["pid"] == "unknown"
    except FileExistsError:
        sys.exit("two at once")
print(got, nameless)
"""


def can_refuse_flock() -> bool:
    """Whether this machine can be told to refuse locks."""
    return sys.platform == "linux" and platform.machine() in _FLOCK


def refuse_flock(number: int = errno.ENOLCK) -> None:
    """From now on the kernel answers every flock of this process and its children with that error.

    By a seccomp filter: what a network file system without locks answers, for every file.
    """
    machine, call = _FLOCK[platform.machine()]
    # struct sock_filter: load the machine; another one passes; load the call's number; flock fails; the rest passes.
    program = b"".join(
        struct.pack("HBBI", *line)
        for line in (
            (0x20, 0, 0, 4),
            (0x15, 0, 3, machine),
            (0x20, 0, 0, 0),
            (0x15, 0, 1, call),
            (0x06, 0, 0, 0x00050000 | number),
            (0x06, 0, 0, 0x7FFF0000),
        )
    )
    kept = ctypes.create_string_buffer(program)
    filters = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(set_seccomp, filter_mode, filters, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


def hammer(
    lock: Path, processes: int, rounds: int, *, fleeting: bool = False, refused: int = 0, deadly: int = 0
) -> int:
    """How often the lock was had, when so many processes fight for it; the test fails when two had it at once.

    `refused`: the error the kernel gives for flock, for all of them. `deadly`: all but the first kill themselves
    inside, when they have had it so often.
    """
    import time

    begin = time.time() + 0.5 + 0.15 * processes
    fighters = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                textwrap.dedent(_FIGHTER).format(
                    tests=str(Path(__file__).parents[1]),
                    lock=str(lock),
                    inside=str(lock.parent.with_name("inside")),
                    begin=begin,
                    rounds=rounds,
                    fleeting=fleeting,
                    refused=refused,
                    deadly=deadly if number else 0,
                ),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    total = 0
    for fighter in fighters:
        out, err = fighter.communicate(timeout=100)
        if deadly and fighter.returncode == -9:
            total += deadly
            continue
        assert fighter.returncode == 0, err
        got, nameless = map(int, out.split())
        assert nameless == 0, "a busy answer named nobody"
        total += got
    return total
