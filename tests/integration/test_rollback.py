"""Going back to any snapshot: from what was put aside, else uv's cache, else the index, and said before."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from comfyui_safe_install.tests.kit.index import EVERYTHING, Fault, IndexServer
from comfyui_safe_install.tests.kit.installation import Installation, State, differences

NOWHERE = "http://127.0.0.1:9/simple/"
"""Nobody listens there."""


def cut_off(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on there is no network, and uv remembers nothing."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", NOWHERE)
    monkeypatch.setenv("UV_OFFLINE", "1")
    shutil.rmtree(here.state / "cache", ignore_errors=True)
    shutil.rmtree(here.root / "uv-cache")


def lose_payloads(here: Installation, *names: str) -> None:
    """What was put aside of these distributions is gone."""
    for name in names:
        (folder,) = (here.area / "payloads").glob(f"{name}-*")
        shutil.rmtree(folder)


def plan_of(here: Installation, *arguments: str) -> dict[tuple[str, str], str]:
    """{(kind, name): how} of `rollback --plan`."""
    document = here.run("rollback", *arguments, "--plan").document
    return {(item["kind"], item["name"]): item["how"] for item in document["items"]}


def test_one_can_jump_between_the_states_of_a_chain(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three installs, back to before the first, forward to the end, and into the middle; no network, no cache."""
    here.have("base", "1.0")
    for version in ("1.0", "2.0", "3.0"):
        here.wheel("tool", version, files={"tool/__init__.py": "", f"tool/v{version[0]}.py": ""})
    here.wheel("extra", "1.0")
    states: list[State] = []
    snapshots: list[str] = []
    for packs in (["tool==1.0"], ["tool==2.0", "extra"], ["tool==3.0"]):
        states.append(here.tree())
        snapshots.append(here.run("install", here.source("demo", *packs), "--yes").applied["snapshot"])
    states.append(here.tree())
    cut_off(here, monkeypatch)

    back = here.run("rollback", snapshots[0], "--yes")
    assert back.document["plan"]["exact"] is True
    assert differences(states[0], here.tree()) == []
    forward = back.applied["snapshot"]
    assert here.run("rollback", forward, "--yes").applied
    assert differences(states[3], here.tree()) == []
    for target in (1, 2, 0, 2):
        assert here.run("rollback", snapshots[target], "--yes").applied
        assert differences(states[target], here.tree()) == []
    assert here.run("rollback", forward, "--yes").applied
    assert differences(states[3], here.tree()) == []
    assert here.run("verify").document["ok"] is True


def test_without_payloads_the_same_version_comes_from_the_cache_then_the_index(
    here: Installation, monkeypatch: pytest.MonkeyPatch, index: IndexServer
) -> None:
    """`same-version` is said before; a warm cache needs no network, a cold one the index, pinned by hash."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    here.wheel("tool", "2.0")
    here.run("install", here.source("demo", "tool==1.0"), "--yes")
    first = here.tree()
    assert here.run("install", here.source("demo", "tool==2.0"), "--yes").applied
    lose_payloads(here, "tool")
    assert plan_of(here)["distribution", "tool"] == "same-version"

    with monkeypatch.context() as patch:
        patch.setenv("UV_OFFLINE", "1")
        index.break_down(EVERYTHING, Fault.NOT_FOUND)
        asked = index.requests.total()
        assert here.run("rollback", "--yes").applied
        assert index.requests.total() == asked
        index.repair()
    assert here.versions()["tool"] == "1.0"
    assert differences(first, here.tree()) == [], "the same wheel gives the same files"

    assert here.run("rollback", "--yes").applied  # forward again, from the payload
    lose_payloads(here, "tool")
    shutil.rmtree(here.root / "uv-cache")
    assert here.run("rollback", "--yes").applied
    assert differences(first, here.tree()) == []
    assert index.requests.total() > asked


def test_another_file_under_the_same_version_is_not_taken(here: Installation, index: IndexServer) -> None:
    """The index has replaced the wheel since: the rollback says so and changes nothing."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    here.wheel("tool", "2.0")
    here.run("install", here.source("demo", "tool==1.0"), "--yes")
    here.run("install", here.source("demo", "tool==2.0"), "--yes")
    lose_payloads(here, "tool")
    shutil.rmtree(here.root / "uv-cache")
    here.wheel("tool", "1.0", files={"tool/__init__.py": "EVIL = 1\n"})
    before = here.tree()
    answer = here.run("rollback", "--yes")
    assert (answer.code, answer.error) == (1, "hash-mismatch")
    assert "tool 1.0" in answer.document["error"]["message"]
    assert differences(before, here.tree()) == []


