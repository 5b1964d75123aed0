"""Kills a transaction that comes to wait, one that is taken up again, and their recoveries, at every instant.

A program of its own, as `kill_driver`, whose child processes it uses. Prints one JSON object.

    python kill_deferred.py FOLDER STRIDE
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
importlib.import_module("kit.package").register_package()


from comfyui_safe_install.resolver.errors import SafeInstallError  # noqa: E402
from comfyui_safe_install.resolver.transaction import folder  # noqa: E402
from comfyui_safe_install.resolver.transaction.recover import deferred, recover, unfinished  # noqa: E402
from comfyui_safe_install.resolver.transaction.runner import Transaction  # noqa: E402
from comfyui_safe_install.resolver.transaction.steps import FilesLockedError  # noqa: E402
from comfyui_safe_install.tests.kit.locked_files import refuse_renames  # noqa: E402
from comfyui_safe_install.tests.unit.transaction.kill_driver import Ground, dies_at  # noqa: E402
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop  # noqa: E402

WAITING, BACK, DONE, UNBORN = "waiting", "rolled-back", "committed", "unborn"


def come_to_wait(workshop: Workshop, locked: str) -> None:
    """A change whose files are in use, from its beginning until it waits."""
    rename = os.rename
    refuse_renames(f"*/{locked}")
    try:
        with workshop.ready() as transaction:
            try:
                transaction.apply(may_wait=True)
            except FilesLockedError:
                transaction.defer({"said": "in use"})
    finally:
        os.rename = rename


def take_up(workshop: Workshop) -> None:
    """What a start does with it."""
    (identifier,) = deferred(workshop.state)
    with Transaction.resume(workshop.state, identifier, workshop.roots) as transaction:
        transaction.apply(may_wait=True)
        transaction.commit()


class Driver(Ground):
    """Counts how they ended, too."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.ends: Counter[str] = Counter()

    def end_of(self, workshop: Workshop) -> str:
        """How it stands after recovery."""
        ids = folder.identifiers(workshop.state)
        if not ids:
            return UNBORN
        progress = folder.load_progress(workshop.state, ids[0])
        return WAITING if progress.deferred else progress.state.value

    def check(self, workshop: Workshop, story: str, allowed: set[str]) -> None:
        """Recover; then exactly before or after, waiting with everything it needs or not at all."""
        recover(workshop.state, workshop.roots)
        end = self.end_of(workshop)
        self.ends[end] += 1
        if end not in allowed:
            self.faults.append(f"{story}: it is {end}")
        if workshop.tree() != (self.after if end == DONE else self.before):
            self.faults.append(f"{story}: the live tree is not what it should be for {end}")
        if unfinished(workshop.state):
            self.faults.append(f"{story}: unfinished after recovery")
        if end == WAITING:
            try:
                take_up(workshop)
            except SafeInstallError as error:
                self.faults.append(f"{story}: it cannot be taken up: {error}")
            if workshop.tree() != self.after:
                self.faults.append(f"{story}: taken up, it does not end where it should")

    def waits(self, locked: str, first: int, stride: int) -> None:
        """Killed while it comes to wait, before every so manieth call."""
        point = first
        while dies_at(point, partial(come_to_wait, workshop := self.fresh(), locked)):
            self.kills += 1
            self.check(workshop, f"{locked}, killed at {point}", {WAITING, BACK, UNBORN})
            point += stride
        self.check(workshop, f"{locked}, not killed", {WAITING})

    def starts(self, stride: int) -> None:
        """Killed while it is taken up, and the recovery of some of those killed too."""
        point = 0
        while True:
            workshop = self.fresh()
            come_to_wait(workshop, "link")
            if not dies_at(point, partial(take_up, workshop)):
                break
            self.kills += 1
            if point % 3 == 0:
                self.kills += dies_at(point // 3, partial(recover, workshop.state, workshop.roots))
            self.check(workshop, f"taken up, killed at {point}", {WAITING, BACK, DONE})
            point += stride


def main() -> None:
    """Both stories; locks at the first, a middle and the last step. Every instant with the stride 1."""
    driver, stride = Driver(Path(sys.argv[1])), int(sys.argv[2])
    for number, locked in enumerate(("live/alpha", "live/link", "stage/alpha-2.dist-info")):
        driver.waits(locked, number, stride)
    driver.starts(stride)
    report: dict[str, Any] = {"kills": driver.kills, "ends": driver.ends, "faults": driver.faults}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
