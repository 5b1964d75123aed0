"""What is torn, listed twice or edited becomes whole again, by a transaction that can be taken back."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from uv import find_uv_bin

from comfyui_safe_install.tests.kit.index import EVERYTHING, Fault, IndexServer
from comfyui_safe_install.tests.kit.installation import Installation, differences
from comfyui_safe_install.tests.kit.tearing import tear

_WHOLE = """
import base64, hashlib, importlib.metadata, pathlib
seen = []
for dist in importlib.metadata.distributions():
    name = dist.metadata["Name"]
    assert name not in seen, f"{name} is listed twice"
    seen.append(name)
    assert dist.read_text("INSTALLER"), f"{name} is torn"
    for file in dist.files:
        path = pathlib.Path(dist.locate_file(file))
        if file.hash is None:
            continue
        found = hashlib.new(file.hash.mode, path.read_bytes()).digest()
        assert base64.urlsafe_b64encode(found).rstrip(b"=").decode() == file.hash.value, path
print("whole")
"""
"""Told by Python itself, not by us."""


@pytest.fixture
def settled(here: Installation) -> Installation:
    """An installation that we left."""
    files = {"base/__init__.py": "ONE = 1\n", "base/sub/data.txt": "one\n"}
    here.have("base", "1.0", files=files, entry_points={"base-tool": "base:ONE"})
    here.have("kept", "1.0")
    here.wheel("dep", "1.0")
    assert here.run("install", here.source("demo", "dep"), "--yes").applied
    return here


def is_whole(here: Installation) -> bool:
    """Whether every distribution is listed once and every file is what its RECORD says."""
    return here.python(_WHOLE) == "whole" and here.run("verify").document["faults"] == []


def double(here: Installation, version: str = "0.9") -> None:
    """Let `base` be listed twice, as after an upgrade that was cut short; the older had a file of its own."""
    whole = here.venv.site_packages / "base-1.0.dist-info"
    older = whole.with_name(f"base-{version}.dist-info")
    shutil.copytree(whole, older)
    (here.venv.site_packages / "base" / "old.py").write_text("OLD = 1\n")
    for name in ("METADATA", "RECORD"):
        text = (older / name).read_text()
        text = text.replace("base-1.0", f"base-{version}").replace("Version: 1.0", f"Version: {version}")
        (older / name).write_text(text)
    with (older / "RECORD").open("a") as record:
        record.write("base/old.py,,\nbase/gone.py,,\n")


def test_a_distribution_listed_twice(settled: Installation) -> None:
    """The version we left comes back alone; what only the other copy owned is put aside, and a rollback is safe."""
    before = settled.tree()
    double(settled)
    plan = settled.run("repair", "--plan").document
    (item,) = plan["items"]
    assert (item["name"], sorted(item["from"]), item["to"]) == ("base", ["0.9", "1.0"], "1.0")
    assert "left" in item["why"]
    assert settled.run("repair", "--yes").applied
    assert is_whole(settled)
    record = "lib/python3.11/site-packages/base-1.0.dist-info"
    changed = differences(before, settled.tree())
    assert all(record in path for path in changed), changed
    answer = settled.run("rollback", "--yes")
    assert answer.code == 0, answer
    assert is_whole(settled)


def test_the_user_says_which_version(settled: Installation) -> None:
    """NAME==VERSION counts more than what we think right."""
    double(settled)
    settled.wheel("base", "3.0")
    assert settled.run("repair", "base==3.0", "--yes").applied
    assert settled.versions()["base"] == "3.0"
    assert is_whole(settled)
    assert not (settled.venv.site_packages / "base" / "old.py").exists()


@pytest.mark.parametrize("lacking", ["INSTALLER", "RECORD", "METADATA"])
def test_a_torn_distribution(settled: Installation, lacking: str) -> None:
    """Files are missing, and what an installer writes last: everything comes back, and nothing else changes."""
    before = settled.tree()
    site = settled.venv.site_packages
    (site / "base-1.0.dist-info" / lacking).unlink()
    (site / "base-1.0.dist-info" / "INSTALLER").unlink(missing_ok=True)
    (site / "base" / "__init__.py").unlink()
    (settled.venv.scripts / "base-tool").unlink()
    assert settled.run("repair", "--yes").applied
    assert is_whole(settled)
    changed = differences(before, settled.tree())
    assert all("base-1.0.dist-info" in path for path in changed), changed
    assert settled.run("verify").document["drift"]["items"] == []


def test_an_upgrade_that_was_killed(settled: Installation) -> None:
    """pip was killed before it wrote RECORD of the new version: the version we left comes back, clean."""
    before = settled.tree()
    settled.wheel("base", "2.0", files={"base/__init__.py": "TWO = 2\n", "base/only_in_two.py": ""})
    subprocess.run(
        [find_uv_bin(), "pip", "install", "-q", "--upgrade", "--python", str(settled.venv.python), "base"],
        check=True, timeout=60,
    )  # fmt: skip
    (settled.venv.site_packages / "base-2.0.dist-info" / "RECORD").unlink()
    (settled.venv.site_packages / "base-2.0.dist-info" / "INSTALLER").unlink()
    (settled.venv.site_packages / "base" / "__init__.py").unlink()
    assert settled.run("repair", "base", "--yes").applied
    assert settled.versions()["base"] == "1.0"
    assert is_whole(settled)
    changed = differences(before, settled.tree())
    assert all("base-1.0.dist-info" in path for path in changed), changed


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_an_install_that_was_really_killed(settled: Installation) -> None:
    """What uv left half done becomes whole."""
    tear(settled, modules=1500)
    # Killed sooner or later, it left fewer or more; what it left is not done again.
    left = len(list((settled.venv.site_packages / "big").glob("m*.py")))
    assert settled.run("repair", "--yes").applied["steps"] < 1600 - left
    assert settled.versions()["big"] == "1.0"
    assert is_whole(settled)
    assert not list((settled.venv.site_packages / "big").glob(".tmp*"))


@pytest.mark.parametrize("through", [False, True], ids=["replaced", "in-the-cache-too"])
def test_edited_files_need_a_yes_and_are_kept(
    settled: Installation, index: IndexServer, *, through: bool
) -> None:
    """Edits are not thrown away unasked. Without a network uv's cache is enough, unless it shares the edit."""
    file = settled.venv.site_packages / "dep" / "__init__.py"
    if not through:
        file.unlink()
        index.break_down(EVERYTHING, Fault.SERVER_ERROR)
    file.write_text("MINE = 1\n")
    answer = settled.run("repair")
    assert (answer.code, answer.error) == (3, "consent-needed")
    assert file.read_text() == "MINE = 1\n"
    assert settled.run("repair", "dep", "--yes").applied
    assert is_whole(settled)
    assert settled.run("rollback", "--yes").applied
    assert file.read_text() == "MINE = 1\n"
    assert settled.run("rollback", "--yes").applied
    assert is_whole(settled)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_repair_that_is_killed(settled: Installation) -> None:
    """Recovered, everything is as broken as before, to the byte; the next repair works."""
    double(settled)
    (settled.venv.site_packages / "kept-1.0.dist-info" / "RECORD").unlink()
    (settled.venv.site_packages / "kept-1.0.dist-info" / "INSTALLER").unlink()
    before = settled.tree()
    settled.finish(settled.start("repair", "--yes", kill_after="verifying"))
    assert settled.run("recover").code == 0
    assert differences(before, settled.tree()) == []
    assert settled.run("repair", "--yes").applied
    assert is_whole(settled)


def test_what_cannot_be_repaired_here(settled: Installation) -> None:
    """Names nobody has, and builds no index has, are answered with what to do; nothing is changed."""
    before = settled.tree()
    assert settled.run("repair", "nothing").error == "not-installed"
    assert settled.run("repair", "base>=1").error == "usage"
    assert settled.run("repair", "--yes").document["applied"] is None
    assert settled.tree() == before
    settled.have_build("local", "1.0")
    (settled.venv.site_packages / "local" / "__init__.py").unlink()
    answer = settled.run("repair", "--yes")
    assert answer.document["applied"] is None
    assert [each["code"] for each in answer.document["plan"]["findings"]] == ["drift", "not-repairable"]
