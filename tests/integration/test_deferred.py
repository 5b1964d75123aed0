"""Where files are in use, or when asked, a change waits and is applied at the next start, without any package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from comfyui_safe_install.resolver.cli import main
from comfyui_safe_install.tests.kit.comfy import put_product_in
from comfyui_safe_install.tests.kit.furnishing import furnish
from comfyui_safe_install.tests.kit.host_start import start_host
from comfyui_safe_install.tests.kit.installation import Answer, Installation, differences
from comfyui_safe_install.tests.kit.package import ROOT

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="locks are simulated here by what Windows does itself"
)

TOOL = "*/site-packages/tool"


def while_locked(here: Installation, pattern: str, *arguments: str, kill_after: int = 0) -> Answer:
    """One command with --json in a process in which what matches cannot be renamed."""
    script = ROOT / "tests" / "kit" / "locked_files.py"
    process = subprocess.Popen(
        [sys.executable, str(script), pattern, str(kill_after), "--comfyui", str(here.comfy), "--json", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    return here.finish(process)


def waiting(here: Installation) -> list[str]:
    """The ids that wait, oldest first."""
    return [each["id"] for each in here.run("deferred", "list").document["deferred"]]


def cut_off(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """No index answers any more, uv's cache is gone, and what a start might import is broken."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/")
    shutil.rmtree(os.environ["UV_CACHE_DIR"], ignore_errors=True)
    for name in ("pydantic", "packaging", "yaml", "uv"):
        folder = here.venv.site_packages / name
        folder.mkdir()
        (folder / "__init__.py").write_text("raise ImportError('broken')\n")


