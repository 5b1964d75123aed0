"""Going back while the process lives: whatever happens, everything is as before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.errors import (
    RecoveryNeededError,
    SafeInstallError,
)
from comfyui_safe_install.resolver.transaction.journal import Journal
from comfyui_safe_install.resolver.transaction.recover import recover, unfinished
from comfyui_safe_install.resolver.transaction.steps import MakeDir, Move, RemoveDir
from comfyui_safe_install.tests.unit.transaction.crashes import (
    kinds,
)
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop, everything


def test_apply_then_roll_back_is_the_identity(workshop: Workshop) -> None:
    """Rolling back after every step was done leaves the live tree as before."""
    before = workshop.tree()
    transaction = workshop.ready()
    transaction.apply()
    assert workshop.tree() != before
    transaction.roll_back("verification found a missing file")
    assert workshop.tree() == before
    assert transaction.state is TransactionState.ROLLED_BACK
    assert not (workshop.aside / "payloads").exists()
    assert unfinished(workshop.state) == ()


@pytest.mark.parametrize("state", ["planned", "staged", "tried"])
def test_roll_back_before_applying_only_cleans_up(workshop: Workshop, state: str) -> None:
    """In the states before applying, rolling back touches nothing live and removes the stage."""
    before = workshop.tree()
    transaction = workshop.begin()
    transaction.set_steps((), remove_on_rollback=[workshop.stage])
    if state != "planned":
        transaction.advance(TransactionState.STAGED)
    if state == "tried":
        transaction.advance(TransactionState.TRIED)
    transaction.roll_back("cancelled")
    assert workshop.tree() == before
    assert not workshop.stage.exists()
    assert kinds(transaction)[-2:] == ["rolled-back", "cleaned"]


def test_a_failing_last_step_restores_everything(workshop: Workshop) -> None:
    """When the last step cannot be done, all earlier ones are taken back and the first error is raised."""
    before = workshop.tree()
    transaction = workshop.ready()
    total = len(workshop.steps())

    def block_the_last(done: int, _total: int) -> None:
        if done == total - 1:
            (workshop.live / "alpha-2.dist-info").mkdir()

    with pytest.raises(SafeInstallError) as caught:
        transaction.apply(block_the_last)
    assert caught.value.code == "step-failed"
    assert "alpha-2.dist-info" in caught.value.message
    (workshop.live / "alpha-2.dist-info").rmdir()
    assert workshop.tree() == before
    assert kinds(transaction).count("undone") == total - 1
    assert kinds(transaction)[-2:] == ["rolled-back", "cleaned"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_any_exception_while_applying_takes_the_steps_back(
    workshop: Workshop, error: type[BaseException]
) -> None:
    """Ctrl-C, an exit and a bug in the progress display all end with the tree as before."""
    before = workshop.tree()

    def stop(done: int, _total: int) -> None:
        if done == 5:
            raise error

    with pytest.raises(error), workshop.ready() as transaction:
        transaction.apply(stop)
    assert workshop.tree() == before
    assert transaction.state is TransactionState.ROLLED_BACK


def test_leaving_the_block_by_an_exception_rolls_back(workshop: Workshop) -> None:
    """A failed verification in the with-block undoes the swap."""
    before = workshop.tree()
    with pytest.raises(LookupError), workshop.ready() as transaction:  # noqa: PT012 (a story)
        transaction.apply()
        raise LookupError
    assert workshop.tree() == before
    assert unfinished(workshop.state) == ()


def test_an_impossible_plan_touches_nothing_and_names_all_faults(workshop: Workshop) -> None:
    """The preflight finds every fault before the first step; the transaction is then rolled back."""
    before = everything(workshop.live)
    steps = [
        *workshop.steps(),
        Move(workshop.live / "nowhere", workshop.aside / "x"),
        MakeDir(workshop.live / "made", 0o700),
    ]
    transaction = workshop.ready(steps)
    with pytest.raises(SafeInstallError) as caught:
        transaction.apply()
    assert caught.value.code == "preflight-failed"
    assert caught.value.context["count"] == "2"
    assert "nowhere does not exist" in caught.value.context["faults"]
    assert "made exists already" in caught.value.context["faults"]
    assert everything(workshop.live) == before
    assert transaction.state is TransactionState.ROLLED_BACK
    assert not workshop.stage.exists()


def test_a_parent_made_a_link_meanwhile_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    """A link that appears on the way while steps are done cannot lead a step out of the roots."""
    before = workshop.tree()
    outside = tmp_path / "outside"
    outside.mkdir()

    def swap(done: int, _total: int) -> None:
        if done == 6:
            (workshop.live / "made").rmdir()
            (workshop.live / "made").symlink_to(outside)

    with pytest.raises(RecoveryNeededError) as caught:
        workshop.ready().apply(swap)
    assert caught.value.code == "undo-failed"
    assert "is not inside the folders" in caught.value.context["first-error"]
    assert list(outside.iterdir()) == []
    (workshop.live / "made").unlink()
    (workshop.live / "made").mkdir()
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_a_blocked_way_back_can_be_recovered_later(workshop: Workshop) -> None:
    """An undo that fails leaves the journal for recovery, names both errors, and is not tried twice."""
    before = workshop.tree()

    def block(done: int, _total: int) -> None:
        if done == 7:
            (workshop.live / "made" / "stranger").write_text("put here by someone else")
            raise LookupError("first")

    with pytest.raises(RecoveryNeededError) as caught, workshop.ready() as transaction:
        transaction.apply(block)
    assert caught.value.code == "undo-failed"
    assert caught.value.context["first-error"] == "first"
    assert (
        "stranger" in caught.value.context["undo-error"] or "not empty" in caught.value.context["undo-error"]
    )
    with pytest.raises(RecoveryNeededError) as refused:
        workshop.begin()
    assert refused.value.code == "recovery-needed"
    with pytest.raises(RecoveryNeededError):
        recover(workshop.state, workshop.roots)
    (workshop.live / "made" / "stranger").unlink()
    report = recover(workshop.state, workshop.roots)
    assert workshop.tree() == before
    assert report.recovered[0].id == transaction.id


def test_bytecode_in_a_made_folder_does_not_block_the_way_back(workshop: Workshop) -> None:
    """A trial import may leave __pycache__ in a folder we made; undo removes it with the folder."""
    before = workshop.tree()
    transaction = workshop.ready()
    transaction.apply()
    (workshop.live / "made" / "__pycache__").mkdir()
    (workshop.live / "made" / "__pycache__" / "x.pyc").write_bytes(b"\0")
    transaction.roll_back("verification failed")
    assert workshop.tree() == before


def test_a_second_writer_stops_the_way_back(workshop: Workshop) -> None:
    """Whoever else writes into the journal (a recovery without the lock) may be moving files too."""
    before = workshop.tree()

    def intrude(done: int, _total: int) -> None:
        if done == 3:
            journal = Journal(transaction.directory / "journal.jsonl")
            journal.append({"kind": "undo", "step": 2, "synced": True})
            raise LookupError

    transaction = workshop.ready()
    with pytest.raises(RecoveryNeededError) as caught:
        transaction.apply(intrude)
    assert "Something else wrote" in caught.value.context["undo-error"]
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_a_rename_that_worked_although_it_was_refused_is_taken_back(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system may report the error of a repeated request; the disk knows better."""
    before = workshop.tree()
    real = os.rename

    def work_and_refuse(source: Path, target: Path) -> None:
        real(source, target)
        if source == workshop.live / "link":
            raise FileNotFoundError(2, "No such file or directory")

    transaction = workshop.ready()
    monkeypatch.setattr(os, "rename", work_and_refuse)
    with pytest.raises(SafeInstallError) as caught:
        transaction.apply()
    assert caught.value.code == "step-failed"
    assert workshop.tree() == before
    assert "failed" not in kinds(transaction)


def test_a_removed_folder_comes_back_with_its_mode(workshop: Workshop) -> None:
    """Undo gives a folder its old permission bits whatever the umask of the moment."""
    (workshop.live / "untouched").chmod(0o2775)
    before = workshop.tree()
    transaction = workshop.ready([RemoveDir(workshop.live / "untouched", 0o2775)])
    old = os.umask(0o077)
    try:
        transaction.apply()
        transaction.roll_back("try it")
    finally:
        os.umask(old)
    assert workshop.tree() == before
