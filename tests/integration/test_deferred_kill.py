"""Killed while a change comes to wait, and while a start applies it: exactly before or exactly after."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter

import pytest

from comfyui_safe_install.tests.integration.test_deferred import while_locked
from comfyui_safe_install.tests.kit.host_start import start_host
from comfyui_safe_install.tests.kit.installation import Installation, State, differences

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


STRIDE = int(os.environ.get("SAFE_INSTALL_KILL_STRIDE", "5"))
"""Journal lines between the kills; 1 kills after every one."""


def scene(here: Installation) -> list[str]:
    """A package to replace, one to add, a pack to add; the change."""
    here.have("base", "1.0")
    here.have("tool", "1.0", files={"tool/__init__.py": "", "alone.py": ""}, scripts={"tool": "#!python\n"})
    here.wheel(
        "tool", "2.0", files={"tool/__init__.py": "", "alone.py": "NEW = 1\n"}, scripts={"tool": "#!python\n"}
    )
    here.wheel("fresh", "1.0")
    return ["install", here.source("demo", "tool>=2", "fresh"), "--yes"]


def put_by(here: Installation) -> None:
    """The start of the story, kept."""
    shutil.copytree(here.comfy, here.root / "start", symlinks=True)


def begin_anew(here: Installation) -> None:
    """Everything as at the start of the story, at the same place."""
    shutil.rmtree(here.comfy)
    subprocess.run(["cp", "-a", str(here.root / "start"), str(here.comfy)], check=True)


def lines_of(here: Installation) -> list[dict[str, object]]:
    """The newest journal."""
    journals = sorted(here.state.glob("transactions/[0-9]*/journal.jsonl"))
    return [json.loads(line)["body"] for line in journals[-1].read_text().splitlines()] if journals else []


def waits(here: Installation) -> bool:
    """Whether the newest transaction waits, by its journal."""
    kinds = [line["kind"] for line in lines_of(here)]
    return bool(kinds) and kinds[-1] == "deferred"


def assert_nothing_left(here: Installation, before: State) -> None:
    """Exactly before, without stage, payload or pack that waits."""
    assert differences(before, here.tree()) == []
    assert [path for path in here.leftovers() if not path.endswith(("lock", ".owner", "keepers.json"))] == []


def test_killed_while_it_comes_to_wait(here: Installation) -> None:
    """After a journal line: a start leaves everything before, or applies what waits."""
    command = scene(here)
    before = here.tree()
    put_by(here)
    line, ends = 1, Counter[str]()
    while True:
        begin_anew(here)
        answer = while_locked(here, "*/incoming/*", *command, kill_after=line)
        if answer.code != -signal.SIGKILL:
            assert answer.document.get("deferred"), answer
            break
        assert differences(before, here.tree()) == [] or not waits(here)
        kept = waits(here)
        log = start_host(here)
        ends["waits" if kept else "rolled back" if "rolled back" in log else "unborn"] += 1
        if kept:
            assert here.versions() == {"base": "1.0", "fresh": "1.0", "tool": "2.0"}
        else:
            assert differences(before, here.tree()) == []
        line += STRIDE
    assert ends["rolled back"] > 20 // STRIDE
    assert ends["waits"] >= (STRIDE == 1)


def test_killed_while_a_start_applies_it(here: Installation) -> None:
    """After a journal line: the next start ends exactly before or exactly after, and one more does nothing."""
    command = scene(here)
    before = here.tree()
    assert here.run(*command, "--at-next-start").document["deferred"]
    put_by(here)
    assert "was applied" in start_host(here)
    after = here.tree()
    line, ends = 1, Counter[str]()
    while True:
        begin_anew(here)
        if start_host(here, kill_after=line) != "killed":
            break
        log = start_host(here)
        committed = any(each.get("state") == "committed" for each in lines_of(here))
        ends["after" if committed else "before"] += 1
        assert differences(after if committed else before, here.tree()) == [], (line, log)
        assert start_host(here) == ""
        if line % 6 == 0:
            assert here.run("rollback", "--yes").applied if committed else here.run(*command).applied
            assert differences(before if committed else after, here.tree()) == []
        line += max(STRIDE // 2, 1)
    assert ends["before"] > 10 // STRIDE
    assert ends["after"] >= (STRIDE == 1)
