"""A kill after any journal line leaves the environment exactly before or exactly after, once recovered."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.furnishing import furnish
from comfyui_safe_install.tests.kit.installation import Installation, State, differences
from comfyui_safe_install.tests.kit.package import ROOT
from comfyui_safe_install.tests.kit.trees import by_size_and_time
from comfyui_safe_install.tests.kit.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

EVERY = 4
"""Of the kills after which everything was undone, each so manieth is followed by the next try."""


Recovery = Callable[[Installation, Sequence[Path]], None]


def by_command(here: Installation, _roots: Sequence[Path]) -> None:
    """What a user types."""
    answer = here.run("recover")
    assert answer.code == 0, answer


def by_bare_interpreter(here: Installation, roots: Sequence[Path]) -> None:
    """What works when no package can be imported any more."""
    done = subprocess.run(
        [sys.executable, "-I", str(ROOT / "resolver" / "transaction"), f"--state={here.state}",
         *(f"--root={root}" for root in roots)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@dataclass
class Story:
    """A command that is killed again and again, each time from the same start."""

    here: Installation
    command: list[str]
    before: State = field(default_factory=dict)
    after: State = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    """Files in our hidden folders at the start."""
    old_journals: set[Path] = field(default_factory=set)
    roots: tuple[Path, ...] = ()
    phases: Counter[str] = field(default_factory=Counter)

    @property
    def copy(self) -> Path:
        """The start, put by."""
        return self.here.root / "start"

    def tell(self) -> None:
        """Kill after every line there is, and once not at all, which shows the end of the story."""
        self.before, self.kept = self.here.tree(), self.here.files_aside()
        self.roots = self.here.site().roots
        self.old_journals = set(self.here.state.glob("transactions/[0-9]*/journal.jsonl"))
        shutil.copytree(self.here.comfy, self.copy, symlinks=True)
        assert self.here.run(*self.command).applied
        self.after = self.here.tree()
        lines = 1
        while self.ends_killed(lines):
            lines += 1

    def ends_killed(self, lines: int) -> bool:
        """Whether the process lived to write so many lines; whatever it left is recovered and looked at."""
        self.begin_anew()
        answer = self.here.finish(self.here.start(*self.command, kill_after=lines))
        if answer.code != -signal.SIGKILL:
            assert answer.code == 0, answer
            return False
        states = self.journalled_states()
        self.phases[states[-1] if states else "unborn"] += 1
        recovery = by_bare_interpreter if lines % 5 == 0 else by_command
        self.check(recovery, states, lines)
        return True

    def begin_anew(self) -> None:
        """Everything as at the start, at the same place."""
        shutil.rmtree(self.here.comfy)
        subprocess.run(["cp", "-a", str(self.copy), str(self.here.comfy)], check=True)

    def journalled_states(self) -> list[str]:
        """The states its journal holds; none where it was killed before its first line counted."""
        journals = set(self.here.state.glob("transactions/[0-9]*/journal.jsonl")) - self.old_journals
        bodies = [json.loads(line)["body"] for path in journals for line in path.read_text().splitlines()]
        return [body["state"] for body in bodies if body["kind"] == "state"]

    def check(self, recovery: Recovery, states: list[str], line: int) -> None:
        """Exactly before or exactly after, nothing left over, and a second recovery does nothing."""
        here, committed = self.here, "committed" in states
        recovery(here, self.roots)
        assert differences(self.after if committed else self.before, here.tree()) == [], line
        here.versions()
        settled = by_size_and_time(here.comfy)
        recovery(here, self.roots)
        assert by_size_and_time(here.comfy) == settled, f"line {line}: a second recovery changed something"
        if committed:
            assert [path for path in here.files_aside() if "/payloads/" not in path] == [], line
            return
        # A pack that waited for a transaction which never came to be is swept by the next change.
        waiting = [path for path in here.files_aside() if not states and "/incoming/" in path]
        assert [path for path in here.files_aside() if path not in waiting] == self.kept, line
        if line % EVERY == 0 or waiting:
            assert here.run(*self.command).applied
            assert differences(self.after, here.tree()) == [], line
            assert [path for path in here.files_aside() if "/payloads/" not in path] == [], line


def test_an_install_killed_after_any_line_is_before_or_after(here: Installation) -> None:
    """Distributions of every shape, two owners of one folder, an unowned file and two packs move together."""
    story = Story(here, furnish(here))
    story.tell()
    assert story.phases["applying"] > 20
    assert {"unborn", "staged", "tried", "applying", "verifying", "committed"} <= story.phases.keys()


def test_a_rollback_killed_after_any_line_is_before_or_after(here: Installation) -> None:
    """The way back is a transaction like any other, and its kill costs neither state."""
    assert here.run(*furnish(here)).applied
    story = Story(here, ["rollback", "--yes"])
    story.tell()
    assert story.phases["applying"] > 20
    assert {"unborn", "staged", "tried", "applying", "verifying", "committed"} <= story.phases.keys()


def test_decisions_of_a_process_killed_at_its_commit_are_recorded(here: Installation) -> None:
    """The change stands although nobody wrote the record: `why` knows of it, and the next change writes it."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    here.wheel("tool", "2.0")
    assert here.run("install", here.source("old", "tool==1.0"), "--yes").applied
    killed = here.start("install", here.source("new", "tool>=2"), "--yes", kill_after="committed")
    assert here.finish(killed).code == -signal.SIGKILL
    by_command(here, ())
    assert here.versions()["tool"] == "2.0"
    assert not (here.state / "record.jsonl").exists()

    known = [each["decision"]["rule"] for each in here.run("why", "tool").document["decisions"]]
    assert known == ["newest-wins"]
    assert here.run("install", here.source("third"), "--yes").applied
    (entry,) = [json.loads(line) for line in (here.state / "record.jsonl").read_text().splitlines()]
    assert entry["decision"]["package"] == "tool"
    assert entry["operation"] == "install new"


def test_a_pack_that_waited_for_a_killed_plan_is_swept_and_a_living_one_is_not(here: Installation) -> None:
    """What a process fetched before its transaction began goes with the next change, unless it still lives."""
    here.have("base", "1.0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nobody = {"UV_DEFAULT_INDEX": f"http://127.0.0.1:{silent.getsockname()[1]}/simple/"}
        source = here.source("demo", "tool")
        children = [here.start("install", source, "--yes", environment=nobody) for _ in range(2)]
        waiting = here.comfy / ".safe-install" / "incoming"
        wait_until(lambda: len(list(waiting.glob("*/0/demo/requirements.txt"))) == len(children))
        children[0].kill()
        children[0].communicate()
        assert here.run("install", here.source("other"), "--yes").applied
        assert len(list(waiting.iterdir())) == 1, "one was swept, the other is in use"
        children[1].send_signal(signal.SIGTERM)
        assert here.finish(children[1]).code == 1
    assert here.files_aside() == []
