"""At its start ComfyUI is told in one line what others changed; the look costs next to nothing and never fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from uv import find_uv_bin

from comfyui_safe_install.tests.integration.test_start import (
    FOLDER_PATHS_OF_NEWER_HOSTS,
    START_AS_THE_HOST_DOES,
)
from comfyui_safe_install.tests.kit.comfy import put_product_in
from comfyui_safe_install.tests.kit.installation import Installation

_OURS = "safe-install.v1"


@pytest.fixture
def hosted(here: Installation) -> Installation:
    """An installation that we left, which its own Python starts with us as a pack."""
    here.have("base", "1.0", files={"base/__init__.py": "ONE = 1\n"})
    (here.comfy / "folder_paths.py").write_text(FOLDER_PATHS_OF_NEWER_HOSTS)
    put_product_in(here.comfy, name=_OURS)
    here.wheel("dep", "1.0")
    assert here.run("install", here.source("demo", "dep"), "--yes").applied
    return here


def start(here: Installation, *, with_packages: bool = True) -> str:
    """Start the host with the environment's Python; what was logged. It must come up."""
    # The environment of the test has none of the packages that ours stand on in a real one.
    lent = {"PYTHONPATH": sysconfig.get_path("purelib")} if with_packages else {}
    done = subprocess.run(
        [str(here.venv.python), "-B", "-c", START_AS_THE_HOST_DOES, str(here.packs / _OURS)],
        check=False, capture_output=True, text=True, timeout=60, cwd=here.comfy, env={**os.environ, **lent},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_start_after_our_own_change_is_silent(hosted: Installation) -> None:
    """And imports nothing but the standard library."""
    assert start(hosted, with_packages=False) == ""
    subprocess.run([str(hosted.venv.python), "-c", "import base, dep"], check=True)
    assert start(hosted, with_packages=False) == ""


def test_a_change_of_others_is_told_once(hosted: Installation) -> None:
    """The first start after it warns and keeps the state; later ones mention it; accepted, it is forgotten."""
    hosted.wheel("base", "2.0")
    subprocess.run(
        [find_uv_bin(), "pip", "install", "-q", "--upgrade", "--python", str(hosted.venv.python), "base"],
        check=True, timeout=60,
    )  # fmt: skip
    (line,) = start(hosted).splitlines()
    assert line.startswith("WARNING Safe Install: others changed base 1.0 -> 2.0.")
    assert "safe-install verify" in line
    listed = hosted.run("snapshot", "list").document["snapshots"]
    assert [each["reason"] for each in listed].count("drift") == 1
    (line,) = start(hosted).splitlines()
    assert line.startswith("INFO ")
    assert hosted.run("verify", "--accept").code == 0
    assert start(hosted) == ""


def test_an_edit_and_a_pth_file_are_told_without_any_package(hosted: Installation) -> None:
    """Where our packages cannot be imported, that something changed is said all the same."""
    file = hosted.venv.site_packages / "base" / "__init__.py"
    file.write_text("ONE = 2\n")
    (line,) = start(hosted, with_packages=False).splitlines()
    assert "others changed" in line
    file.write_text("ONE = 1\n")
    assert start(hosted) == ""
    (hosted.venv.site_packages / "new.pth").write_text("import os\n")
    assert "new.pth" in start(hosted)


@pytest.mark.parametrize("content", ["{", '{"format": 1}', '{"format": 1, "watch": {"sites": 3}}'])
def test_a_damaged_baseline_stops_nobody(hosted: Installation, content: str) -> None:
    """The host starts in silence; verify goes on, and the next change stores a new one."""
    (hosted.state / "baseline.json").write_text(content)
    (hosted.state / "drift.json").write_text(content)
    assert start(hosted) == ""
    assert hosted.run("verify").code == 0
    hosted.wheel("dep", "2.0")
    assert hosted.run("install", hosted.source("more", "dep>=2"), "--yes").applied
    assert start(hosted) == ""
    assert hosted.run("verify").document["drift"]["since"]


def test_a_hostile_baseline_leads_nowhere(hosted: Installation) -> None:
    """Folders that are neither this Python's nor the packs' are not looked through."""
    file = hosted.state / "baseline.json"
    value = json.loads(file.read_text())
    endless = hosted.root / "endless"
    endless.mkdir()
    (endless / "x.py").write_text("")
    os.utime(endless, (0, 0))
    (endless / "trap").symlink_to(endless)
    value["watch"]["sites"] = [str(endless)]
    file.write_text(json.dumps(value))
    assert start(hosted) == ""


def test_a_recovery_comes_first(hosted: Installation) -> None:
    """What a killed change of ours left is undone before the look, and is nobody's drift."""
    hosted.wheel("dep", "2.0")
    hosted.finish(hosted.start("install", hosted.source("more", "dep>=2"), "--yes", kill_after="verifying"))
    (line,) = start(hosted).splitlines()
    assert "rolled back" in line
    hosted.finish(hosted.start("install", hosted.source("more", "dep>=2"), "--yes", kill_after="committed"))
    assert hosted.versions()["dep"] == "2.0"
    assert "others changed" not in start(hosted)
    assert start(hosted) == ""
    assert hosted.run("verify").document["drift"]["items"] == []


@pytest.mark.parametrize("with_packages", [True, False])
def test_a_change_that_waited_is_nobodys_drift(hosted: Installation, *, with_packages: bool) -> None:
    """It is applied right before the look, by the standard library alone."""
    hosted.wheel("dep", "2.0")
    answer = hosted.run("install", hosted.source("more", "dep>=2"), "--yes", "--at-next-start")
    assert answer.code == 0, answer
    log = start(hosted, with_packages=with_packages)
    assert hosted.versions()["dep"] == "2.0"
    assert "others changed" not in log
    assert start(hosted) == ""
    assert hosted.run("verify").document["drift"]["items"] == []


def test_another_python_is_left_alone(hosted: Installation) -> None:
    """A host that runs in another environment than the one we look after is not told of it."""
    (hosted.venv.site_packages / "new.pth").write_text("\n")
    done = subprocess.run(
        [sys.executable, "-B", "-c", START_AS_THE_HOST_DOES, str(hosted.packs / _OURS)],
        check=True, capture_output=True, text=True, timeout=60, cwd=hosted.comfy,
    )  # fmt: skip
    assert Path(sys.prefix) != hosted.venv.root
    assert done.stderr == ""
