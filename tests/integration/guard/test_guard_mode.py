"""Guard mode from the command line: every automatic snapshot is a full one, or nothing is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from uv import find_uv_bin

from comfyui_safe_install.resolver.io.guard import making as guard
from comfyui_safe_install.tests.kit.installation import Installation, differences

LIBRARY = b"\x7fELF\0" + os.urandom(2_000_000)


def hurt(here: Installation) -> None:
    """What an install.py may do."""
    (here.venv.site_packages / "tool" / "__init__.py").write_text("broken(\n")
    shutil.rmtree(here.venv.site_packages / "base")


def test_with_guard_mode_every_change_is_preceded_by_a_full_copy(here: Installation) -> None:
    """An install, damage by others, and a rollback past both give the tree from before, byte for byte."""
    here.have("base", "1.0")
    here.have("tool", "1.0")
    here.wheel("fresh", "1.0")
    here.compile()
    before = here.tree()
    assert here.run("guard", "status").document["on"] is False
    on = here.run("guard", "on")
    assert (on.code, on.document["on"], on.document["strategy"]) == (0, True, "auto")
    applied = here.run("install", here.source("demo", "fresh"), "--yes").applied
    hurt(here)
    back = here.run("rollback", applied["snapshot"], "--yes")
    assert back.applied
    assert back.document["plan"]["full"] is True
    assert differences(before, here.tree()) == []

    listed = here.run("snapshot", "list").document["snapshots"]
    assert all(each["full"] for each in listed if each["reason"].startswith(("before", "drift"))), listed
    shown = here.run("snapshot", "show", applied["snapshot"]).document["full"]
    assert shown["files"] > 0
    assert shown["shared_bytes"] > 0
    assert here.run("guard", "check").document["ok"] is True
    assert here.run("guard", "off").document["on"] is False
    assert here.run("snapshot", "create").document["full"] is None


def test_a_change_that_is_undone_leaves_no_full_copy(here: Installation) -> None:
    """Killed while files are moved, and recovered: neither its snapshot nor the list of its full copy is left."""
    here.have("tool", "1.0")
    here.wheel("tool", "2.0")
    here.run("guard", "on")
    before = here.tree()
    process = here.start("install", here.source("demo", "tool>=2"), "--yes", kill_after="verifying")
    assert here.finish(process).code < 0
    assert len(here.run("guard", "status").document["full_snapshots"]) == 1
    assert here.run("recover").code == 0
    assert differences(before, here.tree()) == []
    assert here.run("guard", "status").document["full_snapshots"] == []


def test_a_change_that_waits_is_preceded_by_an_ordinary_snapshot(here: Installation) -> None:
    """Until it is made other things may change, and going back must not undo those: so no copy is of it."""
    here.have("tool", "1.0")
    here.wheel("tool", "2.0")
    here.run("guard", "on")
    waits = here.run("install", here.source("demo", "tool>=2"), "--yes", "--at-next-start")
    assert waits.code == 0, waits
    assert waits.document["deferred"]
    assert here.run("guard", "status").document["full_snapshots"] == []
    assert here.run("deferred", "apply").code == 0
    assert here.versions()["tool"] == "2.0"
    assert here.run("rollback", "--yes").document["plan"]["full"] is False
    assert here.versions()["tool"] == "1.0"


def test_a_plain_snapshot_is_not_compared_byte_for_byte(here: Installation) -> None:
    """It is said what such a snapshot can and what it takes to have more."""
    here.have("tool", "1.0")
    plain = here.run("snapshot", "create").document["snapshot"]["id"]
    answer = here.run("verify", "--snapshot", plain)
    assert (answer.code, answer.error) == (1, "snapshot-not-full")


def test_removing_a_full_snapshot_gives_its_room_back(here: Installation) -> None:
    """Its objects go with it, and what others need stays."""
    here.have("base", "1.0")
    here.have("tool", "1.0", files={"tool/__init__.py": "", "tool/big.bin": os.urandom(300_000)})
    first = here.run("snapshot", "create", "--full").document["snapshot"]["id"]
    (here.venv.site_packages / "tool" / "big.bin").unlink()
    second = here.run("snapshot", "create", "--full").document["snapshot"]["id"]
    before = here.run("guard", "status").document["total_bytes"]
    assert here.run("snapshot", "remove", first).code == 0
    assert before - here.run("guard", "status").document["total_bytes"] >= 300_000
    (here.venv.site_packages / "tool" / "__init__.py").unlink()
    assert here.run("rollback", second, "--yes").applied
    assert here.run("verify", "--snapshot", second).code == 0


def test_what_is_shared_with_uvs_cache_comes_back(here: Installation) -> None:
    """uv hardlinks from its cache, so an edit in place changes the cache too; the kept copy is of neither."""
    here.wheel("tool", "1.0", files={"tool/__init__.py": "", "tool/lib.so": LIBRARY})
    subprocess.run(
        [
            *(find_uv_bin(), "pip", "install", "-q", "--link-mode", "hardlink", "--no-index"),
            *("--find-links", str(here.dists), "--python", str(here.venv.python), "tool"),
        ],
        check=True,
        timeout=120,
    )
    library = here.venv.site_packages / "tool" / "lib.so"
    if library.stat().st_nlink == 1:
        pytest.skip("uv could not hardlink here")
    before = here.tree()
    good = here.run("snapshot", "create", "--full").document["snapshot"]["id"]
    with library.open("r+b") as stream:
        stream.write(b"edited, and so is the cache")
    assert here.run("rollback", good, "--yes").applied
    assert differences(before, here.tree()) == []


def test_a_hardlinked_copy_that_was_edited_is_said_beforehand(here: Installation) -> None:
    """With `mixed` an edit in place takes the kept bytes too: the plan says not restorable, and restores the rest."""
    here.have("tool", "1.0", files={"tool/__init__.py": "", "tool/lib.so": LIBRARY})
    if here.run("guard", "on", "--strategy", "mixed").document["method"] != "mixed":
        pytest.skip("this file system clones, so nothing is hardlinked")
    good = here.run("snapshot", "create").document["snapshot"]["id"]
    library = here.venv.site_packages / "tool" / "lib.so"
    with library.open("r+b") as stream:
        stream.write(b"edited in place")
    (library.parent / "__init__.py").write_text("broken(\n")
    plan = here.run("rollback", good, "--plan").document
    assert [(item["name"], item["how"]) for item in plan["items"]] == [
        ("tool", "exact"),
        ("tool", "not-restorable"),
    ]
    assert "lib.so" in plan["items"][1]["reason"]
    assert plan["exact"] is False
    checked = here.run("guard", "check")
    assert (checked.code, len(checked.document["lost"])) == (1, 1)
    assert here.run("rollback", good).error == "consent-needed"
    assert here.run("rollback", good, "--yes").applied
    assert (library.parent / "__init__.py").read_text() != "broken(\n"
    assert library.read_bytes().startswith(b"edited in place")


@pytest.fixture
def small_disk(here: Installation) -> Iterator[Installation]:
    """The same ComfyUI on a disk of its own with 24 MB."""
    aside = here.root / "as-it-was"
    here.comfy.rename(aside)
    here.comfy.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(here.comfy)], check=False, capture_output=True
    )
    if mounted.returncode:
        aside.rename(here.comfy.with_name("unused"))
        pytest.skip("nothing can be mounted here")
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", str(here.comfy)], check=True)
        yield here
    finally:
        subprocess.run(["umount", str(here.comfy)], check=False, capture_output=True)


def test_too_little_room_is_said_before_anything_is_changed(
    small_disk: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused by the estimate, and when the disk fills up after all; nothing is left, nothing has changed."""
    here = small_disk
    here.have("tool", "1.0", files={"tool/__init__.py": "", "tool/big.bin": os.urandom(13_000_000)})
    here.wheel("fresh", "1.0")
    before = here.tree()
    refused = here.run("snapshot", "create", "--full")
    assert (refused.code, refused.error) == (3, "guard-no-space")
    assert here.run("guard", "on").document["cost"]["enough"] is False
    refused = here.run("install", here.source("demo", "fresh"), "--yes")
    assert (refused.code, refused.error) == (3, "guard-no-space")
    monkeypatch.setattr(guard, "SPARE", -(10**12))
    refused = here.run("install", here.source("demo", "fresh"), "--yes")
    assert (refused.code, refused.error) == (3, "guard-no-space")
    assert differences(before, here.tree()) == []
    objects = here.area / "guard"
    assert [path for path in objects.rglob("*") if path.is_file()] == []
    assert here.run("guard", "off").code == 0
    assert here.run("install", here.source("demo", "fresh"), "--yes").applied


def test_settings_that_cannot_be_read_stop_a_change(here: Installation) -> None:
    """Whether the user wants full copies is never guessed."""
    here.have("tool", "1.0")
    here.wheel("fresh", "1.0")
    here.run("guard", "on")
    settings = here.state / "guard" / "settings.json"
    settings.write_text("{")
    before = here.tree()
    answer = here.run("install", here.source("demo", "fresh"), "--yes")
    assert (answer.code, answer.error) == (1, "guard-settings-damaged")
    assert differences(before, here.tree()) == []
    assert here.run("guard", "on").code == 0
    assert here.run("install", here.source("demo", "fresh"), "--yes").applied


def test_a_copy_whose_objects_are_gone_falls_back_to_payloads(here: Installation) -> None:
    """The full copy is one way back, not the only one."""
    here.have("tool", "1.0")
    here.wheel("tool", "2.0")
    here.run("guard", "on")
    before = here.tree()
    applied = here.run("install", here.source("demo", "tool>=2"), "--yes").applied
    shutil.rmtree(here.area / "guard")
    back = here.run("rollback", applied["snapshot"], "--yes")
    assert back.applied
    assert differences(before, here.tree()) == []
