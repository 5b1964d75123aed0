"""What others change is noticed, told with who probably did it, kept in a snapshot; our own doing never is."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from comfyui_safe_install.tests.kit.installation import Answer, Installation
from comfyui_safe_install.tests.kit.tearing import tear
from comfyui_safe_install.tests.kit.wheels import make_wheel


@pytest.fixture
def settled(here: Installation) -> Installation:
    """An installation that we left: core, a pack with its dependency, and some more beside."""
    here.have("base", "1.0", files={"base/__init__.py": "ONE = 1\n", "base/data.txt": "one\n"})
    here.have("kept", "1.0")
    here.wheel("dep", "1.0")
    assert here.run("install", here.source("demo", "dep"), "--yes").applied
    return here


def uv(here: Installation, *arguments: str) -> None:
    """Run `uv pip` by hand, as somebody else would."""
    subprocess.run(
        [find_uv_bin(), "pip", *arguments, "--quiet", "--python", str(here.venv.python)],
        check=True,
        timeout=120,
    )


def drift(here: Installation) -> list[dict[str, Any]]:
    """The weighty changes that verify shows."""
    return [each for each in report(here)["items"] if not each["minor"]]


def report(here: Installation) -> dict[str, Any]:
    """What verify says of drift."""
    return dict(here.run("verify").document["drift"])


def only(items: list[dict[str, Any]]) -> dict[str, Any]:
    """The one change there is."""
    assert len(items) == 1, [(each["code"], each["message"]) for each in items]
    return items[0]


def note(answer: Answer) -> str:
    """The short note in a plan; empty without drift."""
    plan = answer.document.get("plan", answer.document)
    return " ".join(each["message"] for each in plan["findings"] if each["code"] == "drift")


def test_what_uv_installs_by_hand(settled: Installation) -> None:
    """It is named with the tool and the time; the state is kept once; a plan says it in one sentence."""
    settled.wheel("other", "1.0")
    uv(settled, "install", "other")
    found = only(drift(settled))
    assert (found["code"], found["name"], found["to"]) == ("drift-added", "other", "1.0")
    assert found["who"].startswith("uv")
    assert "asked for by name" in " ".join(found["evidence"])
    assert "other" in note(settled.run("plan"))
    first, again = report(settled), report(settled)
    assert first["snapshot"] == again["snapshot"] != ""
    reasons = [each["reason"] for each in settled.run("snapshot", "list").document["snapshots"]]
    assert sorted(reasons) == ["as left by install demo", "before install demo", "drift"]


def test_every_plan_says_it(settled: Installation) -> None:
    """In one finding each; a pack that somebody deleted or switched off is told as that."""
    uv(settled, "uninstall", "kept")
    for command in (("plan",), ("uninstall", "demo", "--yes"), ("rollback", "--plan"), ("sync", "--yes")):
        answer = settled.run(*command)
        assert answer.code == 0, answer
        assert ("kept" in note(answer)) == (command[0] in ("plan", "uninstall")), answer
    settled.run("install", settled.source("one"), settled.source("two"), "--yes")
    shutil.rmtree(settled.packs / "one")
    (settled.packs / "two").rename(settled.packs / "two.disabled")
    assert "one" in note(settled.run("rollback", "--plan"))
    found = {each["name"]: each["message"] for each in drift(settled)}
    assert found == {"one": "the pack one was removed", "two": "the pack two was disabled"}


@pytest.mark.slow
def test_what_pip_upgrades_by_hand(settled: Installation) -> None:
    """The version is told from and to, and that pip was at work."""
    settled.python("import ensurepip; ensurepip.bootstrap()")
    assert settled.run("verify", "--accept").document["drift"]["items"][0]["name"] == "pip"
    assert drift(settled) == []
    settled.wheel("base", "2.0")
    subprocess.run(
        [str(settled.venv.python), "-m", "pip", "install", "-q", "--no-index", "--upgrade",
         "--find-links", str(settled.dists), "--disable-pip-version-check", "base"],
        check=True, timeout=120,
    )  # fmt: skip
    found = only(drift(settled))
    assert (found["code"], found["from"], found["to"]) == ("drift-version", "1.0", "2.0")
    assert found["who"].startswith("pip")


def test_what_uv_removes_or_installs_again(settled: Installation) -> None:
    """A removal and a second installation of the same version are both noticed."""
    uv(settled, "uninstall", "kept")
    assert only(drift(settled))["code"] == "drift-removed"
    settled.run("verify", "--accept")
    make = {"base/__init__.py": "TWO = 2\n", "base/data.txt": "one\n"}
    (settled.root / "other").mkdir()
    rebuilt = make_wheel(settled.root / "other", "base", "1.0", files=make)
    uv(settled, "install", "--reinstall", str(rebuilt))
    found = only(drift(settled))
    assert (found["code"], found["name"]) == ("drift-files", "base")


def test_an_edit_in_place(settled: Installation) -> None:
    """The file is named, code or not; touching it is no edit."""
    code, data = (settled.venv.site_packages / "base" / name for name in ("__init__.py", "data.txt"))
    os.utime(code)
    assert drift(settled) == []
    data.write_text("two\n")
    assert [each["files"] for each in drift(settled)] == [[str(data)]]
    code.write_text("ONE = 11\n")
    found = only(drift(settled))
    assert (found["code"], found["count"]) == ("drift-edited", 2)
    assert "safe-install repair base" in found["hints"][0]["text"]


def test_bytecode_and_our_own_doing_are_no_drift(settled: Installation) -> None:
    """Running Python, installing, removing and going back by our own commands is nobody's drift."""
    settled.compile()
    (settled.packs / "demo" / "__pycache__").mkdir()
    (settled.packs / "demo" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
    assert report(settled)["items"] == []
    settled.wheel("extra", "1.0")
    assert settled.run("install", settled.source("more", "extra"), "--yes").applied
    assert report(settled)["items"] == []
    assert settled.run("uninstall", "more", "--yes").applied
    assert report(settled)["items"] == []
    assert settled.run("rollback", "--yes").applied
    assert report(settled)["items"] == []
    assert settled.run("rollback", "--yes").applied
    assert report(settled)["items"] == []


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_between_commit_and_baseline_is_no_drift(settled: Installation) -> None:
    """The journal says what the commit did; what others do afterwards is noticed all the same."""
    settled.wheel("extra", "1.0")
    settled.wheel("dep", "2.0")
    arguments = ("install", settled.source("more", "extra", "dep>=2"), "--yes")
    settled.finish(settled.start(*arguments, kill_after="committed"))
    assert settled.versions()["dep"] == "2.0"
    settled.run("recover")
    assert report(settled)["items"] == []
    settled.finish(settled.start("rollback", "--yes", kill_after="committed"))
    settled.run("recover")
    uv(settled, "uninstall", "kept")
    assert only(drift(settled))["name"] == "kept"


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_an_installer_that_was_killed(settled: Installation) -> None:
    """A torn distribution is told from a whole one, with the tool that probably tore it."""
    tear(settled, modules=4000)
    found = only([each for each in drift(settled) if each["code"] != "drift-unowned"])
    assert (found["code"], found["name"]) == ("drift-torn", "big")
    assert "interrupted" in found["who"] or "killed" in found["who"]
    assert "safe-install repair big" in found["hints"][0]["text"]


def test_doubled_metadata(settled: Installation) -> None:
    """Both folders are told apart by what is in them."""
    double(settled)
    found = only(drift(settled))
    assert (found["code"], found["name"], found["to"]) == ("drift-doubled", "base", "0.9, 1.0")
    assert len(found["evidence"]) == 2


def double(here: Installation) -> None:
    """Let `base` be listed twice, as after an upgrade that was cut short."""
    whole = here.venv.site_packages / "base-1.0.dist-info"
    older = whole.with_name("base-0.9.dist-info")
    shutil.copytree(whole, older)
    for name in ("METADATA", "RECORD"):
        text = (
            (older / name).read_text().replace("base-1.0", "base-0.9").replace("Version: 1.0", "Version: 0.9")
        )
        (older / name).write_text(text)


def test_a_new_pth_file_is_always_named(settled: Installation) -> None:
    """With what it says, for Python obeys it at each start; a cache in a package's folder is only mentioned."""
    (settled.venv.site_packages / "base" / "cache.json").write_text("{}")
    assert drift(settled) == []
    minor = only(report(settled)["items"])
    assert (minor["minor"], minor["code"]) == (True, "drift-unowned")
    (settled.venv.site_packages / "evil.pth").write_text("import os\n")
    found = only(drift(settled))
    assert found["name"].endswith("evil.pth")
    assert any("import os" in each for each in found["evidence"])


def test_a_pack_that_git_pulls(settled: Installation) -> None:
    """Its commits are told from and to, with git's own words and the command that goes back."""
    pack = settled.packs / "gitted"
    git(settled, "init", "-q", str(pack))
    commit(settled, pack, "1")
    found = only(drift(settled))
    assert (found["code"], found["name"]) == ("drift-pack", "gitted")
    settled.run("verify", "--accept")
    (pack / "settings.json").write_text("{}")
    assert drift(settled) == []
    upstream = settled.root / "upstream"
    git(settled, "clone", "-q", str(pack), str(upstream))
    commit(settled, upstream, "2")
    git(settled, "-C", str(pack), "pull", "-q", "--ff-only", str(upstream))
    found = only(drift(settled))
    assert found["code"] == "drift-pack"
    assert "pull" in " ".join(found["evidence"])
    assert found["who"].startswith("git")
    assert "checkout" in found["hints"][0]["text"]


def git(here: Installation, *arguments: str) -> None:
    """Run git, with a user of its own."""
    who = (
        "-c",
        "user.name=Somebody",
        "-c",
        "user.email=somebody@example.org",
        "-c",
        "init.defaultBranch=main",
    )
    subprocess.run(["git", *who, *arguments], check=True, timeout=60, cwd=here.root)


def commit(here: Installation, work_tree: Path, version: str) -> None:
    """Another version of a pack, committed."""
    (work_tree / "__init__.py").write_text(f"VERSION = {version}\n")
    git(here, "-C", str(work_tree), "add", ".")
    git(here, "-C", str(work_tree), "commit", "-q", "-m", version)


def test_a_pack_with_an_install_script(settled: Installation) -> None:
    """What was installed while a pack came is probably its install.py's doing, and the words say probably."""
    settled.wheel("brought", "3.0")
    pack = settled.packs / "scripted"
    pack.mkdir()
    (pack / "__init__.py").write_text("")
    (pack / "install.py").write_text("import subprocess, sys\nsubprocess.run(sys.argv[1:], check=True)\n")
    settled_python = str(settled.venv.python)
    subprocess.run(
        [settled_python, "install.py", find_uv_bin(), "pip", "install", "-q", "--python", settled_python,
         "brought"],
        check=True, timeout=60, cwd=pack,
    )  # fmt: skip
    found = {each["name"]: each for each in drift(settled)}
    assert sorted(found) == ["brought", "scripted"]
    assert "probably install.py of the pack scripted" in found["brought"]["who"]


def test_traces_of_the_other_manager(settled: Installation) -> None:
    """Its log names the package and its registry leaves a file in the pack: both are told as evidence."""
    settled.wheel("other", "1.0")
    uv(settled, "install", "other")
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    log = settled.comfy / "user" / "comfyui.log"
    log.write_text(
        f"[{now}.123] ## ComfyUI-Manager: EXECUTE => ['python', '-m', 'pip', 'install', 'other==1.0']\n"
    )
    pack = settled.packs / "registered"
    pack.mkdir()
    (pack / "__init__.py").write_text("")
    (pack / ".tracking").write_text("__init__.py\n")
    found = {each["name"]: each for each in drift(settled)}
    assert "very likely ComfyUI-Manager" in found["other"]["who"]
    assert any("EXECUTE" in each for each in found["other"]["evidence"])
    assert "ComfyUI-Manager" in found["registered"]["who"]


def test_a_pack_that_never_stops_writing_its_own_code(settled: Installation) -> None:
    """Each state is told; of its snapshots the first and the last few are kept, and all of other kinds."""
    code = settled.packs / "demo" / "generated.py"
    kept = []
    for number in range(8):
        code.write_text(f"N = {number}\n")
        kept.append(report(settled)["snapshot"])
    listed = [each["id"] for each in settled.run("snapshot", "list").document["snapshots"]]
    assert [each for each in kept if each in listed] == [kept[0], *kept[-4:]]
    assert len(listed) == 5 + 2


def test_going_back_to_how_we_left_it(settled: Installation) -> None:
    """The state as we left it was kept when the drift was noticed, so one command goes back to it."""
    settled.wheel("base", "2.0")
    before = settled.versions()
    uv(settled, "install", "--upgrade", "base")
    found = report(settled)
    assert found["left"]
    assert settled.run("rollback", found["left"], "--yes").applied
    assert settled.versions() == before
    assert report(settled)["items"] == []
