"""The same interruptions, on plain `uv pip install` and `pip install`: what the promise is measured against.

    tools/campaign --baseline --rounds 200

The same environment and the same wheels as in the campaign; no packs, for neither knows of any. After each interruption
the tree is compared with the two states, and where it is neither, the same command is run again, as a user would.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from uv import find_uv_bin

from comfyui_safe_install.tests.faults.scene import Scene
from comfyui_safe_install.tests.faults.strategies import mount, remount, shrink, size_on_disk, unmount
from comfyui_safe_install.tests.kit.furnishing import REQUIREMENTS
from comfyui_safe_install.tests.kit.installation import State
from comfyui_safe_install.tests.kit.trees import hash_tree

TOOLS = ("uv pip install", "pip install")
ANYWHERE, WRITING, FULL = "at random", "while it writes", "full disk"
STRUCK_BY = {
    "SIGKILL": (signal.SIGKILL, ANYWHERE),
    "SIGTERM": (signal.SIGTERM, ANYWHERE),
    "SIGINT": (signal.SIGINT, ANYWHERE),
    "SIGKILL while it writes": (signal.SIGKILL, WRITING),
    "SIGTERM while it writes": (signal.SIGTERM, WRITING),
    "SIGINT while it writes": (signal.SIGINT, WRITING),
    "full disk": (signal.SIGKILL, FULL),
}

_HEADER = ("tool", "struck by", "rounds", "before", "after", "neither", "of these after a second try")


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """One interruption of a plain installer."""

    tool: str
    struck_by: str
    outcome: str
    """before, after or neither."""
    again: str = ""
    """After the same command was run again: `healed`, `claims to be done` (exit code 0, and it is not) or `fails`."""


@dataclass(slots=True)
class Baseline:
    """Interruptions of `pip` and `uv pip` in the environment of a scene. Blocks."""

    scene: Scene
    index: str
    found: list[Torn] = field(default_factory=list)

    def run(self, count: int, seed: int) -> None:
        """`count` rounds of each tool, in turn by each signal and moment."""
        for tool in TOOLS:
            self.scene.begin_anew()
            before = self._tree()
            began = time.monotonic()
            writing = self._until_it_writes(process := self._start(tool))
            assert process.wait(120) == 0, tool
            ended = time.monotonic()
            after = self._tree()
            grown = max(size_on_disk(self.scene.here.comfy) - size_on_disk(self.scene.start), 4096)
            for number, name in enumerate(STRUCK_BY):
                if STRUCK_BY[name][1] == FULL and not mount(self.scene):
                    continue
                try:
                    for each in range(seed + number, seed + count, len(STRUCK_BY)):
                        rng = random.Random(each)
                        spans = (ended - began, ended - writing)
                        self.found.append(self._round(tool, name, rng, spans, (before, after), grown))
                finally:
                    if STRUCK_BY[name][1] == FULL:
                        unmount(self.scene)

    def _round(
        self,
        tool: str,
        name: str,
        rng: random.Random,
        spans: tuple[float, float],
        states: tuple[State, State],
        grown: int,
    ) -> Torn:
        number, moment = STRUCK_BY[name]
        self.scene.begin_anew()
        if moment == FULL:
            shrink(self.scene, int(rng.uniform(0.0, 1.1) * grown))
        process = self._start(tool)
        if moment == WRITING:
            self._until_it_writes(process)
        if moment != FULL:
            time.sleep(rng.uniform(0, 1.1) * spans[moment == WRITING])
            if process.poll() is None:
                os.killpg(process.pid, number)  # `pip --python` works in a child.
        _wait_for_all(process)
        if moment == FULL:
            remount(self.scene, "size=512m")
        tree = self._tree()
        outcome = ("before", "after")[states.index(tree)] if tree in states else "neither"
        again = ""
        if outcome == "neither":
            code = self._start(tool).wait(120)
            again = "healed" if self._tree() == states[1] else "claims to be done" if code == 0 else "fails"
        return Torn(tool=tool, struck_by=name, outcome=outcome, again=again)

    def _start(self, tool: str) -> subprocess.Popen[bytes]:
        python = str(self.scene.here.venv.python)
        commands = {
            "uv pip install": [find_uv_bin(), "pip", "install", "--no-config", "--python", python],
            "pip install": [
                *(sys.executable, "-m", "pip", "--isolated", "--python", python, "install"),
                *("--disable-pip-version-check", "--no-cache-dir", "--index-url", self.index),
            ],
        }
        return subprocess.Popen(
            [*commands[tool], *REQUIREMENTS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _until_it_writes(self, process: subprocess.Popen[bytes]) -> float:
        """The moment at which the first thing in the environment has changed, or the tool has ended."""
        site = self.scene.here.venv.site_packages
        known = site.stat().st_mtime_ns
        while process.poll() is None and site.stat().st_mtime_ns == known:
            time.sleep(0.0005)
        return time.monotonic()

    def _tree(self) -> State:
        # Bytecode holds times, and pip writes it; uv and pip keep others away by an empty file.
        return hash_tree(self.scene.here.venv.root, exclude=("__pycache__", ".lock"))


def _wait_for_all(process: subprocess.Popen[bytes]) -> None:
    """Until it and its children are gone."""
    process.wait(120)
    with suppress(ProcessLookupError):
        while True:
            os.killpg(process.pid, 0)
            time.sleep(0.005)


def baseline_table(found: Iterable[Torn]) -> str:
    """Tool and signal x outcome; Markdown."""
    found = list(found)
    lines = [_row(_HEADER), _row(["---"] * len(_HEADER))]
    for tool in TOOLS:
        some = [each for each in found if each.tool == tool]
        for name in STRUCK_BY:
            one = [each for each in some if each.struck_by == name]
            if one:
                lines.append(_line(tool, name, one))
        lines.append(_line(f"**{tool}**", "**all**", some))
    return "\n".join(lines)


def _line(tool: str, name: str, some: Sequence[Torn]) -> str:
    outcomes = Counter(each.outcome for each in some)
    again = Counter(each.again for each in some if each.again)
    words = ", ".join(f"{count} {what}" for what, count in sorted(again.items())) or "-"
    return _row((tool, name, len(some), outcomes["before"], outcomes["after"], outcomes["neither"], words))


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
