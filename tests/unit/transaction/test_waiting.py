"""A transaction that waits: the way there, its journal, its steps and its note."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.errors import RecoveryNeededError, SafeInstallError
from comfyui_safe_install.resolver.transaction import folder
from comfyui_safe_install.resolver.transaction.deferred.bytecode import follow_bytecode
from comfyui_safe_install.resolver.transaction.deferred.note import Note, load_note, note_of, save_note
from comfyui_safe_install.resolver.transaction.deferred.settling import read_entries, settle
from comfyui_safe_install.resolver.transaction.history import (
    committed_since,
    last_committed,
    read_transactions,
)
from comfyui_safe_install.resolver.transaction.recover import deferred, recover, unfinished
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.resolver.transaction.steps import FilesLockedError, MakeDir, Move, RemoveDir
from comfyui_safe_install.tests.kit.locked_files import refuse_renames
from comfyui_safe_install.tests.unit.transaction.crashes import kinds
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """`live/link` cannot be moved, as on Windows while somebody uses it."""
    monkeypatch.setattr(os, "rename", os.rename)
    refuse_renames("*/live/link")


def comes_to_wait(workshop: Workshop, note: Note | None = None) -> Transaction:
    """A transaction whose files were in use."""
    with workshop.ready() as transaction:
        with pytest.raises(FilesLockedError):
            transaction.apply(may_wait=True)
        assert transaction.can_wait
        transaction.defer(note.to_dict() if note else {})
    return transaction


@pytest.mark.usefixtures("locked")
def test_files_in_use_are_taken_back_and_wait(workshop: Workshop) -> None:
    """Everything is as before, the stage stays, and the journal ends with one line that says so."""
    before = workshop.tree()
    transaction = comes_to_wait(workshop)
    assert workshop.tree() == before
    assert workshop.stage.exists()
    assert (deferred(workshop.state), unfinished(workshop.state)) == ((transaction.id,), ())
    assert kinds(transaction)[-3:] == ["undo", "undone", "deferred"]
    assert transaction.state is TransactionState.TRIED


@pytest.mark.usefixtures("locked")
def test_one_that_does_not_wait_is_rolled_back(workshop: Workshop) -> None:
    """Left by the error, or never deferred, it is gone, with its stage."""
    before = workshop.tree()
    with pytest.raises(FilesLockedError), workshop.ready() as transaction:
        transaction.apply(may_wait=True)
    assert (workshop.tree(), workshop.stage.exists()) == (before, False)
    assert deferred(workshop.state) == ()
    assert "Could not move" in read_transactions(workshop.state)[-1].reason


@pytest.mark.usefixtures("locked")
def test_tries_are_counted_and_it_can_be_applied_at_last(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time it is taken up in vain counts; the last time it ends where it was to end."""
    first = comes_to_wait(workshop)
    for tries in (1, 2):
        with Transaction.resume(workshop.state, first.id, workshop.roots) as transaction:
            with pytest.raises(FilesLockedError):
                transaction.apply(may_wait=True)
            transaction.defer({})
        assert read_transactions(workshop.state)[0].tries == tries
    monkeypatch.undo()
    with Transaction.resume(workshop.state, first.id, workshop.roots) as transaction:
        transaction.apply(may_wait=True)
        transaction.commit()
    assert (workshop.live / "alpha" / "__init__.py").read_text() == "version = 2\n"
    (record,) = read_transactions(workshop.state)
    assert (record.was_deferred, record.deferred, record.tries) == (True, False, 2)


