"""The targets that read what lies in our own folders: journals, steps, snapshots, notes, owners."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress

from comfyui_safe_install.resolver.core.layout import Layout
from comfyui_safe_install.resolver.core.snapshot import from_dict, to_dict
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.payload import read_payload
from comfyui_safe_install.resolver.io.payloads import PayloadStore
from comfyui_safe_install.resolver.io.snapshots import SnapshotStore
from comfyui_safe_install.resolver.transaction.folder import StepList, load_steps
from comfyui_safe_install.resolver.transaction.history import read_transactions
from comfyui_safe_install.resolver.transaction.journal import Journal, last_body, read_journal
from comfyui_safe_install.resolver.transaction.locks.owners import read_owner
from comfyui_safe_install.resolver.transaction.progress import Progress, read_progress
from comfyui_safe_install.resolver.transaction.recover import recover
from comfyui_safe_install.tests.fuzz.ground import place, put, rooted

_ID = "20260101T000000000000Z-0000"


def journal(raw: bytes) -> None:
    """A journal, from its bytes to what it says, and everything that lists it. Nothing is recovered by it."""
    state = place() / "state"
    path = put(f"state/transactions/{_ID}/journal.jsonl", raw)
    steps = path.with_name("steps.json")
    if not steps.exists():
        steps.write_text(json.dumps(StepList().to_dict()))
    last_body(path)
    with suppress(SafeInstallError):
        read_progress(read_journal(path), path)
    for each in read_transactions(state):
        json.dumps(each.to_dict())


def journal_bodies(raw: bytes) -> None:
    """The bodies of journal lines (JSON, one a line), with right checksums: the grammar behind the bytes."""
    path = place() / "bodies.jsonl"
    path.unlink(missing_ok=True)
    writer = Journal(path)
    for line in raw.splitlines()[:20]:
        try:
            body = json.loads(line)
            if isinstance(body, dict):
                writer.append(body)
        except (ValueError, RecursionError, TypeError):
            continue
    try:
        read_progress(read_journal(path), path)
    except SafeInstallError:
        return


def steps(raw: bytes) -> None:
    """A steps.json, with nothing begun; every path is inside the roots, and it can be written again."""
    directory = put("steps/steps.json", rooted(raw)).parent
    root = place() / "root"
    root.mkdir(exist_ok=True)
    try:
        found = load_steps(directory, _planned(), roots=[root], state_dir=place() / "state")
    except SafeInstallError:
        return
    json.dumps(found.to_dict())


def recovery(raw: bytes) -> None:
    """Steps and a journal that announces the first: recovery refuses, or it changes nothing outside the root."""
    state = place() / "recovery"
    shutil.rmtree(state, ignore_errors=True)
    head, _, tail = rooted(raw).partition(b"\0\n")
    put(f"recovery/transactions/{_ID}/steps.json", head)
    put(f"recovery/transactions/{_ID}/journal.jsonl", tail)
    root = place() / "root"
    root.mkdir(exist_ok=True)
    mine = put("mine.txt", b"mine")
    try:
        recover(state, [root])
    except SafeInstallError as error:
        json.dumps(error.to_dict())
    assert mine.read_bytes() == b"mine"


def snapshot(raw: bytes) -> None:
    """A snapshot file in the store, and one to import; what was read can be written and read again."""
    store = SnapshotStore(place() / "snapshots-state")
    path = put("snapshots-state/snapshots/20260101-000000-000aaaa.json", raw)
    store.list()
    try:
        value = json.loads(raw)
        found = from_dict(value)
    except (ValueError, RecursionError):
        return
    except SafeInstallError:
        return
    finally:
        path.unlink()
    assert from_dict(json.loads(json.dumps(to_dict(found)))) == found


def payload(raw: bytes) -> None:
    """A payload note; whatever it says, its places are inside the payload."""
    folder = put("area/payloads/x/y/payload.json", raw).parent
    store = PayloadStore(place() / "area")
    store.list()
    root = str(place() / "env")
    layout = Layout.labelled(root)
    try:
        found = read_payload(folder)
    except SafeInstallError:
        return
    for entry in found.note.entries:
        assert str(found.place(entry)).startswith(str(folder))
    for member in found.note.members:
        store.find(*member.key)
        store.check(found, member, layout)


def owner(raw: bytes) -> None:
    """The file that names the owner of a lock."""
    found = read_owner(put("lock.owner", raw))
    if found is not None:
        str(found)


def _planned() -> Progress:
    """What a journal says of a transaction that has just begun."""
    path = place() / "planned.jsonl"
    path.unlink(missing_ok=True)
    writer = Journal(path)
    writer.append(
        {
            "kind": "state",
            "state": "planned",
            "at": "",
            "format": 1,
            "operation": "",
            "roots": [],
            "summary": {},
        }
    )
    return read_progress(read_journal(path), path)
