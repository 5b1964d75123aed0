"""Killed while a full copy is made, or while one is gone back to: before or after, and nothing half."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.installation import Installation, State, differences

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


@pytest.fixture
def world(here: Installation) -> Installation:
    """Some distributions with bytecode, and a pack."""
    for name in ("base", "other", "tool"):
        here.have(name, "1.0", files={f"{name}/part_{number}.py": f"N = {number}\n" for number in range(20)})
    here.compile()
    (here.packs / "pack").mkdir()
    (here.packs / "pack" / "__init__.py").write_text("")
    return here


def hurt(here: Installation) -> State:
    """Damage of several kinds; the tree then."""
    site = here.venv.site_packages
    shutil.rmtree(site / "base")
    (site / "stray").mkdir()
    (site / "stray" / "file").write_text("x")
    (site / "tool" / "part_3.py").write_text("broken(\n")
    (here.packs / "pack" / "__init__.py").write_text("broken(\n")
    shutil.copytree(site / "other-1.0.dist-info", site / "other-0.9.dist-info")
    return here.tree()


@pytest.mark.parametrize("when", ["taken:1", "taken:40", "published:1", "published:30", "listed"])
def test_a_kill_while_a_copy_is_made_leaves_no_half_of_one(world: Installation, when: str) -> None:
    """No object, list or snapshot that was not finished counts; the next copy is whole and brings everything back."""
    before = world.tree()
    script = Path(__file__).with_name("kill_in_copy.py")
    command = [
        sys.executable,
        str(script),
        when,
        "--comfyui",
        str(world.comfy),
        "snapshot",
        "create",
        "--full",
    ]
    killed = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed
    assert world.run("snapshot", "list").document["snapshots"] == []
    assert world.run("guard", "check").document["ok"] is True
    assert differences(before, world.tree()) == []
    good = world.run("snapshot", "create", "--full").document["snapshot"]["id"]
    hurt(world)
    assert world.run("rollback", good, "--yes").document["plan"]["exact"] is True
    assert differences(before, world.tree()) == []
    assert world.run("guard", "check").document["ok"] is True
    world.run("prune")
    assert not list(world.area.rglob("incoming"))


def test_a_kill_while_going_back_leaves_before_or_after(world: Installation) -> None:
    """After each journal line: recovered, the tree is the damaged one or the restored one, and the next try works."""
    good = world.run("snapshot", "create", "--full").document["snapshot"]["id"]
    restored = world.tree()
    damaged = hurt(world)
    outcomes = {"before": 0, "after": 0}
    lines = ["1", "staged", "tried", "applying", "6", "8", "10", "13", "16", "verifying", "committed"]
    for line in lines:
        process = world.start("rollback", good, "--yes", kill_after=line)
        answer = world.finish(process)
        assert answer.code == -signal.SIGKILL, (line, answer)
        assert world.run("recover").code == 0
        assert world.run("recover").document["recovered"] == []
        now = world.tree()
        if differences(damaged, now) == []:
            outcomes["before"] += 1
        else:
            assert differences(restored, now) == [], line
            outcomes["after"] += 1
            assert differences(damaged, hurt(world)) == []
        assert not list(world.area.glob("stages/*"))
    assert outcomes == {"before": len(lines) - 1, "after": 1}
    assert world.run("rollback", good, "--yes").applied
    assert differences(restored, world.tree()) == []
