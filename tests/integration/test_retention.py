"""Old states go, what anybody may go back to stays, and everybody can see what it all takes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from comfyui_safe_install.resolver.engine.planned import Options
from comfyui_safe_install.resolver.io.weights import weigh
from comfyui_safe_install.resolver.transaction.folder import identifiers
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, lock_path
from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.installation import Answer, Installation, differences

BULK = "x = 1  # " + "0123456789" * 2000
"""Content that is worth counting."""


@pytest.fixture
def chain(here: Installation) -> list[str]:
    """tool 1.0 to 4.0, one after the other; the snapshots before each change, oldest first."""
    here.have("tool", "1.0", files={"tool/__init__.py": "", "tool/big.py": BULK})
    for version in ("2.0", "3.0", "4.0"):
        here.wheel("tool", version, files={"tool/__init__.py": "", f"tool/big{version[0]}.py": BULK})
    return [install(here, f"tool=={version}") for version in ("2.0", "3.0", "4.0")]


def install(here: Installation, *requirements: str, pack: str = "demo") -> str:
    """Install a pack that wants these; the snapshot taken before."""
    return str(here.run("install", here.source(pack, *requirements), "--yes").applied["snapshot"])


def is_exact(here: Installation, snapshot: str, *options: str) -> bool:
    """Whether going back there would bring every byte back."""
    return bool(run_of(here, "rollback", snapshot, "--plan", *options)["exact"])


def run_of(here: Installation, *arguments: str) -> dict[str, Any]:
    """The document of a command that works."""
    answer: Answer = here.run(*arguments)
    assert answer.code == 0, answer
    return answer.document


def ids(here: Installation) -> list[str]:
    """The stored snapshots, oldest first."""
    return [each["id"] for each in reversed(run_of(here, "snapshot", "list")["snapshots"])]


def payloads(here: Installation) -> set[str]:
    """name and version of each kept distribution."""
    return {each["name"] for each in run_of(here, "disk")["payloads"] if each["kind"] == "distribution"}


def kept_files(here: Installation) -> list[str]:
    """Everything in our hidden folders but the locks."""
    return [path for path in here.leftovers() if not Path(path).name.startswith("lock")]


def ways_back(here: Installation, snapshot: str, *options: str) -> dict[str, str]:
    """{distribution that would change: how it comes back}."""
    items = run_of(here, "rollback", snapshot, "--plan", *options)["items"]
    return {item["name"]: item["how"] for item in items if item["kind"] == "distribution"}


def test_pruning_keeps_the_newest_and_the_way_back(here: Installation, chain: list[str]) -> None:
    """A dry run says what would go and touches nothing; then it goes, and the rest comes back exactly."""
    before, tree = here.leftovers(), here.tree()
    planned = run_of(here, "prune", "--keep", "1", "--dry-run")
    assert [each["id"] for each in planned["snapshots"]] == chain[:2]
    assert (here.leftovers(), ids(here)) == (before, chain)
    done = run_of(here, "prune", "--keep", "1")
    assert {**done, "dry_run": True} == planned
    assert "tool 1.0" in {each["name"] for each in done["payloads"]}
    assert ids(here) == chain[2:]
    assert payloads(here) == {"tool 3.0"}
    assert is_exact(here, chain[2])
    # Told to keep nothing, it still keeps the way back from the last change.
    assert run_of(here, "prune", "--keep", "0")["snapshots"] == []
    assert differences(tree, here.tree()) == []
    assert run_of(here, "rollback", "--yes")["applied"]
    assert here.versions() == {"tool": "3.0"}


def test_what_is_said_to_be_freed_is_freed(here: Installation, chain: list[str]) -> None:
    """`disk`, the list of snapshots and what removing one says agree with the blocks on the disk."""
    use = run_of(here, "disk")
    own = {each["id"]: each["own_bytes"] for each in use["snapshots"]}
    assert own[chain[0]] > len(BULK)
    assert {each["id"]: each["own_bytes"] for each in run_of(here, "snapshot", "list")["snapshots"]} == own
    assert use["total_bytes"] == sum(space["bytes"] for space in use["spaces"])
    kept = here.area / "payloads", here.comfy / ".safe-install" / "payloads"
    before = weigh(*kept).bytes
    gone = run_of(here, "snapshot", "remove", chain[0])
    assert gone["freed_bytes"] == own[chain[0]]
    # The emptied folders above the payloads go as well.
    assert before - weigh(*kept).bytes >= own[chain[0]]
    assert {each["name"] for each in gone["payloads"]} == {"tool 1.0"}
    assert is_exact(here, chain[1])
    assert run_of(here, "disk")["unnamed"] == []


def test_every_change_prunes_by_the_settings(here: Installation) -> None:
    """`settings.toml` says how much is kept; what is pinned or labelled stays whatever it says."""
    here.have("tool", "1.0")
    for number in range(2, 7):
        here.wheel("tool", f"{number}.0")
    here.state.mkdir(parents=True, exist_ok=True)
    (here.state / "settings.toml").write_text("[keep]\nsnapshots = 2\ntransactions = 2\n")
    first = install(here, "tool==2.0")
    run_of(here, "snapshot", "pin", first)
    taken = [install(here, f"tool=={number}.0") for number in (3, 4, 5, 6)]
    assert ids(here) == [first, *taken[-2:]]
    assert payloads(here) == {"tool 1.0", "tool 4.0", "tool 5.0"}
    assert is_exact(here, first)
    (here.state / "settings.toml").write_text("[keep]\nsnapshots = -2\n")
    assert here.run("disk").error == "settings-invalid"


def test_old_transactions_leave_a_line(here: Installation) -> None:
    """The history is whole, what we brought is still ours to remove, and only a few journals are read."""
    here.state.mkdir(parents=True, exist_ok=True)
    (here.state / "settings.toml").write_text("[keep]\nsnapshots = 1\ntransactions = 2\n")
    here.have("base", "1.0")
    here.wheel("helper", "1.0")
    for version in ("1.0", "2.0", "3.0"):
        here.wheel("tool", version)
    install(here, "helper", pack="brings")
    for version in ("1.0", "2.0", "3.0", "2.0"):
        install(here, f"tool=={version}")
    history = run_of(here, "history")["transactions"]
    assert len(history) == 5
    assert [each["state"] for each in history] == ["committed"] * 5
    assert [each["operation"] for each in history][-1] == "install brings"
    assert len(identifiers(here.state)) == 2
    lines = (here.state / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [each["id"] for each in reversed(history)][:3]
    assert run_of(here, "uninstall", "brings", "--yes")["applied"]
    assert here.versions() == {"base": "1.0", "tool": "2.0"}
    # A torn line, as a full disk leaves it, costs itself alone.
    with (here.state / "history.jsonl").open("a") as file:
        file.write('{"id": "2026')
    install(here, "tool==3.0")
    assert len(run_of(here, "history")["transactions"]) == 7


def test_a_snapshot_that_cannot_be_read_holds_everything_until_it_is_taken_away(
    here: Installation, chain: list[str]
) -> None:
    """It may name any payload; by its whole id it can be removed."""
    (here.state / "snapshots" / f"{chain[1]}.json").write_text("{")
    kept = payloads(here)
    done = run_of(here, "snapshot", "remove", chain[0])
    assert (done["freed_bytes"], payloads(here)) == (0, kept)
    assert [each["code"] for each in done["findings"]] == ["snapshot-damaged"]
    done = run_of(here, "snapshot", "remove", chain[1])
    assert done["findings"] == []
    assert payloads(here) == {"tool 3.0"}
    assert is_exact(here, chain[2])


def test_an_interrupted_change_holds_everything(here: Installation, chain: list[str]) -> None:
    """What it moved aside, and what it was to bring back, is not touched before it is recovered."""
    killed = here.finish(here.start("rollback", chain[0], "--yes", kill_after=6))
    assert killed.code < 0
    kept = kept_files(here)
    for command in (["prune", "--keep", "0"], ["snapshot", "remove", chain[1]]):
        assert here.run(*command).error in ("transaction-open", "recovery-needed")
    assert kept_files(here) == kept
    assert run_of(here, "recover")["recovered"]
    assert run_of(here, "prune", "--keep", "0")["ok"]
    assert is_exact(here, chain[2])


def test_two_comfyuis_share_an_environment(here: Installation, chain: list[str]) -> None:
    """What the other's snapshots name stays; also while it is away, until somebody says it is gone for good."""
    other = make_comfy(here.root / "other")
    shutil.copytree(here.packs, other / "custom_nodes", dirs_exist_ok=True)
    there = ["--comfyui", str(other), "--python", str(here.venv.python)]
    theirs = run_of(here, *there, "snapshot", "create", "--label", "theirs")["snapshot"]["id"]
    install(here, "tool==1.0")  # Puts aside what their snapshot names.
    run_of(here, "snapshot", "remove", ids(here)[-1])
    assert run_of(here, "prune", "--keep", "0")["findings"] == []
    assert payloads(here) == {"tool 4.0"}
    assert ways_back(here, theirs, *there) == {"tool": "exact"}

    away = here.root / "away"
    other.rename(away)
    for _ in range(2):
        (finding,) = run_of(here, "prune", "--keep", "0")["findings"]
        assert finding["code"] == "keeper-missing"
    assert payloads(here) == {"tool 4.0"}
    # It was moved: as soon as it keeps a snapshot from there, it is known again.
    there[1] = str(away)
    run_of(here, *there, "snapshot", "create")
    assert run_of(here, "prune", "--keep", "0")["findings"] == []
    assert ways_back(here, theirs, *there) == {"tool": "exact"}

    shutil.rmtree(away)
    assert run_of(here, "prune", "--keep", "0", "--forget-missing")["forgotten"]
    assert payloads(here) == set()


