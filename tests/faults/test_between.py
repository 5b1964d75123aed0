"""What happens between a crash and its recovery: somebody starts Python on the half-swapped environment."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from comfyui_safe_install.tests.faults.scene import Scene
from comfyui_safe_install.tests.kit.installation import Installation, differences

pytestmark = [pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL"), pytest.mark.slow]

IMPORTS = """
import importlib
for name in ("single", "fresh.config", "tool", "bulk.part_1"):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""
EVERY = 5


@pytest.mark.timeout(300)
def test_bytecode_written_before_the_recovery_stands_in_nobodys_way(here: Installation) -> None:
    """Imports write bytecode where the old was moved away; the old comes back, and nothing else is changed."""
    scene = Scene.of_install(here)
    caches = 0
    line, begun = 5, True
    while begun:
        scene.begin_anew()
        ended = here.finish(here.start(*scene.command, kill_after=line))
        begun = ended.code == -signal.SIGKILL and "committed" not in scene.states()
        if not begun:
            break
        there = set(here.tree())
        subprocess.run([str(here.venv.python), "-I", "-c", IMPORTS], check=True, timeout=60)
        caches += len(set(here.tree()) - there)
        answer = here.run("recover")
        assert answer.code == 0, answer
        off = differences(scene.before, here.tree())
        assert [path for path in off if "/__pycache__" not in path or path in scene.before] == [], line
        line += EVERY
    assert caches > 0, "Python wrote no bytecode, so nothing was shown"