@pytest.mark.slow
def test_a_change_of_files_in_use_waits_and_is_applied_without_anything(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost and nothing changed; the next start ends where the change itself would have, byte for byte."""
    command = furnish(here)
    before = here.tree()
    assert here.run(*command).applied
    after = here.tree()
    assert here.run("rollback", "--yes").applied
    assert differences(before, here.tree()) == []

    answer = while_locked(here, TOOL, *command)

    assert (answer.code, answer.document["applied"]) == (0, None), answer
    deferred = answer.document["deferred"]
    assert deferred["deferred"]["why"] == "files-locked"
    assert deferred["deferred"]["locked"] == [str(here.venv.site_packages / "tool")]
    assert differences(before, here.tree()) == []
    assert waiting(here) == [deferred["transaction"]]
    assert here.run("recover").document["deferred"] == [deferred["transaction"]]
    cut_off(here, monkeypatch)
    broken = {path for path in here.tree() if path not in before}
    log = start_host(here)
    assert "was applied" in log
    assert differences(after, here.tree(), expected=sorted(broken)) == []
    assert waiting(here) == []
    assert "applied" not in start_host(here)
    assert here.run("verify").document["checked"]
    rolled = here.run("rollback", "--yes")
    assert rolled.document["plan"]["exact"], rolled.document["plan"]
    assert differences(before, here.tree(), expected=sorted(broken)) == []


def test_a_change_waits_when_asked_and_leaves_no_trace_when_cancelled(here: Installation) -> None:
    """It is listed, told by recover and history, and a cancel removes all of it: exactly before."""
    here.have("base", "1.0")
    here.wheel("fresh", "1.0")
    before = here.tree()
    source = here.source("demo", "fresh")
    answer = here.run("install", source, "--at-next-start", "--yes")
    assert (answer.code, answer.document["applied"]) == (0, None), answer
    assert answer.document["deferred"]["deferred"]["why"] == "asked"
    (identifier,) = waiting(here)
    assert here.tree() == before
    assert here.run("history").document["transactions"][0]["deferred"]
    answer = here.run("deferred", "cancel", identifier[:15])
    assert answer.document == {"ok": True, "cancelled": identifier, "leftovers": []}
    assert here.tree() == before
    assert [path for path in here.leftovers() if "lock" not in path] == []
    assert waiting(here) == []
    assert list((here.state / "snapshots").iterdir()) == []
    assert here.run("deferred", "cancel", identifier).error == "deferred-not-found"
    assert "applied" not in start_host(here)
    assert here.run("install", source, "--yes").applied


@pytest.mark.parametrize("kind", ["uninstall", "sync", "rollback"])
def test_every_kind_of_change_can_wait(kind: str, here: Installation) -> None:
    """Uninstalling, syncing and going back wait as well; after the start `rollback` leads exactly back."""
    here.have("base", "1.0")
    here.wheel("base", "2.0")
    here.wheel("lib", "1.0")
    assert here.run("install", here.source("demo", "base", "lib"), "--yes").applied
    if kind == "sync":
        (here.packs / "demo" / "requirements.txt").write_text("base>=2\nlib\n")
    before = here.tree()
    arguments = {"uninstall": ["uninstall", "demo"], "sync": ["sync"], "rollback": ["rollback"]}[kind]
    answer = here.run(*arguments, "--at-next-start", "--yes")
    assert answer.document["deferred"], answer
    assert here.tree() == before
    assert "was applied" in start_host(here)
    expected = {
        "uninstall": {"base": "1.0"},
        "sync": {"base": "2.0", "lib": "1.0"},
        "rollback": {"base": "1.0"},
    }
    assert here.versions() == expected[kind]
    assert here.run("verify").code == 0
    rolled = here.run("rollback", "--yes")
    assert rolled.document["plan"]["exact"], rolled.document["plan"]
    assert differences(before, here.tree()) == []


def test_what_follows_a_commit_follows_at_a_start_as_well(here: Installation) -> None:
    """The decisions are recorded once, files are remembered, the lock is in force, others' changes are none."""
    here.have("base", "1.0")
    here.wheel("lib", "1.0")
    here.wheel("lib", "2.0")
    assert here.run("install", here.source("old", "lib<2"), "--yes").applied
    answer = here.run("install", here.source("new", "lib>=2"), "--yes", "--at-next-start")
    decisions = answer.document["plan"]["decisions"]
    assert decisions
    log = start_host(here)
    assert "was applied" in log
    assert "others changed" not in log
    for _ in range(2):
        recorded = [each["decision"] for each in here.run("why", "lib").document["decisions"]]
        assert recorded == decisions
        start_host(here)
    assert here.run("verify").document["drift"]["items"] == []
    artefacts = json.loads((here.state / "artefacts.json").read_text())
    assert artefacts["lib"]["version"] == "2.0"
    taken = here.run("snapshot", "create").document["snapshot"]["id"]
    shown = here.run("snapshot", "show", taken).document["snapshot"]
    assert shown["lock"] == answer.document["deferred"]["transaction"]
    assert shown["decisions"] == decisions


def test_a_script_of_a_pack_is_not_run_while_its_pack_waits(here: Installation) -> None:
    """Consent or not, install.py needs its pack in place: it is said when it can be run."""
    here.have("base", "1.0")
    source = here.source("demo", files={"install.py": "open('ran.txt', 'w')\n"})
    answer = here.run("install", source, "--allow", "install-py", "--yes", "--at-next-start")
    assert "install-script-later" in [each["code"] for each in answer.document["deferred"]["findings"]]
    assert "was applied" in start_host(here)
    assert sorted(path.name for path in (here.packs / "demo").iterdir()) == [
        "__init__.py",
        "install.py",
        "requirements.txt",
    ]


def test_where_no_start_applies_it_the_user_is_told(
    here: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    """With Safe Install among the custom nodes a restart is said to do it, without it the command that does."""
    here.have("base", "1.0")
    here.wheel("fresh", "1.0")
    for name, said in (("one", "deferred apply"), ("two", "Restart ComfyUI")):
        if name == "two":
            put_product_in(here.comfy)
        arguments = ["--comfyui", str(here.comfy), "install", here.source(name), "--yes", "--at-next-start"]
        assert main(arguments) == 0
        assert said in capsys.readouterr().out.split("Waiting", 1)[1]
    assert main(["--comfyui", str(here.comfy), "deferred", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.index("install one") < listed.index("install two")
    assert main(["--comfyui", str(here.comfy), "deferred", "apply"]) == 0
    assert capsys.readouterr().out.count("The waiting change") == 2
    assert main(["--comfyui", str(here.comfy), "history"]) == 0
    assert "was applied" not in capsys.readouterr().err, "it was told already"