def test_two_state_folders_of_one_comfyui_keep_apart(here: Installation, chain: list[str]) -> None:
    """Also where one is a copy of the other, which is then a keeper of its own."""
    copy = here.root / "state-copy"
    shutil.copytree(here.state, copy)
    second = ["--state", str(copy)]
    run_of(here, *second, "snapshot", "create")
    run_of(here, "prune", "--keep", "0")
    assert ids(here) == chain[2:]
    for each in chain:
        assert is_exact(here, each, *second)
    run_of(here, *second, "prune", "--keep", "0")
    assert payloads(here) == {"tool 3.0"}
    assert is_exact(here, chain[2])


def test_nothing_is_tried_out_on_the_disk_by_who_only_looks(here: Installation, chain: list[str]) -> None:
    """The folders recovery may change, plans and sizes are known without a probe."""
    packs = here.comfy / ".safe-install"
    before = {each: each.stat().st_mtime_ns for each in (packs, here.packs, here.area)}
    assert here.site().roots
    assert is_exact(here, chain[0])
    run_of(here, "disk")
    run_of(here, "snapshot", "list")
    assert {each: each.stat().st_mtime_ns for each in before} == before


def test_a_lock_is_written_whole_or_not_at_all(here: Installation, tmp_path: Path) -> None:
    """Under the lock, and in one act: whoever reads it sees the old one or the new one."""
    here.wheel("tool", "1.0")
    here.source("demo", "tool")
    shutil.copytree(here.root / "sources" / "demo", here.packs / "demo")
    path = Path(run_of(here, "lock")["pylock"])
    assert "tool" in path.read_text()
    assert not list(here.state.glob(".*.tmp"))
    known = path.stat()
    with OwnerLock(lock_path(here.state), "a test"):
        assert here.run("lock").error == "busy"
    assert path.stat().st_ino == known.st_ino
    run_of(here, "lock")
    assert path.stat().st_ino != known.st_ino