def test_a_locked_file_of_a_change_that_may_not_wait_ends_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without leave to wait it is rolled back, and cannot be deferred afterwards."""
    monkeypatch.setattr(os, "rename", os.rename)
    refuse_renames("*/live/link")
    transaction = workshop.ready()
    with pytest.raises(FilesLockedError) as caught:
        transaction.apply()
    assert caught.value.paths == (workshop.live / "link", workshop.aside / "payloads" / "link")
    assert transaction.state is TransactionState.ROLLED_BACK
    with pytest.raises(SafeInstallError):
        transaction.defer()


def test_the_last_commit_is_not_always_the_newest_id(workshop: Workshop) -> None:
    """What had waited may be committed after a newer one; then it is what `rollback` goes back from."""
    waiting = workshop.ready()
    waiting.defer(Note(why="asked").to_dict())
    other = workshop.begin("install other")
    for state in (TransactionState.STAGED, TransactionState.TRIED):
        other.advance(state)
    other.apply()
    other.commit()
    assert (last := last_committed(workshop.state)) is not None
    assert last.id == other.id
    with Transaction.resume(workshop.state, waiting.id, workshop.roots) as transaction:
        transaction.apply()
        transaction.commit()
    assert (last := last_committed(workshop.state)) is not None
    assert last.id == waiting.id
    assert [each.id for each in committed_since(workshop.state, other.id)] == [waiting.id]
    assert [each.id for each in committed_since(workshop.state, "")] == [other.id, waiting.id]


@pytest.mark.parametrize("named", [False, True])
def test_new_steps_of_one_that_waits_are_never_half_there(workshop: Workshop, *, named: bool) -> None:
    """Killed before or after the journal names the new list: it waits with the old one or the new one."""
    transaction = workshop.ready()
    transaction.defer({})
    steps = transaction.steps[:-2]
    resumed = Transaction.resume(workshop.state, transaction.id, workshop.roots)
    with pytest.MonkeyPatch.context() as patched:
        killed = "adopt_steps" if named else "_note_waiting"
        patched.setattr(folder if named else Transaction, killed, _die)
        with pytest.raises(KeyboardInterrupt):
            resumed.replace_steps(steps)
    again = Transaction.resume(workshop.state, transaction.id, workshop.roots)
    assert again.steps == (steps if named else transaction.steps)
    again.apply()
    again.commit()


def _die(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


def test_bytecode_is_followed(workshop: Workshop) -> None:
    """New bytecode in a folder that is to be removed goes along and comes back; what is gone is not asked for."""
    live, payload = workshop.live, workshop.aside / "payloads"
    shared, cache = live / "shared", live / "shared" / "__pycache__"
    (live / "kept" / "__pycache__").mkdir(parents=True)
    gone = live / "kept" / "__pycache__" / "old.pyc"
    gone.write_bytes(b"old")
    transaction = workshop.ready(
        [
            MakeDir(payload, 0o700),
            Move(shared / "one.py", payload / "one.py"),
            Move(gone, payload / "old.pyc"),
            RemoveDir(shared, 0o750),
        ]
    )
    transaction.defer({})
    gone.unlink()
    cache.mkdir()
    (cache / "one.pyc").write_bytes(b"new")
    before = workshop.tree()
    shutil.rmtree(workshop.stage)
    for ends_well in (False, True):
        resumed = Transaction.resume(workshop.state, transaction.id, workshop.roots)
        follow_bytecode(resumed)
        resumed = Transaction.resume(workshop.state, transaction.id, workshop.roots)
        if not ends_well:
            continue
        resumed.apply()
        assert not shared.exists()
        resumed.roll_back("to see it come back")
    assert workshop.tree() == before


def test_a_note_is_read_strictly(tmp_path: Path) -> None:
    """What is no note, of another format, or not what was written, is refused with what to do."""
    note = Note(why="asked", known={"a": "b"}, record=({"x": 1},), relied=("a",))
    digest = save_note(tmp_path, note.to_dict())
    assert load_note(tmp_path, digest) == note
    assert note_of(json.loads(json.dumps(note.to_dict()))) == note
    path = folder.note_path(tmp_path)
    for value in (
        "nonsense", "[]", "{}", json.dumps({**note.to_dict(), "format": 2}),
        json.dumps({**note.to_dict(), "known": ["a"]}), json.dumps({**note.to_dict(), "relied": "a"}),
        json.dumps({**note.to_dict(), "record": [1]}), json.dumps({**note.to_dict(), "more": 1}), "[" * 100_000,
    ):  # fmt: skip
        path.write_text(value)
        with pytest.raises(SafeInstallError) as caught:
            load_note(tmp_path)
        assert caught.value.code == "note-damaged"
    path.write_text(json.dumps(note.to_dict()))
    with pytest.raises(SafeInstallError):
        load_note(tmp_path, digest)


def test_what_follows_the_commit_is_done_once_and_made_good_after_a_kill(workshop: Workshop) -> None:
    """Killed right after the commit line, recovery writes the record; a second time adds nothing."""
    note = Note(why="asked", record=({"decision": {"package": "x"}},), artefacts={"x": {"version": "1"}})
    transaction = workshop.ready()
    transaction.defer(note.to_dict())
    resumed = Transaction.resume(workshop.state, transaction.id, workshop.roots)
    resumed.apply()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Transaction, "_clean", _die)
        with pytest.raises(KeyboardInterrupt):
            resumed.commit()
    assert read_entries(workshop.state) == []
    assert [each.outcome for each in recover(workshop.state, workshop.roots).recovered] == ["committed"]
    for _ in range(2):
        (entry,) = read_entries(workshop.state)
        assert (entry["transaction"], entry["decision"]) == (transaction.id, {"package": "x"})
        assert settle(workshop.state, transaction.directory)
    assert json.loads((workshop.state / "artefacts.json").read_text()) == {"x": {"version": "1"}}


def test_what_cannot_be_written_after_the_commit_is_tried_again(workshop: Workshop) -> None:
    """The change stands; the stage stays too until the record could be written."""
    transaction = workshop.ready()
    transaction.defer(Note(why="asked", record=({"decision": {}},)).to_dict())
    (workshop.state / "record.jsonl").mkdir()
    resumed = Transaction.resume(workshop.state, transaction.id, workshop.roots)
    resumed.apply()
    resumed.commit()
    assert unfinished(workshop.state) == (transaction.id,)
    (workshop.state / "record.jsonl").rmdir()
    recover(workshop.state, workshop.roots)
    assert unfinished(workshop.state) == ()
    assert len(read_entries(workshop.state)) == 1
    assert not workshop.stage.exists()


def test_one_whose_list_is_damaged_can_be_given_up(workshop: Workshop) -> None:
    """It is never applied; without its list it can still be rolled back, for nothing of it is live."""
    before = workshop.tree()
    transaction = workshop.ready()
    transaction.defer({})
    folder.steps_path(transaction.directory).write_text("{}")
    with pytest.raises(RecoveryNeededError) as caught:
        Transaction.resume(workshop.state, transaction.id, workshop.roots)
    assert [hint.code for hint in caught.value.hints] == ["inspect-steps"]
    assert transaction.id in caught.value.hints[0].text
    Transaction.resume(workshop.state, transaction.id, workshop.roots, without_steps=True).roll_back(
        "given up"
    )
    assert workshop.tree() == before
    assert deferred(workshop.state) == ()
