"""Files and links an attacker leaves in our own folders: refused with a code; nothing elsewhere is touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.payloads import PayloadStore
from comfyui_safe_install.resolver.transaction.fs import Fence
from comfyui_safe_install.tests.kit.installation import Answer, Installation
from comfyui_safe_install.tests.kit.surroundings import Surroundings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes as POSIX has them")

_COMMANDS = (
    ["recover"],
    ["history"],
    ["verify"],
    ["snapshot", "list"],
    ["rollback", "--yes"],
)


@pytest.fixture
def used(here: Installation, around: Surroundings) -> Installation:
    """An installation with a past: one change, its snapshot and its payloads."""
    here.have("tool", "1.0")
    here.wheel("tool", "2.0")
    assert here.run("install", here.source("demo", "tool>=2"), "--yes").applied
    around.remember()
    return here


def survives(here: Installation, around: Surroundings) -> list[Answer]:
    """Every command ends properly; nothing outside has changed; the answers."""
    answers = [here.run(*command) for command in _COMMANDS]
    for command, answer in zip(_COMMANDS, answers, strict=True):
        assert answer.error != "internal-error", (command, answer)
        assert "Traceback" not in answer.words
        assert "\x1b" not in answer.words
    assert around.changed_outside() == []
    return answers


NOT_FILES: dict[str, Callable[[Path, Path], None]] = {
    "pipe": lambda path, _mine: os.mkfifo(path),
    "endless": lambda path, _mine: path.symlink_to("/dev/zero"),
    "loop": lambda path, _mine: path.symlink_to(path.name),
    "folder": lambda path, _mine: path.mkdir(),
    "link-to-mine": lambda path, mine: path.symlink_to(mine / "letter.txt"),
    "link-to-nothing": lambda path, mine: path.symlink_to(mine / "new.txt"),
}
CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "nul": b"\0" * 5000,
    "nested": b"[" * 200_000,
    "objects": b'{"a":' * 100_000,
    "number": b"9" * 100_000,
    "utf-16": '{"format": 1}'.encode("utf-16"),
    "lines": b"{}\n" * 5000,
    "escape": b'{"operation": "\\u001b[31m\\u202e", "format": 1, "pid": "x", "a==1": [1, {}, null]}',
    "surrogate": b'{"format": 1, "id": "\\ud800", "steps": ["\\ud800"], "tool==2.0": ["\\ud800"]}',
    "list": b"[[1], null, {}]",
}
_FILES = (
    "artefacts.json",
    "flaws.json",
    "record.jsonl",
    "history.jsonl",
    "settings.toml",
    "rules.toml",
    "lock.owner",
    "lock.claim",
    "constraints.txt",
    "baseline.json",
    "known.json",
    "snapshots/20260101-000000-000aaaa.json",
)


def _put(path: Path, bad: str, around: Surroundings) -> None:
    path.unlink(missing_ok=True)
    if bad in CONTENTS:
        path.write_bytes(CONTENTS[bad])
    else:
        NOT_FILES[bad](path, around.mine)


@pytest.mark.parametrize("bad", [*NOT_FILES, "nul", "nested", "utf-16", "escape", "surrogate"])
def test_bad_files_in_the_state_folder(used: Installation, around: Surroundings, bad: str) -> None:
    """In the place of every file of ours at once: each command ends with a result or a proper error."""
    for name in {*_FILES, *(each.name for each in used.state.iterdir() if each.is_file())}:
        _put(used.state / name, bad, around)
    survives(used, around)


@pytest.mark.parametrize("file", ["journal.jsonl", "steps.json"])
def test_bad_files_of_a_transaction(used: Installation, around: Surroundings, file: str) -> None:
    """In one that seems to be under way, each kind in turn: recovery refuses it and touches nothing."""
    known = min((used.state / "transactions").iterdir())
    fresh = known.with_name("20991231T000000000000Z-ffff")
    before = used.tree()
    for bad in (*NOT_FILES, *CONTENTS):
        shutil.copytree(known, fresh)
        lines = (fresh / "journal.jsonl").read_bytes().splitlines(keepends=True)
        (fresh / "journal.jsonl").write_bytes(b"".join(lines[:-3]))
        _put(fresh / file, bad, around)
        answer = used.run("recover")
        assert answer.error != "internal-error", (bad, answer)
        if answer.code:
            assert answer.code == 5, (bad, answer)
            assert answer.document["error"]["hints"]
        assert used.run("history").code == 0, bad
        shutil.rmtree(fresh)
    assert used.tree() == before
    assert around.changed_outside() == []


LINKED = (
    "state/transactions",
    "state/transactions/20991231T000000000000Z-ffff",
    "state/snapshots",
    "state/cache",
    "area",
    "area/payloads",
    "area/trash",
    "area/stages",
    "area/payloads/unit",
    "packs",
    "packs/incoming",
    "packs/trash",
    "packs/payloads",
)


def test_a_link_in_place_of_our_own_folder(used: Installation, around: Surroundings) -> None:
    """Whatever lies behind it is not ours: nothing there is moved, deleted or added to, not even emptied folders."""
    for name in ("payloads", "stages", "incoming", "trash", ".new-x", "solves", "stubs"):
        (around.mine / name).mkdir()
    (around.mine / "inner").mkdir()
    (around.mine / "inner" / "payload.json").write_text("{}")
    for name in ("journal.jsonl", "steps.json"):
        (around.mine / name).write_text("{}")
    around.remember()
    starts = {"state": used.state, "area": used.area, "packs": used.comfy / ".safe-install"}
    source = used.source("demo", "tool==1.0")
    for place in LINKED:
        root, _, rest = place.partition("/")
        path = starts[root] / rest if rest else starts[root]
        aside = used.root / "sources" / "aside"
        if path.is_dir():
            path.rename(aside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(around.mine)
        refusals = {
            used.run(*arguments).error
            for arguments in (["recover"], ["rollback", "--yes"], ["install", source, "--yes"], ["verify"])
        }
        assert refusals <= {"", "own-folder-linked", "state-folder-linked", "journal-damaged"}, (
            place,
            refusals,
        )
        assert refusals != {""} or place.endswith("unit"), place
        assert around.changed_outside() == [], place
        path.unlink()
        if aside.exists():
            aside.rename(path)


def _note(**changes: object) -> dict[str, object]:
    member = {
        "name": "tool",
        "version": "1.0",
        "digest": "0" * 64,
        "metadata": "purelib/tool-1.0.dist-info",
        "changed": [],
    }
    entry = {"path": "purelib/tool", "live_path": "/x", "kind": "folder", "mode": 493, "copied": False}
    return {
        "format": 1,
        "kind": "distribution",
        "transaction": "t",
        "displaced": "2026",
        "members": [{**member, **{key: value for key, value in changes.items() if key in member}}],
        "entries": [{**entry, **{key: value for key, value in changes.items() if key in entry}}],
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": "nowhere/x"},
        {"metadata": "../../../../etc"},
        {"metadata": "purelib/../../x"},
        {"metadata": "purelib/a\0b"},
        {"changed": ["nowhere/x"]},
        {"changed": ["purelib/../x"]},
        {"path": "../../mine"},
        {"path": "/etc"},
        {"path": "purelib/\0"},
        {"path": ""},
        {"path": "."},
        {"path": "purelib//x"},
        {"path": "C:/x"},
        {"path": "purelib\\x"},
    ],
    ids=str,
)
def test_a_payload_note_that_leads_elsewhere_is_damaged(tmp_path: Path, changes: dict[str, object]) -> None:
    """It is named, not used, and not removed."""
    folder = tmp_path / "area" / "payloads" / "unit" / "t"
    folder.mkdir(parents=True)
    (folder / "payload.json").write_text(json.dumps(_note(**changes)))
    found = PayloadStore(tmp_path / "area").list()
    assert found.payloads == ()
    assert [each.code for each in found.findings] == ["payload-damaged"]


def test_a_payload_that_claims_another_place_is_not_brought_back(
    used: Installation, around: Surroundings
) -> None:
    """Its note may say that a file belongs anywhere; the roots of the environment bind all the same."""
    for path in (used.area / "payloads").glob("*/*/payload.json"):
        note = json.loads(path.read_text())
        for entry in note["entries"]:
            entry["live_path"] = str(around.mine / "planted")
        path.write_text(json.dumps(note))
    survives(used, around)
    assert not (around.mine / "planted").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "1.0\n--index-url http://127.0.0.1:9/simple"},
        {"version": "1.0\r--find-links=/etc"},
        {"version": "1.0\\"},
        {"name": "-r /etc/passwd"},
        {"name": "tool @ file:///etc/passwd #"},
        {"hashes": ["sha256:" + "0" * 64, "\x1b[31m", ""]},
        {"url": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_an_imported_snapshot_is_only_a_wish(
    used: Installation, around: Surroundings, changes: dict[str, object]
) -> None:
    """Its names and versions reach uv as names and versions, or not at all."""
    shared = used.root / "shared.json"
    known = used.run("snapshot", "list").document["snapshots"][0]["id"]
    assert used.run("snapshot", "export", known, str(shared)).code == 0
    value = json.loads(shared.read_text())
    value["id"] = "20200101-000000-000ffff"
    for dist in value["distributions"]:
        dist.update({"version": "1.0", "record_digest": "1" * 64, **changes})
    shared.write_text(json.dumps(value))
    around.remember()
    imported = used.run("snapshot", "import", str(shared))
    assert imported.error != "internal-error", imported
    answer = used.run("rollback", "20200101-000000-000ffff", "--yes")
    assert answer.error != "internal-error", answer
    assert "\x1b" not in answer.words + imported.words
    assert around.changed_outside() == []
    assert set(used.versions()) <= {"tool"}


def test_a_file_to_import_that_is_no_snapshot(used: Installation, around: Surroundings) -> None:
    """A proper error, at once, for each kind."""
    for bad in (*NOT_FILES, *CONTENTS):
        path = used.root / "sources" / f"{bad}.json"
        _put(path, bad, around)
        answer = used.run("snapshot", "import", str(path))
        assert answer.code in (1, 2, 3), (bad, answer)
        assert answer.error not in ("", "internal-error"), (bad, answer)
    assert around.changed() == []


@pytest.mark.parametrize(
    "text", ["/a/\ud800", "/a/\0", "/a/" + "x/" * 5000, "/", "", "relative", "/a/..", "/a/b/../../x"]
)
def test_a_fence_holds_no_path_that_is_none(tmp_path: Path, text: str) -> None:
    """Whatever a step list may write there."""
    assert not Fence([tmp_path]).holds(Path(text))


def test_a_hidden_folder_that_is_a_link_is_no_root(tmp_path: Path) -> None:
    """Else recovery could be sent anywhere by it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / ".safe-install").symlink_to(tmp_path / "mine")
    assert not Fence([tmp_path / ".safe-install"]).holds(tmp_path / "mine" / "x")
    assert not Fence([tmp_path / ".safe-install"]).holds(tmp_path / ".safe-install" / "x")


def test_errors_speak_without_escapes() -> None:
    """Whoever prints one need not think of it."""
    error = SafeInstallError("x", "a\x1b[31m\x9bb", context={"k": "\x07"})
    assert "\x1b" not in str(error)
    assert error.context == {"k": ""}
