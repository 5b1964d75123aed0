"""A kill after any journal line leaves the environment exactly before or exactly after, once recovered."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable

import pytest

from comfyui_safe_install.tests.faults.scene import PLANNING, Scene
from comfyui_safe_install.tests.kit.installation import Installation
from comfyui_safe_install.tests.kit.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

EVERY = 4
"""Of the kills after which everything was undone, each so manieth is followed by the next try."""


def kill_after_every_line(scene: Scene) -> Counter[str]:
    """Kill after every journal line there is, recover, and look; in which phases the kills fell."""
    phases: Counter[str] = Counter()
    line = 1
    while True:
        scene.begin_anew()
        ended = scene.end(scene.here.start(*scene.command, kill_after=line))
        if ended.code != -signal.SIGKILL:
            assert ended.code == 0, ended
            return phases
        phases[ended.phase] += 1
        then = line % EVERY == 0 or ended.phase == PLANNING
        _, wrong = scene.check(ended, bare=line % 5 == 0, then=then, swept_later=())
        assert wrong == [], line
        line += 1


@pytest.mark.parametrize("make", [Scene.of_install, Scene.of_rollback], ids=["install", "rollback"])
def test_a_change_killed_after_any_line_is_before_or_after(
    make: Callable[[Installation], Scene], here: Installation
) -> None:
    """Everything there is to move moves together; the way back is a transaction like any other."""
    phases = kill_after_every_line(make(here))
    assert phases["applying"] > 20
    assert {PLANNING, "staged", "tried", "applying", "verifying", "committed"} <= phases.keys()


def test_decisions_of_a_process_killed_at_its_commit_are_recorded(here: Installation) -> None:
    """The change stands although nobody wrote the record: `why` knows of it, and the next change writes it."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    here.wheel("tool", "2.0")
    assert here.run("install", here.source("old", "tool==1.0"), "--yes").applied
    killed = here.start("install", here.source("new", "tool>=2"), "--yes", kill_after="committed")
    assert here.finish(killed).code == -signal.SIGKILL
    assert here.run("recover").code == 0
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