def test_a_file_of_nobody_far_from_python_comes_back(here: Installation) -> None:
    """A wheel brings a file where the user has one: theirs is kept as long as the way back is, and comes back."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0", data={"etc/tool.conf": "from the wheel"})
    own = here.venv.root / "etc" / "tool.conf"
    own.parent.mkdir()
    own.write_text("mine")
    before = here.tree()
    taken = install(here, "tool")
    assert own.read_text() == "from the wheel"
    install(here, pack="unrelated")
    assert run_of(here, "prune", "--keep", "5")["payloads"] == []
    assert is_exact(here, taken)
    assert run_of(here, "rollback", taken, "--yes")["applied"]
    assert differences(before, here.tree()) == []


def test_a_pack_that_changed_since_the_plan_is_kept_as_it_is(here: Installation) -> None:
    """Its version is read when it is put aside, so the snapshot of that moment finds it again."""
    here.have("base", "1.0")
    project = '[project]\nname = "demo"\nversion = "{}"\n'
    here.run("install", here.source("demo", files={"pyproject.toml": project.format(1)}), "--yes")
    session = here.session()
    new = here.source("demo", files={"pyproject.toml": project.format(3)})
    with session.plan_install([new], Options(), to_apply=True) as planned:
        (here.packs / "demo" / "pyproject.toml").write_text(project.format(2))
        taken = session.apply(planned).snapshot
    assert is_exact(here, taken)
    assert run_of(here, "rollback", "--yes")["applied"]
    assert 'version = "2"' in (here.packs / "demo" / "pyproject.toml").read_text()


def test_snapshots_that_go_for_room_are_said_to(here: Installation) -> None:
    """Where kept files take more than they may, the oldest go, but never the last five; and the change says so."""
    here.have("tool", "1.0", files={"tool/__init__.py": BULK})
    for number in range(2, 9):
        here.wheel("tool", f"{number}.0", files={"tool/__init__.py": BULK})
    here.state.mkdir(parents=True, exist_ok=True)
    (here.state / "settings.toml").write_text("[keep]\ngigabytes = 0.0001\n")
    said = []
    for number in range(2, 9):
        applied = here.run("install", here.source("demo", f"tool=={number}.0"), "--yes").applied
        said.append([each["code"] for each in applied["findings"]])
    assert said == [[]] * 5 + [["snapshots-removed-for-room"]] * 2
    assert len(ids(here)) == 5


def test_a_change_that_waits_holds_everything(here: Installation, chain: list[str]) -> None:
    """What it is to bring back at the next start stays, until it is carried out or given up."""
    document = run_of(here, "rollback", chain[0], "--yes", "--at-next-start")
    kept = kept_files(here)
    for command in (["prune", "--keep", "0"], ["snapshot", "remove", chain[1]]):
        assert here.run(*command).error == "transaction-open"
    assert kept_files(here) == kept
    (waiting,) = run_of(here, "deferred", "list")["deferred"]
    run_of(here, "deferred", "cancel", waiting["id"])
    assert document
    run_of(here, "prune", "--keep", "0")
    assert is_exact(here, chain[2])
