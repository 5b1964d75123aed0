"""Several waiting changes: applied in their order, and refused where what they rely on is not so any more."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from comfyui_safe_install.tests.kit.host_start import start_host
from comfyui_safe_install.tests.kit.installation import Installation, differences

LATER = ("--at-next-start", "--yes")


def defer(here: Installation, *arguments: str) -> str:
    """A change that waits; its id."""
    answer = here.run(*arguments, *LATER)
    assert answer.document.get("deferred"), answer
    return str(answer.document["deferred"]["transaction"])


def records(here: Installation) -> dict[str, dict[str, Any]]:
    """{id: transaction} of the history."""
    return {each["id"]: each for each in here.run("history").document["transactions"]}


def waiting(here: Installation) -> list[str]:
    """The ids that wait, oldest first."""
    return [each["id"] for each in here.run("deferred", "list").document["deferred"]]


def by_hand(here: Installation, *arguments: str) -> None:
    """Somebody uses uv himself, past us."""
    subprocess.run(
        [find_uv_bin(), "pip", *arguments, "--quiet", "--python", str(here.venv.python)],
        check=True,
        timeout=60,
    )


def test_independent_changes_are_applied_in_order_and_undone_one_by_one(here: Installation) -> None:
    """An immediate change goes on while two wait; each way back leads exactly to the state right before."""
    here.have("base", "1.0")
    for name in ("one", "two", "three"):
        here.wheel(name, "1.0")
    first = defer(here, "install", here.source("p-one", "one"))
    second = defer(here, "install", here.source("p-two", "two", "base"))
    assert waiting(here) == [first, second]
    bare = here.tree()
    assert here.run("install", here.source("p-three", "three"), "--yes").applied
    with_three = here.tree()
    log = start_host(here)
    assert log.index(first) < log.index(second)
    assert here.versions() == {"base": "1.0", "one": "1.0", "two": "1.0", "three": "1.0"}
    assert here.run("verify").code == 0
    both = here.tree()
    for reached in (["p-one", "p-three"], ["p-three"], []):
        last = here.run("rollback", "--yes")
        assert last.document["plan"]["exact"], last.document["plan"]
        assert sorted(each.name for each in here.packs.iterdir()) == reached
        if len(reached) == 2:
            # Undoing an undo leads forth again.
            assert here.run("rollback", "--yes").applied
            assert differences(both, here.tree()) == []
            break
    target = records(here)[first]["summary"]["snapshot"]
    assert here.run("rollback", str(target), "--yes").applied
    assert differences(with_three, here.tree()) == []
    target = next(
        each["summary"]["snapshot"]
        for each in records(here).values()
        if each["operation"] == "install p-three"
    )
    assert here.run("rollback", str(target), "--yes").applied
    assert differences(bare, here.tree()) == []


def test_what_an_earlier_one_changed_refuses_the_later_and_the_next_is_tried(here: Installation) -> None:
    """The second relied on what the first replaced: it says so, nothing of it is left, the third is applied."""
    here.have("base", "1.0")
    for version in ("2.0", "3.0"):
        here.wheel("base", version)
    here.wheel("fresh", "1.0")
    first = defer(here, "install", here.source("two", "base==2.0"))
    answer = here.run("install", here.source("three", "base==3.0"), *LATER)
    second = answer.document["deferred"]["transaction"]
    assert [each["code"] for each in answer.document["deferred"]["findings"]] == ["deferred-in-the-way"]
    third = defer(here, "install", here.source("free", "fresh"))
    log = start_host(here)
    assert "It relies on base 1.0 as it was installed then; now there is: base 2.0" in log
    assert "Plan it again" in log
    states = {each: records(here)[each]["state"] for each in (first, second, third)}
    assert states == {first: "committed", second: "rolled-back", third: "committed"}
    assert "base 1.0" in str(records(here)[second]["reason"])
    assert here.versions() == {"base": "2.0", "fresh": "1.0"}
    assert sorted(each.name for each in here.packs.iterdir()) == ["free", "two"]
    assert not list((here.area / "stages").glob(f"{second}*"))
    told = here.run("verify")
    assert told.code == 0
    assert "was not applied" in told.words


def _other_version(here: Installation) -> None:
    by_hand(here, "install", "--no-deps", "base==1.5")


def _uninstalled(here: Installation) -> None:
    by_hand(here, "uninstall", "base")


def _appeared(here: Installation) -> None:
    by_hand(here, "install", "--no-deps", "fresh==0.9")


def _file_edited(here: Installation) -> None:
    (here.venv.site_packages / "base" / "__init__.py").write_text("edited = True\n")


def _pack_edited(here: Installation) -> None:
    (here.packs / "demo" / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {'mine': 1}\n")


def _pack_took_the_place(here: Installation) -> None:
    (here.packs / "other").mkdir()
    (here.packs / "other" / "__init__.py").write_text("")


def _somebody_asks(here: Installation) -> None:
    (here.packs / "third").mkdir()
    (here.packs / "third" / "requirements.txt").write_text("numpy\nBase<2  # for reasons\n")


def _core_asks(here: Installation) -> None:
    (here.comfy / "requirements.txt").write_text("base<2\n")


def _stage_damaged(here: Installation) -> None:
    (staged,) = here.area.glob("stages/*/prefix/**/fresh/__init__.py")
    staged.write_text("damaged = True\n")


def _snapshot_gone(here: Installation) -> None:
    for path in sorted((here.state / "snapshots").iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_other_version, "now there is: base 1.5"),
        (_uninstalled, "it is not installed"),
        (_appeared, "fresh 0.9 is installed"),
        (_file_edited, "has been changed since"),
        (_pack_edited, "has been changed since"),
        (_pack_took_the_place, "other"),
        (_somebody_asks, "the pack third asks for 'Base<2'"),
        (_core_asks, "ComfyUI asks for 'base<2'"),
        (_stage_damaged, "has been changed since"),
        (_snapshot_gone, "there would be no way back"),
    ],
)
def test_a_premise_that_does_not_hold_is_named_and_nothing_changes(
    change: Callable[[Installation], None], said: str, here: Installation
) -> None:
    """Whatever somebody changed since, the waiting change is refused with that reason, and leaves no trace."""
    here.have("base", "1.0")
    for version in ("1.5", "2.0"):
        here.wheel("base", version)
    for version in ("0.9", "1.0"):
        here.wheel("fresh", version)
    assert here.run("install", here.source("demo", "base"), "--yes").applied
    new = here.source("demo", "base==2.0", "fresh==1.0", files={"node.py": ""})
    identifier = defer(here, "install", new, here.source("other"))
    change(here)
    before = here.tree()
    log = start_host(here)
    assert said in log, log
    assert differences(before, here.tree()) == []
    assert waiting(here) == []
    assert records(here)[identifier]["state"] == "rolled-back"
    assert not (here.area / "stages").exists()
    assert not (here.comfy / ".safe-install" / "incoming").exists()


def test_what_is_changed_meanwhile_says_that_it_refuses_what_waits(here: Installation) -> None:
    """An immediate change of what a waiting one relies on says at once that the other will be refused."""
    here.have("base", "1.0")
    here.wheel("base", "2.0")
    here.wheel("fresh", "1.0")
    identifier = defer(here, "install", here.source("one", "base", "fresh"))
    applied = here.run("install", here.source("two", "base==2.0"), "--yes").applied
    assert [(each["code"], identifier in each["message"]) for each in applied["findings"]] == [
        ("deferred-outdated", True)
    ]
    answer = here.run("deferred", "apply")
    (attempt,) = answer.document["attempts"]
    assert (answer.code, attempt["outcome"], attempt["id"]) == (3, "refused", identifier)
    assert [each["code"] for each in attempt["broken"]] == ["distribution-changed"]
    assert "now there is: base 2.0" in attempt["reason"]


def test_bytecode_that_came_or_went_is_no_premise(here: Installation) -> None:
    """ComfyUI went on running and importing: the change is applied all the same, and going back is exact."""
    files = {
        "space/mine/only.py": "A = 1\n",
        "space/gone/only.py": "",
        "shape/__init__.py": "",
        "lone.py": "",
    }
    here.have("shape", "1.0", files=files)
    here.wheel("shape", "2.0", files={**files, "lone.py": "B = 1\n"})
    here.have("other", "1.0", files={"space/theirs.py": ""})
    here.compile()
    shutil.rmtree(here.venv.site_packages / "space" / "gone" / "__pycache__")
    defer(here, "install", here.source("demo", "shape>=2"))
    here.compile()
    for number, path in enumerate(sorted(here.venv.site_packages.rglob("*.pyc"))):
        if number % 2:
            path.unlink()
        else:
            path.with_name(path.name.replace(".pyc", ".opt-1.pyc")).write_bytes(path.read_bytes())
    before = here.tree()
    assert "was applied" in start_host(here)
    assert here.versions()["shape"] == "2.0"
    assert here.run("rollback", "--yes").document["plan"]["exact"]
    sources = {path: entry for path, entry in here.tree().items() if not path.endswith(".pyc")}
    assert (
        differences({path: each for path, each in before.items() if not path.endswith(".pyc")}, sources) == []
    )


def test_another_environment_leaves_it_waiting(here: Installation, tmp_path: Path) -> None:
    """A start with another Python neither applies nor refuses what is for this one."""
    here.have("base", "1.0")
    here.wheel("fresh", "1.0")
    identifier = defer(here, "install", here.source("demo", "fresh"))
    other = Installation(root=tmp_path / "other", dists=here.dists)
    other.comfy = here.comfy
    log = start_host(other)
    assert "goes on waiting" in log
    assert str(here.venv.root) in log
    assert waiting(here) == [identifier]
    assert list(here.packs.iterdir()) == []


def test_what_others_changed_beside_it_is_spared_by_going_back(here: Installation) -> None:
    """Somebody used uv and edited packs while it waited: applied all the same, and `rollback` leaves that alone."""
    here.have("base", "1.0")
    for name in ("fresh", "extra", "gone"):
        here.wheel(name, "1.0")
    by_hand(here, "install", "gone==1.0")
    for name in ("edited", "removed"):
        (here.packs / name).mkdir()
        (here.packs / name / "__init__.py").write_text("BEFORE = 1\n")
    defer(here, "install", here.source("demo", "fresh"))
    by_hand(here, "install", "extra==1.0")
    by_hand(here, "uninstall", "gone")
    (here.packs / "edited" / "__init__.py").write_text("AFTER = 1\n")
    shutil.rmtree(here.packs / "removed")
    (here.packs / "added").mkdir()
    (here.packs / "added" / "pyproject.toml").write_text('[project]\nname = "added"\nversion = "3.1"\n')
    before = here.tree()
    log = start_host(here)
    for said in ("extra 1.0 was installed", "gone was removed", "pack edited was changed", "pack removed was removed",
                 "pack added was added"):  # fmt: skip
        assert said in log
    assert here.versions() == {"base": "1.0", "extra": "1.0", "fresh": "1.0"}
    taken = here.run("rollback", "--plan").document["snapshot"]
    shown = here.run("snapshot", "show", taken).document["snapshot"]
    assert {each["name"]: each["version"] for each in shown["distributions"]} == {
        "base": "1.0",
        "extra": "1.0",
    }
    assert shown["freeze"] == "base==1.0\nextra==1.0\n"
    assert {each["pack"]["name"]: each["pack"]["version"] for each in shown["packs"]} == {
        "added": "3.1",
        "edited": "",
    }
    rolled = here.run("rollback", "--yes")
    assert [each["name"] for each in rolled.document["plan"]["items"]] == ["fresh", "demo"]
    assert differences(before, here.tree()) == []


def test_files_a_pack_writes_for_itself_are_no_premise(here: Installation) -> None:
    """A running pack saves its settings while its update waits: it is updated, and going back brings them back."""
    here.have("base", "1.0")
    assert here.run("install", here.source("demo", files={"node.py": "OLD = 1\n"}), "--yes").applied
    (here.packs / "demo" / "settings.json").write_text("{}")
    defer(here, "install", here.source("demo", files={"node.py": "NEW = 1\n"}))
    (here.packs / "demo" / "settings.json").write_text('{"saved": true}')
    (here.packs / "demo" / "log.txt").write_text("started\n")
    before = here.tree()
    assert "was applied" in start_host(here)
    assert not (here.packs / "demo" / "log.txt").exists()
    assert here.run("rollback", "--yes").document["plan"]["exact"]
    assert differences(before, here.tree()) == []
