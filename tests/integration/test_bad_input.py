"""Bad input of every kind: a clear error with a code, a hint and an exit code; not a byte has changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.engine.planned import Options
from comfyui_safe_install.resolver.errors import RefusedError
from comfyui_safe_install.resolver.io.site import LiveSite
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, lock_path
from comfyui_safe_install.tests.kit.installation import Answer, Installation, State, differences
from comfyui_safe_install.tests.kit.wheels import make_sdist, make_wheel


def refuses(here: Installation, before: State, answer: Answer, code: str, exit_code: int) -> None:
    """The command ended with this error, said what to do about it, and changed nothing."""
    assert (answer.error, answer.code) == (code, exit_code), answer
    error = answer.document["error"]
    assert error["message"]
    assert all(hint["code"] and hint["text"] for hint in error["hints"])
    assert error["hints"], f"{code} does not say what to do"
    assert differences(before, here.tree()) == []
    assert [path for path in here.leftovers() if not (here.comfy / path).is_dir()] == []


# --- the place -----------------------------------------------------------------------------------------------


def _no_folder(here: Installation) -> None:
    here.comfy.rename(here.root / "elsewhere")


def _no_requirements(here: Installation) -> None:
    (here.comfy / "requirements.txt").unlink()


def _no_custom_nodes(here: Installation) -> None:
    here.packs.rmdir()


def _custom_nodes_is_a_file(here: Installation) -> None:
    here.packs.rmdir()
    here.packs.write_text("")


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (_no_folder, "comfyui-not-found"),
        (_no_requirements, "not-a-comfyui-folder"),
        (_no_custom_nodes, "custom-nodes-missing"),
        (_custom_nodes_is_a_file, "custom-nodes-missing"),
    ],
)
def test_a_place_that_is_no_comfyui_is_a_usage_error(
    here: Installation, break_it: Callable[[Installation], None], code: str
) -> None:
    """A folder that is missing, or is not what it should be: exit code 2, and what to name instead."""
    break_it(here)
    answer = here.run("install", here.source("demo"), "--yes")
    assert (answer.error, answer.code) == (code, 2)
    assert answer.document["error"]["hints"]


def test_a_state_folder_that_cannot_be_made_is_said(here: Installation) -> None:
    """A file lies where the state folder should be."""
    here.have("base", "1.0")
    before = here.tree()
    here.state.write_text("")
    refuses(here, before, here.run("install", here.source("demo"), "--yes"), "folder-not-writable", 1)


@pytest.mark.parametrize("gone", ["broken-link", "no-program"])
def test_an_interpreter_that_is_gone_is_said(here: Installation, gone: str) -> None:
    """The environment's Python was removed or replaced: no other one is taken in its place."""
    here.have("base", "1.0")
    here.venv.python.unlink()
    if gone == "broken-link":
        here.venv.python.symlink_to(here.root / "no-such-python")
    else:
        here.venv.python.write_text("no program\n")
        here.venv.python.chmod(0o755)
    before = here.tree()
    answer = here.run("install", here.source("demo"), "--yes")
    refuses(here, before, answer, "python-not-found" if gone == "broken-link" else "python-broken", 1)


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Makes a folder read-only, even for root; the test is skipped where that cannot be done."""
    mounted: list[Path] = []

    def mount(folder: Path) -> None:
        _mount("--bind", str(folder), str(folder))
        mounted.append(folder)
        _mount("-o", "remount,ro,bind", str(folder))

    yield mount
    for folder in reversed(mounted):
        subprocess.run(["umount", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    if os.name == "nt" or os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting needs root")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")


@pytest.mark.parametrize("which", ["site-packages", "scripts", "custom_nodes", "state"])
def test_a_read_only_folder_is_named(
    here: Installation, read_only: Callable[[Path], None], which: str
) -> None:
    """What could not be written later is found before anything begins."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    here.state.mkdir(parents=True)
    places = {
        "site-packages": here.venv.site_packages,
        "scripts": here.venv.scripts,
        "custom_nodes": here.packs,
        "state": here.state,
    }
    before = here.tree()
    read_only(places[which])
    answer = here.run("install", here.source("demo", "tool"), "--yes")
    refuses(here, before, answer, "folder-not-writable", 1)
    assert str(places[which]) in answer.document["error"]["message"]