def test_what_cannot_be_had_any_more_is_said_before_and_stays(here: Installation) -> None:
    """A local build whose files were lost is not restorable; the rest comes back, and nothing is removed for it."""
    here.have_build("built", "1.0+local", files={"built/__init__.py": "HERE = 1\n"})
    here.have("base", "1.0")
    here.wheel("built", "2.0", files={"built/__init__.py": ""})
    here.wheel("base", "2.0")
    assert here.run("install", here.source("demo", "built>=2", "base>=2"), "--yes").applied
    assert here.versions() == {"built": "2.0", "base": "2.0"}
    lose_payloads(here, "built")

    assert plan_of(here) == {
        ("distribution", "built"): "not-restorable",
        ("distribution", "base"): "exact",
        ("pack", "demo"): "remove",
    }
    refused = here.run("rollback")
    assert (refused.code, refused.error) == (3, "consent-needed")
    assert here.run("rollback", "--yes").applied
    assert here.versions() == {"built": "2.0", "base": "1.0"}


def test_a_replaced_pack_comes_back_with_its_repository(here: Installation) -> None:
    """Bytes, modes, the work tree's changes and `.git`: all as it was; so does a removed one."""
    here.have("base", "1.0")
    old = here.packs / "demo"
    old.mkdir()
    (old / "__init__.py").write_text("OLD = 1\n")
    (old / "run.sh").write_text("#!/bin/sh\n")
    (old / "run.sh").chmod(0o755)
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *command], cwd=old, check=True)
    (old / "__init__.py").write_text("OLD = 1  # changed by hand\n")
    (old / "untracked.txt").write_text("mine\n")
    before = here.tree()
    assert any(path.startswith("packs/demo/.git/objects/") for path in before)

    assert here.run("install", here.source("demo", files={"__init__.py": "NEW = 1\n"}), "--yes").applied
    assert (old / "__init__.py").read_text() == "NEW = 1\n"
    assert not (old / ".git").exists()
    replaced = here.tree()
    assert here.run("rollback", "--yes").applied
    assert differences(before, here.tree()) == []

    assert here.run("uninstall", "demo", "--yes").applied
    assert not old.exists()
    assert here.run("rollback", "--yes").applied
    assert differences(before, here.tree()) == []
    assert replaced


