"""Kills a transaction, and its recovery, at every instant, and looks at what is left.

A program of its own, so that it can fork freely: each story runs in a real child process that sends itself
SIGKILL right before a chosen system call (or half way through a journal line). The parent then recovers and
compares. Prints one JSON object: how many kills, in which phases they fell, and what went wrong.

    python kill_driver.py FOLDER single|double|random
"""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

importlib.import_module("kit.package").register_package()

from comfyui_safe_install.resolver.transaction import folder  # noqa: E402 (the package exists from here on)
from comfyui_safe_install.resolver.transaction.journal import read_journal  # noqa: E402
from comfyui_safe_install.resolver.transaction.recover import recover, unfinished  # noqa: E402
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop, everything  # noqa: E402

CALLS = ("write", "fsync", "rename", "replace", "mkdir", "rmdir", "unlink", "chmod", "ftruncate", "open")
"""Every call by which the room changes the disk, and those around them."""

Story = Callable[[], object]


def dies_at(point: int, story: Story, *, only: str = "") -> bool:
    """Run `story` in a child that is killed right before its call number `point`; False if it got through.

    Every other kill before a write lets half of the bytes through, as a power cut or a full disk would.
    """
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return True
        if os.WEXITSTATUS(status):
            raise AssertionError(f"the story failed by itself at point {point}")
        return False
    try:
        calls = 0
        for name in [only] if only else CALLS:
            real = getattr(os, name)

            def counted(*arguments: Any, _real: Any = real, _name: str = name, **named: Any) -> Any:
                nonlocal calls
                if calls == point:
                    if _name == "write" and point % 2:
                        _real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                calls += 1
                return _real(*arguments, **named)

            setattr(os, name, counted)
        story()
    except BaseException as error:  # noqa: BLE001 (the child must not run on as a second driver)
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


class Ground:
    """The same small tree, made again for each kill, with how it looks before and after; counts kills and faults."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kills = 0
        self.faults: list[str] = []
        model = self.fresh()
        self.before = model.tree()
        model.install()
        self.after = model.tree()

    def fresh(self) -> Workshop:
        """The same tree again, at the same place."""
        shutil.rmtree(self.root / "w", ignore_errors=True)
        return Workshop(self.root / "w").fill()


class Driver(Ground):
    """Counts in which phases the kills fell, too."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.phases: Counter[str] = Counter()

    def recover(self, workshop: Workshop) -> None:
        """What a next start does."""
        recover(workshop.state, workshop.roots)

    def note_phase(self, workshop: Workshop) -> None:
        """In which state the kill fell."""
        self.kills += 1
        ids = folder.identifiers(workshop.state)
        self.phases[folder.load_progress(workshop.state, ids[0]).state.value if ids else "unborn"] += 1

    def check(self, workshop: Workshop, story: str) -> None:
        """Exactly before or exactly after, nothing left over, and a second recovery changes nothing."""
        ids = folder.identifiers(workshop.state)
        committed = False
        if ids:
            entries = read_journal(folder.journal_path(folder.transactions_dir(workshop.state) / ids[0]))
            committed = any(entry.body.get("state") == "committed" for entry in entries)
        if workshop.tree() != (self.after if committed else self.before):
            self.faults.append(f"{story}: the live tree is neither before nor after (committed: {committed})")
        begun = bool(ids) and folder.steps_path(folder.transactions_dir(workshop.state) / ids[0]).exists()
        if begun and workshop.stage.exists():
            self.faults.append(f"{story}: the stage is left over")
        if begun and committed != (workshop.aside / "payloads").exists():
            self.faults.append(f"{story}: payloads are there when they should not be, or the other way round")
        if unfinished(workshop.state):
            self.faults.append(f"{story}: unfinished after recovery")
        untouched = everything(workshop.root)
        self.recover(workshop)
        if everything(workshop.root) != untouched:
            self.faults.append(f"{story}: a second recovery changed something")

    def single(self) -> None:
        """Killed once, before every call there is."""
        point = 0
        while True:
            workshop = self.fresh()
            if not dies_at(point, workshop.install):
                break
            self.note_phase(workshop)
            self.recover(workshop)
            self.check(workshop, f"killed at {point}")
            point += 1

    def double(self, stride: int) -> None:
        """Killed after a journal line (before the write of the next), and recovery before its every call."""
        point = 0
        while True:
            inner = point % stride
            while True:
                workshop = self.fresh()
                if not dies_at(point, workshop.install, only="write"):
                    return
                again = dies_at(inner, partial(self.recover, workshop))
                self.kills += 1 + again
                self.recover(workshop)
                self.check(workshop, f"killed at line {point}, then recovery at {inner}")
                if not again:
                    break
                inner += stride
            point += 1

    def random(self, rounds: int) -> None:
        """Killed at random, and recovery killed again and again until it gets through."""
        chance = random.Random(0)
        for number in range(rounds):
            workshop = self.fresh()
            if dies_at(chance.randrange(150), workshop.install):
                self.note_phase(workshop)
            for _ in range(6):
                self.kills += dies_at(chance.randrange(120), partial(self.recover, workshop))
            self.recover(workshop)
            self.check(workshop, f"round {number}")


def main() -> None:
    """Run the chosen stories."""
    driver = Driver(Path(sys.argv[1]))
    if sys.argv[2] == "single":
        driver.single()
    elif sys.argv[2] == "double":
        driver.double(int(sys.argv[3]))
    else:
        driver.random(int(sys.argv[3]))
    sys.stdout.write(json.dumps({"kills": driver.kills, "phases": driver.phases, "faults": driver.faults}))


if __name__ == "__main__":
    main()