# --- the disk ------------------------------------------------------------------------------------------------


def test_a_disk_that_is_too_small_is_found_before_the_download(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is downloaded that would not fit."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    before = here.tree()
    monkeypatch.setattr(LiveSite, "free_bytes", lambda _self: -1)
    refuses(here, before, here.run("install", here.source("demo", "tool"), "--yes"), "disk-full", 1)


@pytest.fixture
def small_disk(here: Installation) -> Iterator[Installation]:
    """The same ComfyUI on a disk of its own with 4 MB."""
    aside = here.root / "as-it-was"
    here.comfy.rename(aside)
    here.comfy.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(here.comfy))
        subprocess.run(["cp", "-a", f"{aside}/.", str(here.comfy)], check=True)
        yield here
    finally:
        subprocess.run(["umount", str(here.comfy)], check=False, capture_output=True)


def test_a_disk_that_fills_up_while_staging_costs_nothing(small_disk: Installation) -> None:
    """The wheel does not fit: it is said, the stage goes, and what was there works on."""
    here = small_disk
    here.have("tool", "1.0")
    here.wheel("tool", "2.0", files={"tool/__init__.py": "", "tool/big.bin": os.urandom(6_000_000)})
    before = here.tree()
    refuses(here, before, here.run("install", here.source("demo", "tool>=2"), "--yes"), "disk-full", 1)
    assert here.run("install", here.source("demo", "tool"), "--yes").applied


def test_however_little_space_is_left_it_is_before_or_after(small_disk: Installation) -> None:
    """The disk fills up at one place after the other; the environment is as before, or the change is whole."""
    here = small_disk
    here.have("tool", "1.0", files={"tool/__init__.py": "", "tool/data.bin": b"x" * 50_000})
    here.wheel("tool", "2.0", files={"tool/__init__.py": "", "tool/data.bin": b"y" * 50_000})
    source = here.source("demo", "tool>=2")
    here.run("plan", source)
    before = here.tree()
    filler = here.comfy / "output" / "filler"
    failed = 0
    for free in (8, 40, 80, 120, 140, 160, 180, 200, 220, 240, 280):
        _fill_up(filler, here.comfy, free * 1024)
        answer = here.run("install", source, "--yes")
        filler.unlink()
        here.run("recover")
        if answer.code == 0:
            assert here.versions() == {"tool": "2.0"}
            assert here.run("rollback", "--yes").applied
        else:
            failed += 1
            assert answer.document["error"]["code"] != "internal-error", answer
        assert differences(before, here.tree()) == [], free
    assert 0 < failed < 11, failed


def _fill_up(filler: Path, folder: Path, leave: int) -> None:
    """Write a file so that only so many bytes are free."""
    disk = os.statvfs(folder)
    filler.write_bytes(b"\0" * max(0, disk.f_bavail * disk.f_frsize - leave))


# --- the environment -----------------------------------------------------------------------------------------


def _write_distribution(here: Installation, name: str, version: str, **files: str) -> Path:
    """A dist-info folder written by hand."""
    info = here.venv.site_packages / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for file, content in files.items():
        (info / file.replace("__", ".")).write_text(content)
    return info


def test_a_distribution_without_record_is_named_and_not_touched(here: Installation) -> None:
    """Nobody can tell its files: what would replace it is refused, what leaves it alone is not."""
    _write_distribution(here, "odd", "1.0", INSTALLER="conjurer\n")
    here.wheel("odd", "2.0")
    here.wheel("tool", "1.0")
    before = here.tree()
    answer = here.run("install", here.source("demo", "odd>=2"), "--yes")
    refuses(here, before, answer, "no-record", 3)
    assert "odd 1.0" in answer.document["error"]["message"]
    assert here.run("install", here.source("demo", "tool"), "--yes").applied
    assert here.versions() == {"odd": "1.0", "tool": "1.0"}