def test_a_pack_of_a_single_file_comes_back(here: Installation) -> None:
    """A `.py` file is a pack like any other."""
    here.have("base", "1.0")
    (here.packs / "single.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    before = here.tree()
    assert here.run("uninstall", "single", "--yes").applied
    assert not (here.packs / "single.py").exists()
    assert here.run("rollback", "--yes").applied
    assert differences(before, here.tree()) == []


def test_a_folder_that_replaces_a_single_file_bears_its_own_name(here: Installation) -> None:
    """A pack that was one `.py` file and is a folder now: ComfyUI would not load a folder `demo.py`."""
    here.have("base", "1.0")
    (here.packs / "demo.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    before = here.tree()
    assert here.run("install", here.source("demo"), "--yes").applied
    assert [path.name for path in here.packs.iterdir()] == ["demo"]
    assert here.run("rollback", "--yes").applied
    assert differences(before, here.tree()) == []


def test_files_changed_by_hand_come_back_changed(here: Installation) -> None:
    """An edit in site-packages is part of the state: going back to it keeps the edit, and says it is exact."""
    here.have("tool", "1.0", files={"tool/__init__.py": "", "tool/part.py": "A = 1\n"})
    here.wheel("tool", "2.0")
    (here.venv.site_packages / "tool" / "part.py").write_text("A = 1\nMINE = 2\n")
    (here.venv.site_packages / "tool" / "__init__.py").unlink()
    before = here.tree()
    assert here.run("install", here.source("demo", "tool>=2"), "--yes").applied
    assert plan_of(here)["distribution", "tool"] == "exact"
    assert here.run("rollback", "--yes").applied
    assert differences(before, here.tree()) == []


def test_an_edit_made_after_a_snapshot_is_not_passed_off_as_that_state(here: Installation) -> None:
    """A payload with an edit is not what an earlier snapshot saw: the version comes clean from the index."""
    here.have("base", "1.0")
    for version in ("1.0", "2.0"):
        here.wheel("tool", version, files={"tool/__init__.py": "", "tool/part.py": "A = 1\n"})
    here.run("install", here.source("demo", "tool==1.0"), "--yes")
    clean = here.run("install", here.source("other"), "--yes").applied["snapshot"]
    (here.venv.site_packages / "tool" / "part.py").write_text("A = 2\n")
    here.run("install", here.source("demo", "tool==2.0"), "--yes")
    assert plan_of(here, clean)["distribution", "tool"] == "same-version"
    assert here.run("rollback", clean, "--yes").applied
    assert (here.venv.site_packages / "tool" / "part.py").read_text() == "A = 1\n"


def test_an_editable_install_stays_and_is_said_to(here: Installation) -> None:
    """What was not installed as a wheel is kept at an install and at a rollback."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    here.run("install", here.source("demo", "tool"), "--yes")
    info = here.venv.site_packages / "linked-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: linked\nVersion: 1.0\n")
    (info / "RECORD").write_text(
        "__editable__.linked.pth,,\nlinked-1.0.dist-info/METADATA,,\nlinked-1.0.dist-info/RECORD,,\n"
        "linked-1.0.dist-info/direct_url.json,,\n"
    )
    (info / "direct_url.json").write_text(
        json.dumps({"url": "file:///somewhere", "dir_info": {"editable": True}})
    )
    (here.venv.site_packages / "__editable__.linked.pth").write_text("/somewhere\n")

    document = here.run("rollback", "--plan").document
    (item,) = [each for each in document["items"] if each["name"] == "linked"]
    assert item["how"] == "not-restorable"
    assert "stays" in item["reason"]
    assert here.run("rollback", "--yes").applied
    assert here.versions() == {"base": "1.0", "linked": "1.0"}


def test_a_snapshot_holds_everything_one_needs_to_know(here: Installation) -> None:
    """Freeze text, distributions with digests, unowned files, packs, versions, platform, lock and decisions."""
    here.have("base", "1.0")
    here.have_build("built", "1.0+local")
    here.wheel("tool", "1.0")
    here.wheel("tool", "2.0")
    (here.comfy / "comfyui_version.py").write_text('__version__ = "0.3.99"\n')
    (here.venv.site_packages / "mine.pth").write_text("# mine\n")
    here.run("install", here.source("old", "tool==1.0"), "--yes")
    here.run("install", here.source("new", "tool>=2"), "--yes")
    last = here.run("install", here.source("third"), "--yes").applied
    snapshot: dict[str, Any] = here.run("snapshot", "show", last["snapshot"]).document["snapshot"]

    assert "tool==2.0\n" in snapshot["freeze"]
    by_name = {each["name"]: each for each in snapshot["distributions"]}
    assert by_name["tool"]["version"] == "2.0"
    assert len(by_name["tool"]["record_digest"]) == 64
    assert by_name["tool"]["url"].endswith("tool-2.0-py3-none-any.whl")
    assert by_name["tool"]["hashes"][0].startswith("sha256:")
    assert by_name["built"]["origin"].startswith("file://")
    assert [Path(each["path"]).name for each in snapshot["unowned"] if "mine" in each["path"]] == ["mine.pth"]
    packs = {each["pack"]["name"]: each for each in snapshot["packs"]}
    assert set(packs) == {"old", "new"}
    assert all(len(each["digest"]) == 64 for each in packs.values())
    assert snapshot["comfyui_version"] == "0.3.99"
    assert snapshot["python"].count(".") == 2
    assert snapshot["platform"]
    assert snapshot["prefix"] == str(here.venv.root)
    assert [each["package"] for each in snapshot["decisions"]] == ["tool"]
    lock = here.state / "transactions" / snapshot["lock"] / "pylock.toml"
    assert 'name = "tool"' in lock.read_text()
    assert snapshot["transaction"] == last["transaction"]

    here.run("rollback", last["snapshot"], "--yes")
    after = here.run("snapshot", "create").document["snapshot"]["id"]
    shown = here.run("snapshot", "show", after).document["snapshot"]
    assert (shown["lock"], shown["decisions"]) == (snapshot["lock"], snapshot["decisions"])


def test_an_empty_or_unreadable_list_makes_no_snapshot(here: Installation) -> None:
    """Going back to a list that came from a failed look would remove everything: it is refused."""
    answer = here.run("snapshot", "create")
    assert (answer.code, answer.error) == (1, "snapshot-refused")
    assert answer.document["error"]["hints"]
    assert here.run("snapshot", "list").document["snapshots"] == []


def test_a_damaged_snapshot_is_named_and_costs_no_payload(here: Installation) -> None:
    """A file that cannot be read is refused with its name, and nothing it may need is thrown away."""
    here.have("tool", "1.0")
    here.wheel("tool", "2.0")
    taken = here.run("install", here.source("demo", "tool>=2"), "--yes").applied["snapshot"]
    path = here.state / "snapshots" / f"{taken}.json"
    text = path.read_text()
    path.write_text(text[:100])
    before = here.tree()
    answer = here.run("rollback", "--yes")
    assert answer.code == 1
    assert answer.document["error"]["message"]
    assert differences(before, here.tree()) == []
    assert here.run("install", here.source("other"), "--yes").applied
    path.write_text(text)
    assert here.run("rollback", taken, "--yes").document["plan"]["exact"] is True
    assert here.versions() == {"tool": "1.0"}


def test_a_failing_rollback_changes_nothing(here: Installation, index: IndexServer) -> None:
    """The index knows nothing while one version must be fetched: nothing moves, not even what was kept."""
    for name in ("tool", "other"):
        here.have(name, "1.0")
        here.wheel(name, "2.0")
    here.run("install", here.source("demo", "tool>=2", "other>=2"), "--yes")
    lose_payloads(here, "tool")
    shutil.rmtree(here.root / "uv-cache", ignore_errors=True)
    index.break_down(EVERYTHING, Fault.NOT_FOUND)
    before = here.tree()
    answer = here.run("rollback", "--yes")
    assert answer.code == 1
    assert answer.document["error"]["hints"]
    assert differences(before, here.tree()) == []
    index.repair()
    assert here.run("rollback", "--yes").applied
    assert here.versions() == {"tool": "1.0", "other": "1.0"}


def test_payloads_no_snapshot_names_are_collected(here: Installation) -> None:
    """When the last snapshot that needs them is removed, the next change throws the kept files away."""
    here.have("tool", "1.0")
    here.wheel("tool", "2.0")
    taken = here.run("install", here.source("demo", "tool>=2"), "--yes").applied["snapshot"]
    assert list((here.area / "payloads").iterdir())
    assert here.run("snapshot", "remove", taken).code == 0
    here.run("install", here.source("other"), "--yes")
    assert here.leftovers() == []
