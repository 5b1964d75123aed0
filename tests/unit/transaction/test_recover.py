"""Recovery of what a dead process has left."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.errors import (
    BusyError,
    RecoveryNeededError,
    SafeInstallError,
)
from comfyui_safe_install.resolver.transaction import fs
from comfyui_safe_install.resolver.transaction.history import read_transactions
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, lock_path
from comfyui_safe_install.resolver.transaction.recover import RecoveryReport, recover, unfinished
from comfyui_safe_install.resolver.transaction.steps import Move
from comfyui_safe_install.tests.unit.transaction.crashes import (
    applied,
)
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop, everything


def test_there_is_nothing_to_do_at_first(tmp_path: Path) -> None:
    """Without a state folder, and without transactions, the report is empty and nothing is made."""
    assert recover(tmp_path / "state", [tmp_path]) == RecoveryReport()
    assert RecoveryReport().lines() == ()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_change_is_undone(workshop: Workshop) -> None:
    """Without a commit line everything goes back, and the report says so in words and as JSON."""
    before = workshop.tree()
    transaction = applied(workshop)
    report = recover(workshop.state, workshop.roots)
    assert workshop.tree() == before
    count = len(workshop.steps())
    assert len(report.lines()) == 1
    assert report.lines()[0] == (
        f"The interrupted transaction {transaction.id} (install alpha) was rolled back: "
        f"{count} steps undone, everything is as it was before."
    )
    assert json.loads(json.dumps(report.to_dict()))["recovered"][0] == {
        "id": transaction.id,
        "operation": "install alpha",
        "outcome": "rolled-back",
        "steps_undone": count,
        "leftovers": [],
    }
    assert [record.state for record in read_transactions(workshop.state)] == [TransactionState.ROLLED_BACK]


def test_running_it_twice_changes_nothing(workshop: Workshop) -> None:
    """The second recovery finds nothing and does not even rewrite a file."""
    applied(workshop)
    recover(workshop.state, workshop.roots)
    before = everything(workshop.root)
    assert recover(workshop.state, workshop.roots).recovered == ()
    assert everything(workshop.root) == before


@pytest.mark.parametrize("state", ["planned", "staged", "tried"])
def test_a_change_that_never_began_is_only_cleaned_up(workshop: Workshop, state: str) -> None:
    """Killed while staging: nothing live was touched, and the stage goes."""
    before = workshop.tree()
    transaction = workshop.begin()
    if state != "planned":
        transaction.set_steps((), remove_on_rollback=[workshop.stage])
        transaction.advance(TransactionState.STAGED)
    if state == "tried":
        transaction.advance(TransactionState.TRIED)
    report = recover(workshop.state, workshop.roots)
    assert [(each.outcome, each.steps_undone) for each in report.recovered] == [("rolled-back", 0)]
    assert workshop.tree() == before
    assert workshop.stage.exists() == (state == "planned")


def test_it_waits_for_no_one(workshop: Workshop) -> None:
    """While another process holds the lock its transaction is at work, not interrupted."""
    applied(workshop)
    with OwnerLock(lock_path(workshop.state), "install alpha"):
        with pytest.raises(BusyError) as caught:
            recover(workshop.state, workshop.roots)
        assert caught.value.context["operation"] == "install alpha"


def test_it_accepts_the_lock_of_its_caller(workshop: Workshop) -> None:
    """The engine holds the lock already and hands it in; a lock not held is a mistake."""
    before = workshop.tree()
    applied(workshop)
    lock = OwnerLock(lock_path(workshop.state), "install beta")
    with pytest.raises(SafeInstallError) as caught:
        recover(workshop.state, workshop.roots, lock=lock)
    assert caught.value.code == "lock-not-held"
    with lock:
        recover(workshop.state, workshop.roots, lock=lock)
        assert lock.held
    assert workshop.tree() == before


def test_several_unfinished_transactions_are_settled_newest_first(workshop: Workshop) -> None:
    """Two open ones cannot come about by us, but a copied folder can; the newer is undone first."""
    before = workshop.tree()
    first = workshop.ready([Move(workshop.live / "single.py", workshop.aside / "old.py")])
    first.apply()
    hidden = workshop.state / "hidden"
    first.directory.rename(hidden)
    second = workshop.ready([Move(workshop.aside / "old.py", workshop.aside / "older.py")])
    second.apply()
    hidden.rename(first.directory)
    assert unfinished(workshop.state) == (second.id, first.id)
    report = recover(workshop.state, workshop.roots)
    assert [each.id for each in report.recovered] == [second.id, first.id]
    assert workshop.tree() == before
    assert "1 step undone" in report.lines()[0]


def test_an_older_transaction_that_is_ambiguous_stops_there(workshop: Workshop) -> None:
    """The newer one is settled by then; the older one is refused and stays."""
    first = workshop.ready([Move(workshop.live / "single.py", workshop.aside / "old.py")])
    first.apply()
    hidden = workshop.state / "hidden"
    first.directory.rename(hidden)
    second = workshop.ready([Move(workshop.aside / "old.py", workshop.aside / "older.py")])
    second.apply()
    hidden.rename(first.directory)
    (workshop.live / "single.py").write_text("a stranger's")
    with pytest.raises(RecoveryNeededError) as caught:
        recover(workshop.state, workshop.roots)
    assert caught.value.code == "step-ambiguous"
    assert unfinished(workshop.state) == (first.id,)


def test_a_torn_line_behind_the_end_changes_nothing(workshop: Workshop) -> None:
    """A settled transaction stays settled whatever half line follows."""
    transaction = workshop.install()
    with (transaction.directory / "journal.jsonl").open("ab") as file:
        file.write(b'{"bo')
    assert unfinished(workshop.state) == ()


def test_a_recovery_that_is_blocked_says_so_and_can_go_on(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system error half way is named with what to do; the next run finishes."""
    before = workshop.tree()
    applied(workshop)
    real = os.rename

    def refuse_single(source: Path, target: Path) -> None:
        if target == workshop.live / "single.py":
            raise PermissionError(13, "Permission denied")
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", refuse_single)
        with pytest.raises(RecoveryNeededError) as caught:
            recover(workshop.state, workshop.roots)
    assert caught.value.code == "undo-failed"
    assert [hint.code for hint in caught.value.hints] == ["close-programs", "recover"]
    assert recover(workshop.state, workshop.roots).recovered[0].steps_undone < len(workshop.steps())
    assert workshop.tree() == before


def test_a_disk_error_while_syncing_is_named(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be made durable is not called done."""
    before = workshop.tree()
    applied(workshop)

    def broken(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(fs, "fsync_dir", broken)
        with pytest.raises(RecoveryNeededError) as caught:
            recover(workshop.state, workshop.roots)
    assert "Input/output error" in caught.value.message
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_the_history_tells_every_transaction(workshop: Workshop) -> None:
    """Oldest first, with its outcome; a damaged one does not hide the others."""
    workshop.install()
    workshop.begin("remove alpha").roll_back("cancelled")
    broken = workshop.begin("broken")
    (broken.directory / "journal.jsonl").write_bytes(b"")
    records = read_transactions(workshop.state)
    assert [record.operation for record in records] == ["install alpha", "remove alpha", ""]
    assert [record.state for record in records] == [
        TransactionState.COMMITTED,
        TransactionState.ROLLED_BACK,
        None,
    ]
    assert records[0].summary == {"packs": ["alpha"]}
    assert records[0].started < records[0].ended < records[1].started
    assert "damaged" in records[2].problem
    shown = json.loads(json.dumps([record.to_dict() for record in records]))
    assert [each["state"] for each in shown] == ["committed", "rolled-back", ""]