def test_a_distribution_listed_twice_is_named_and_does_not_stop_others(here: Installation) -> None:
    """What would change it is refused; an install beside it goes through and can be rolled back."""
    here.have("twice", "1.0")
    _write_distribution(here, "twice", "0.9", RECORD="twice-0.9.dist-info/METADATA,,\n")
    here.wheel("twice", "2.0")
    here.wheel("tool", "1.0")
    before = here.tree()
    answer = here.run("install", here.source("demo", "twice>=2"), "--yes")
    refuses(here, before, answer, "duplicate-metadata", 3)
    assert "twice" in answer.document["error"]["message"]

    answer = here.run("install", here.source("demo", "tool"), "--yes")
    assert answer.applied
    assert "duplicate-metadata" in {each["code"] for each in answer.document["plan"]["findings"]}
    assert ("tool", "1.0") in here.listed()
    assert here.run("rollback", "--yes").applied
    assert differences(before, here.tree()) == []


@pytest.mark.parametrize("kind", ["editable", "conda"])
def test_what_another_tool_manages_is_kept_and_said(here: Installation, kind: str) -> None:
    """A pack that wants another version of it does not get one; the decision says whose line does not hold."""
    record = "kept-1.0.dist-info/METADATA,,\nkept-1.0.dist-info/RECORD,,\n"
    if kind == "editable":
        url = json.dumps({"url": "file:///somewhere", "dir_info": {"editable": True}})
        _write_distribution(here, "kept", "1.0", RECORD=record, direct_url__json=url)
    else:
        _write_distribution(here, "kept", "1.0", RECORD=record, INSTALLER="conda\n")
        (here.venv.root / "conda-meta").mkdir()
        (here.venv.root / "conda-meta" / "kept-1.0-py311_0.json").write_text("{}")
    here.wheel("kept", "2.0")
    here.wheel("tool", "1.0", requires=["kept"])
    answer = here.run("install", here.source("demo", "kept>=2", "tool"), "--yes")
    assert answer.applied
    assert here.versions() == {"kept": "1.0", "tool": "1.0"}
    (decision,) = answer.document["plan"]["decisions"]
    assert decision["rule"] == f"{kind}-kept"
    assert decision["violates"] == [{"pack": "demo", "requirement": "kept>=2"}]
    assert "kept>=2" in answer.words


def test_another_one_at_work_is_named(here: Installation) -> None:
    """Who holds the lock, since when and with what; exit code 4."""
    here.have("base", "1.0")
    here.state.mkdir(parents=True)
    before = here.tree()
    with OwnerLock(lock_path(here.state), "install something large"):
        answer = here.finish(here.start("install", here.source("demo"), "--yes"))
    refuses(here, before, answer, "busy", 4)
    error = answer.document["error"]
    assert error["context"]["pid"] == str(os.getpid())
    assert error["context"]["since"]
    assert "install something large" in error["message"]


