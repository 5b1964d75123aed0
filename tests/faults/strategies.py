"""The ways in which a change is struck. Each is a function: one try, ended."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from comfyui_safe_install.tests.faults.scene import Ended, Scene

Strategy = Callable[["Measured", random.Random], Ended]

ERRORS = ("EIO", "EACCES", "ENOSPC")
_HOUR = 3600
_PAGE = 4096


@dataclass(slots=True)
class Measured:
    """A scene, and what an undisturbed run of its command takes."""

    scene: Scene
    seconds: float = 0.0
    """T, from the start of the process to its end."""
    swap_seconds: float = 0.0
    """From the journal's `applying` to `committed`."""
    writes: int = 0
    """File operations that change something."""
    operations: int = 0
    """All file operations."""
    grown: int = 0
    """Bytes the tree has more at the end."""
    notes: list[str] = field(default_factory=list)

    def measure(self) -> Measured:
        """Run it undisturbed and look."""
        scene = self.scene
        scene.begin_anew()
        began = time.monotonic()
        assert scene.end(scene.launch()).code == 0
        self.seconds = time.monotonic() - began
        times = scene.times()
        self.swap_seconds = (times["committed"] - times["applying"]).total_seconds()
        self.grown = size_on_disk(scene.here.comfy) - size_on_disk(scene.start)
        self.writes = scene.operations()
        self.operations = scene.operations("--reads")
        return self


# --- signals ------------------------------------------------------------------------------------------------


def at_random(number: signal.Signals, *, group: bool = False) -> Strategy:
    """The signal at a random t in (0, 1.1 T); `group`: to all its children as well, as a closed terminal does."""

    def strike(measured: Measured, rng: random.Random) -> Ended:
        process = measured.scene.launch()
        return _signal_after(measured.scene, process, rng.uniform(0, 1.1) * measured.seconds, number, group)

    return strike


def in_the_swap(number: signal.Signals) -> Strategy:
    """The signal at a random t in (0, 1.1 T of the swap) after the journal says `applying`."""

    def strike(measured: Measured, rng: random.Random) -> Ended:
        process = measured.scene.launch()
        _wait_for_swap(process, measured.scene)
        wait = rng.uniform(0, 1.1) * measured.swap_seconds
        return _signal_after(measured.scene, process, wait, number, group=False)

    return strike


def _signal_after(
    scene: Scene, process: subprocess.Popen[str], seconds: float, number: signal.Signals, group: bool
) -> Ended:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    return scene.end(process)


def _wait_for_swap(process: subprocess.Popen[str], scene: Scene) -> None:
    """Until the journal says `applying`, or the process has ended."""
    said, journal = b"", None
    while process.poll() is None and b'"state":"applying"' not in said:
        journal = journal or scene.journal()
        said = journal.read_bytes() if journal is not None and journal.exists() else b""
        if b'"state":"tried"' not in said:
            time.sleep(0.002)  # From there on it is a matter of milliseconds.


# --- file operations ----------------------------------------------------------------------------------------


def at_an_operation(how: str, *, clock: float = 0.0) -> Strategy:
    """What struck.py calls `how`, at a random file operation that changes something."""

    def strike(measured: Measured, rng: random.Random) -> Ended:
        options = [
            "--how",
            how,
            "--at",
            str(rng.randint(1, measured.writes)),
            "--seed",
            str(rng.random())[2:10],
        ]
        if clock:
            options += ["--clock", str(clock)]
        return measured.scene.end(measured.scene.launch(*options))

    return strike


def failing(measured: Measured, rng: random.Random) -> Ended:
    """EIO, EACCES or ENOSPC, once, at any file operation; those that only look are a quarter."""
    options = ["--how", rng.choice(ERRORS)]
    if rng.random() < 0.25:
        options += ["--reads", "--at", str(rng.randint(1, measured.operations))]
    else:
        options += ["--at", str(rng.randint(1, measured.writes))]
    return measured.scene.end(measured.scene.launch(*options))


# --- a disk that is full ------------------------------------------------------------------------------------


def full_disk(measured: Measured, rng: random.Random) -> Ended:
    """A file system of its own with too little room for the change; room comes before it is recovered."""
    scene = measured.scene
    shrink(scene, int(rng.uniform(0.0, 1.1) * measured.grown))
    ended = scene.end(scene.launch())
    remount(scene, "size=512m")
    return ended


def read_only_disk(measured: Measured, rng: random.Random) -> Ended:
    """The file system turns read-only at a random t in (0, 1.1 T), as Linux does after a disk error."""
    scene = measured.scene
    process = scene.launch()
    with suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(0, 1.1) * measured.seconds)
    while process.poll() is None:
        # Refused for as long as a file is open for writing.
        with suppress(subprocess.CalledProcessError):
            remount(scene, "ro")
            break
    ended = scene.end(process)
    remount(scene, "rw")
    return ended


def mount(scene: Scene) -> bool:
    """Put a memory file system over the place; False where that is not allowed."""
    scene.here.comfy.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=512m,mode=755", "tmpfs", str(scene.here.comfy)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def unmount(scene: Scene) -> None:
    """Take it away again."""
    subprocess.run(["umount", str(scene.here.comfy)], check=True)


def remount(scene: Scene, options: str) -> None:
    """Change that file system, such as its size; blocks."""
    command = ["mount", "-o", f"remount,{options}", str(scene.here.comfy)]
    subprocess.run(command, check=True, capture_output=True)


def shrink(scene: Scene, spare: int) -> None:
    """Leave that file system only so many bytes."""
    now = os.statvfs(scene.here.comfy)
    used = (now.f_blocks - now.f_bfree) * now.f_frsize
    remount(scene, f"size={used + max(spare, now.f_frsize)}")


def size_on_disk(folder: Path) -> int:
    """Bytes as a memory file system counts them: whole pages of regular files."""
    sizes = (path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(-(-size // _PAGE) * _PAGE for size in sizes)


STRATEGIES: Mapping[str, Strategy] = {
    "SIGKILL": at_random(signal.SIGKILL),
    "SIGKILL, whole group": at_random(signal.SIGKILL, group=True),
    "SIGTERM": at_random(signal.SIGTERM),
    "SIGINT": at_random(signal.SIGINT, group=True),
    "SIGKILL in the swap": in_the_swap(signal.SIGKILL),
    "SIGTERM in the swap": in_the_swap(signal.SIGTERM),
    "SIGINT in the swap": in_the_swap(signal.SIGINT),
    "SIGKILL at a file operation": at_an_operation("kill"),
    "the same, clock a day back": at_an_operation("kill", clock=-24 * _HOUR),
    "power cut, torn journal": at_an_operation("power"),
    "EIO, EACCES or ENOSPC once": failing,
    "EIO told, though done": at_an_operation("EIO-told"),
    "EIO from then on": at_an_operation("EIO-from-then-on"),
    "full disk": full_disk,
    "disk turns read-only": read_only_disk,
}
"""By the name in the table."""

MOUNTED = frozenset({"full disk", "disk turns read-only"})
"""Strategies for which a file system of its own lies over the place."""