def test_a_plan_that_is_out_of_date_is_not_applied(here: Installation) -> None:
    """Somebody installed something between the plan and the yes."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    session = here.session()
    with session.plan_install([here.source("demo", "tool")], Options(), to_apply=True) as planned:
        here.have("stranger", "1.0")
        before = here.tree()
        with pytest.raises(RefusedError) as caught:
            session.apply(planned)
    assert caught.value.code == "plan-outdated"
    assert caught.value.hints
    assert differences(before, here.tree()) == []
    assert here.leftovers() == []


def test_a_pack_folder_that_appeared_meanwhile_is_not_overwritten(here: Installation) -> None:
    """Somebody put a folder where the new pack is to go, after the plan was made."""
    here.have("base", "1.0")
    session = here.session()
    with session.plan_install([here.source("demo")], Options(), to_apply=True) as planned:
        (here.packs / "demo").mkdir()
        (here.packs / "demo" / "mine.txt").write_text("mine\n")
        before = here.tree()
        with pytest.raises(Exception, match="demo") as caught:
            session.apply(planned)
    assert getattr(caught.value, "code", "") == "preflight-failed"
    assert differences(before, here.tree()) == []


# --- what is asked for ---------------------------------------------------------------------------------------


def test_a_new_version_that_fails_at_import_is_not_installed(here: Installation) -> None:
    """It works now and would not any more: refused, with the module and the reason."""
    here.have("tool", "1.0")
    here.wheel("tool", "2.0", files={"tool/__init__.py": "raise RuntimeError('needs a GPU of 2031')\n"})
    before = here.tree()
    answer = here.run("install", here.source("demo", "tool>=2"), "--yes")
    refuses(here, before, answer, "trial-failed", 3)
    assert "tool" in answer.document["error"]["message"]
    assert "needs a GPU of 2031" in answer.document["error"]["context"]["detail"]


def test_a_wheel_for_another_platform_is_not_taken(here: Installation) -> None:
    """The only file there is does not fit this machine."""
    here.have("base", "1.0")
    make_wheel(here.dists, "tool", "1.0", tag="cp311-cp311-win_arm64")
    before = here.tree()
    answer = here.run("install", here.source("demo", "tool"), "--yes")
    refuses(here, before, answer, "line-no-version-for-this-python", 1)


def test_a_build_needs_consent_and_its_failure_is_said(here: Installation) -> None:
    """Without --allow builds nothing of it runs; with it, the failing build is named with its last words."""
    here.have("base", "1.0")
    proof = here.root / "ran"
    make_sdist(here.dists, "tool", "1.0", fails=True, touches=proof)
    before = here.tree()
    source = here.source("demo", "tool")
    refuses(here, before, here.run("install", source, "--yes"), "line-needs-build", 3)
    assert not proof.exists()
    answer = here.run("install", source, "--yes", "--allow", "builds")
    refuses(here, before, answer, "line-build-failed", 1)
    assert proof.exists()


def test_a_source_that_is_not_there_is_a_usage_error(here: Installation) -> None:
    """A folder that does not exist, and a pack that is not installed."""
    here.have("base", "1.0")
    before = here.tree()
    for arguments in (["install", "./no-such-folder", "--yes"], ["uninstall", "nobody", "--yes"]):
        answer = here.run(*arguments)
        refuses(here, before, answer, answer.error, 2)


def test_two_sources_of_one_name_are_refused(here: Installation) -> None:
    """Which of the two is meant nobody can know."""
    here.have("base", "1.0")
    first = here.source("demo")
    second = here.root / "other" / "demo"
    shutil.copytree(first, second)
    before = here.tree()
    refuses(here, before, here.run("install", first, str(second), "--yes"), "source-twice", 2)


def test_an_unfinished_change_must_be_recovered_first(here: Installation) -> None:
    """After a kill in the middle every change is refused with 5 until `recover`."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0")
    before = here.tree()
    source = here.source("demo", "tool")
    here.finish(here.start("install", source, "--yes", kill_after="applying"))
    answer = here.run("install", source, "--yes")
    assert (answer.error, answer.code) == ("recovery-needed", 5)
    assert answer.document["error"]["hints"]
    assert here.run("recover").code == 0
    assert differences(before, here.tree()) == []
    assert here.run("install", source, "--yes").applied


def test_a_plan_can_be_looked_at_where_nothing_may_be_written(
    here: Installation, read_only: Callable[[Path], None]
) -> None:
    """`plan` on a read-only ComfyUI says what would change."""
    here.have("tool", "1.0")
    here.wheel("tool", "2.0")
    source = here.source("demo", "tool>=2")
    read_only(here.comfy)
    answer = here.run("plan", source)
    assert answer.code == 0, answer
    assert [each["to"] for each in answer.document["changes"]] == ["2.0"]
