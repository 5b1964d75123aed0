"""The transaction's promise while its process lives."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.errors import RecoveryNeededError, RefusedError, SafeInstallError
from comfyui_safe_install.resolver.transaction import fs
from comfyui_safe_install.resolver.transaction.history import read_transactions
from comfyui_safe_install.resolver.transaction.journal import Journal, read_journal
from comfyui_safe_install.resolver.transaction.recover import deferred, recover, unfinished
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.resolver.transaction.steps import MakeDir, Move, RemoveDir
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop, everything


def kinds(transaction: Transaction) -> list[str]:
    """The journal in short."""
    bodies = [entry.body for entry in read_journal(transaction.directory / "journal.jsonl")]
    return [str(body["state"] if body["kind"] == "state" else body["kind"]) for body in bodies]


def test_a_transaction_goes_from_plan_to_commit(workshop: Workshop) -> None:
    """A committed transaction has done every step, kept the old files, removed the stage, and is settled."""
    seen: list[tuple[int, int]] = []
    with workshop.ready() as transaction:
        transaction.apply(lambda done, total: seen.append((done, total)))
        assert transaction.state is TransactionState.VERIFYING
        transaction.commit()
    total = len(workshop.steps())
    assert seen == [(number, total) for number in range(1, total + 1)]
    assert (workshop.live / "alpha" / "__init__.py").read_text() == "version = 2\n"
    assert (workshop.aside / "payloads" / "alpha" / "__init__.py").read_text() == "version = 1\n"
    assert not workshop.stage.exists()
    assert transaction.leftovers == ()
    assert unfinished(workshop.state) == ()
    lines = kinds(transaction)
    assert lines[:4] == ["planned", "staged", "tried", "applying"]
    assert lines[4:-3] == ["intent", "done"] * total
    assert lines[-3:] == ["verifying", "committed", "cleaned"]


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


def test_leaving_the_block_in_peace_leaves_the_transaction_open(workshop: Workshop) -> None:
    """Without commit and without exception nothing is decided; the next start rolls it back."""
    before = workshop.tree()
    with workshop.ready() as transaction:
        transaction.apply()
    assert unfinished(workshop.state) == (transaction.id,)
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_an_exception_after_commit_changes_nothing(workshop: Workshop) -> None:
    """What is committed stays, whatever happens later in the block."""
    with pytest.raises(LookupError), workshop.ready() as transaction:  # noqa: PT012 (a story)
        transaction.apply()
        transaction.commit()
        after = workshop.tree()
        raise LookupError
    assert workshop.tree() == after


def test_an_interrupt_right_after_the_commit_line_keeps_the_commit(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line on the disk decides, even when the process had no time to take note of it."""
    append = Journal.append

    def append_then_interrupt(journal: Journal, body: dict[str, object]) -> None:
        append(journal, body)
        if body.get("state") == "committed":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), workshop.ready() as transaction:  # noqa: PT012 (a story)
        transaction.apply()
        after = workshop.tree()
        monkeypatch.setattr(Journal, "append", append_then_interrupt)
        transaction.commit()
    assert workshop.tree() == after
    assert transaction.state is TransactionState.COMMITTED
    assert not workshop.stage.exists()
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


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow beyond `size` bytes."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def fill_disk_after(step: int, transaction: Transaction, stack: ExitStack) -> Callable[[int, int], None]:
    """A callback after which the journal has room for half a line."""

    def fill(done: int, _total: int) -> None:
        if done == step:
            stack.enter_context(
                no_file_longer_than((transaction.directory / "journal.jsonl").stat().st_size + 30)
            )

    return fill


def test_a_full_disk_while_applying_still_ends_as_before(workshop: Workshop) -> None:
    """When no journal line can be written any more, the way back is gone without; recovery notes it later."""
    before = workshop.tree()
    transaction = workshop.ready()
    with pytest.raises(RecoveryNeededError) as caught, ExitStack() as stack:
        transaction.apply(fill_disk_after(6, transaction, stack))
    assert caught.value.code == "undo-failed"
    assert "cannot be written" in caught.value.context["first-error"]
    assert workshop.tree() == before
    assert "undone" not in kinds(transaction)
    report = recover(workshop.state, workshop.roots)
    assert [(each.outcome, each.steps_undone) for each in report.recovered] == [("rolled-back", 0)]
    assert workshop.tree() == before


def test_a_disk_that_fills_up_on_the_way_back_does_not_stop_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the way back is in the journal, the rest only on the disk; the next recovery reads both."""
    before = workshop.tree()
    transaction = workshop.ready()
    transaction.apply()
    append = Journal.append
    with ExitStack() as stack:
        fill = fill_disk_after(9, transaction, stack)

        def append_and_fill(journal: Journal, body: dict[str, object]) -> None:
            append(journal, body)
            if body["kind"] == "undone":
                fill(int(str(body["step"])), 0)

        monkeypatch.setattr(Journal, "append", append_and_fill)
        with pytest.raises(RecoveryNeededError) as caught:
            transaction.roll_back("verification failed")
    assert caught.value.code == "undo-failed"
    assert workshop.tree() == before
    assert kinds(transaction).count("undone") == len(workshop.steps()) - 9
    report = recover(workshop.state, workshop.roots)
    assert [(each.outcome, each.steps_undone) for each in report.recovered] == [("rolled-back", 0)]
    assert workshop.tree() == before


def test_a_full_disk_at_the_very_end_only_leaves_the_note_to_recovery(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the commit line nothing can fail any more; that the cleanup is done is then noted later."""
    transaction = workshop.ready()
    transaction.apply()
    append = Journal.append
    with ExitStack() as stack:
        fill = fill_disk_after(0, transaction, stack)

        def append_and_fill(journal: Journal, body: dict[str, object]) -> None:
            append(journal, body)
            fill(0, 0)

        monkeypatch.setattr(Journal, "append", append_and_fill)
        transaction.commit()
    assert transaction.leftovers == ()
    assert unfinished(workshop.state) == (transaction.id,)
    assert [each.outcome for each in recover(workshop.state, workshop.roots).recovered] == ["committed"]


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


def test_a_commit_that_cannot_be_written_can_be_rolled_back(workshop: Workshop) -> None:
    """If the commit line does not fit on the disk, it is not committed."""
    before = workshop.tree()
    transaction = workshop.ready()
    transaction.apply()
    journal = transaction.directory / "journal.jsonl"
    with no_file_longer_than(journal.stat().st_size + 10), pytest.raises(SafeInstallError) as caught:
        transaction.commit()
    assert caught.value.code == "journal-unwritable"
    transaction.roll_back("no space")
    assert workshop.tree() == before
    assert kinds(transaction)[-2:] == ["rolled-back", "cleaned"]


def test_a_tangled_plan_is_not_undone_without_a_journal(workshop: Workshop) -> None:
    """Where the disk alone cannot tell the position, undo waits until the journal can be written again."""
    (workshop.live / "other.py").write_text("other\n")
    before = workshop.tree()
    spare = workshop.aside / "spare"
    swap = [
        Move(workshop.live / "single.py", spare),
        Move(workshop.live / "other.py", workshop.live / "single.py"),
        Move(spare, workshop.live / "other.py"),
    ]
    transaction = workshop.ready([*swap, MakeDir(workshop.live / "made", 0o700)])
    with pytest.raises(RecoveryNeededError) as caught, ExitStack() as stack:
        transaction.apply(fill_disk_after(2, transaction, stack))
    assert caught.value.code == "undo-failed"
    assert workshop.tree() != before
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A transaction that cannot even begin says which folder is in the way."""
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(SafeInstallError) as caught:
        Transaction.begin(tmp_path / "state", operation="install", roots=[tmp_path], summary={})
    assert caught.value.code == "state-unwritable"


def test_steps_that_cannot_be_written_are_named(workshop: Workshop) -> None:
    """A step list that does not fit on the disk is an error of ours, and nothing has begun."""
    transaction = workshop.begin()
    with no_file_longer_than(50), pytest.raises(SafeInstallError) as caught:
        transaction.set_steps(workshop.steps())
    assert caught.value.code == "state-unwritable"
    assert [path.name for path in transaction.directory.iterdir()] == ["journal.jsonl"]


def test_only_one_transaction_is_open_at_a_time(workshop: Workshop) -> None:
    """A second one is refused, and the error names the first."""
    first = workshop.begin("install alpha")
    with pytest.raises(RecoveryNeededError) as caught:
        workshop.begin("install beta")
    assert caught.value.context["transaction"] == first.id
    assert caught.value.context["operation"] == "install alpha"
    assert [hint.code for hint in caught.value.hints] == ["recover"]


def test_ids_sort_by_age_even_when_the_clock_jumps_back(workshop: Workshop) -> None:
    """A transaction begun after one that is dated in the future still gets the greater id."""
    future = workshop.begin()
    future.roll_back("only here to be renamed")
    folder = future.directory.parent
    future.directory.rename(folder / "20991231T235959999999Z-ffff")
    ids = []
    for _ in range(3):
        transaction = workshop.begin()
        transaction.roll_back("next")
        ids.append(transaction.id)
    assert ["20991231T235959999999Z-ffff", *ids] == sorted(["20991231T235959999999Z-ffff", *ids])
    assert [record.id for record in read_transactions(workshop.state)] == [
        "20991231T235959999999Z-ffff",
        *ids,
    ]


def test_debris_of_an_unborn_transaction_is_swept(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder left by a kill before the first line does not count and goes with the next transaction."""
    workshop.begin().roll_back("make the folder")
    unborn = workshop.state / "transactions" / ".new-20260101T000000000000Z-abcd"
    unborn.mkdir()
    (unborn / "journal.jsonl").write_text("torn")
    assert unfinished(workshop.state) == ()
    with monkeypatch.context() as patched:

        def refuse(_path: Path) -> None:
            raise PermissionError

        patched.setattr(fs, "remove_tree", refuse)
        workshop.begin().roll_back("debris that cannot be deleted is in nobody's way")
    workshop.begin()
    assert not unborn.exists()


def test_states_are_entered_in_order_only(workshop: Workshop) -> None:
    """Each method refuses a state it does not belong to, and says so."""
    transaction = workshop.begin()
    for act in (
        transaction.apply,
        transaction.commit,
        transaction.defer,
        lambda: transaction.advance(TransactionState.TRIED),
        lambda: transaction.advance(TransactionState.COMMITTED),
        lambda: transaction.advance(TransactionState.ROLLED_BACK),
    ):
        with pytest.raises(SafeInstallError) as caught:
            act()
        assert caught.value.code == "wrong-state"
    transaction.roll_back("enough")
    for act in (lambda: transaction.roll_back("again"), lambda: transaction.set_steps(())):
        with pytest.raises(SafeInstallError) as caught:
            act()
        assert caught.value.code == "wrong-state"


def test_facts_must_be_json(workshop: Workshop) -> None:
    """A fact that JSON cannot hold is a TypeError before anything is written."""
    transaction = workshop.begin()
    with pytest.raises(TypeError):
        transaction.advance(TransactionState.STAGED, what=object())
    assert kinds(transaction) == ["planned"]


@pytest.mark.parametrize("place", ["", "live", "state/transactions", "../elsewhere", "live/link/../../x"])
def test_cleanup_outside_is_refused(workshop: Workshop, place: str) -> None:
    """Neither a root, nor the transactions, nor anything outside can be listed for deletion."""
    with pytest.raises(SafeInstallError) as caught:
        workshop.begin().set_steps((), remove_on_commit=[workshop.root / place])
    assert caught.value.code == "cleanup-refused"


def test_cleanup_inside_the_state_folder_is_allowed(workshop: Workshop) -> None:
    """A work folder of ours may go with the transaction."""
    (workshop.state / "work").mkdir()
    transaction = workshop.begin()
    transaction.set_steps((), remove_on_rollback=[workshop.state / "work"])
    transaction.roll_back("done with it")
    assert not (workshop.state / "work").exists()


def test_a_payload_that_was_there_before_is_not_cleaned_up(workshop: Workshop) -> None:
    """When a target exists already, the refused change does not delete what stands there."""
    older = workshop.aside / "payloads" / "alpha"
    older.mkdir(parents=True)
    (older / "old.py").write_text("the only copy of an older version")
    steps = [Move(workshop.live / "alpha", older)]
    transaction = workshop.ready(steps)
    with pytest.raises(SafeInstallError) as caught:
        transaction.apply()
    assert caught.value.code == "preflight-failed"
    assert (older / "old.py").exists()
    assert not workshop.stage.exists()
    assert unfinished(workshop.state) == ()


def test_a_leftover_that_is_in_use_does_not_undo_the_commit(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that cannot be deleted (Windows: a loaded DLL) is reported; the next recovery removes it."""

    def in_use(_path: Path) -> None:
        raise PermissionError

    transaction = workshop.ready()
    transaction.apply()
    with monkeypatch.context() as patched:
        patched.setattr(fs, "remove_tree", in_use)
        transaction.commit()
        assert transaction.leftovers == (workshop.stage,)
        report = recover(workshop.state, workshop.roots)
        assert report.recovered[0].leftovers == (workshop.stage,)
        assert "not deleted yet" in report.lines()[0]
    assert transaction.state is TransactionState.COMMITTED
    workshop.begin().roll_back("leftovers block nobody")
    assert [each.outcome for each in recover(workshop.state, workshop.roots).recovered] == ["committed"]
    assert not workshop.stage.exists()
    assert recover(workshop.state, workshop.roots).recovered == ()


def test_a_deferred_transaction_waits_and_is_resumed(workshop: Workshop) -> None:
    """Deferred until the next start: recovery leaves it alone, begin refuses, resume applies it."""
    first = workshop.ready()
    first.defer()
    assert deferred(workshop.state) == (first.id,)
    assert unfinished(workshop.state) == ()
    assert recover(workshop.state, workshop.roots).recovered == ()
    assert workshop.stage.exists()
    with pytest.raises(RefusedError) as caught:
        workshop.begin()
    assert caught.value.code == "deferred-waiting"
    with Transaction.resume(workshop.state, first.id, workshop.roots) as transaction:
        transaction.apply()
        transaction.commit()
    assert (workshop.live / "alpha" / "__init__.py").read_text() == "version = 2\n"
    assert deferred(workshop.state) == ()
    with pytest.raises(SafeInstallError) as wrong:
        Transaction.resume(workshop.state, first.id, workshop.roots)
    assert wrong.value.code == "wrong-state"


def test_a_deferred_transaction_interrupted_while_applying_is_recovered(workshop: Workshop) -> None:
    """Once it was resumed it is like any other: no commit line, no change; and it does not wait any more."""
    before = workshop.tree()
    workshop.ready().defer()
    with Transaction.resume(workshop.state, deferred(workshop.state)[0], workshop.roots) as transaction:
        transaction.apply()
    assert deferred(workshop.state) == ()
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_a_deferred_transaction_can_be_cancelled(workshop: Workshop) -> None:
    """Rolling a waiting transaction back removes its stage and frees the way."""
    workshop.ready().defer()
    Transaction.resume(workshop.state, deferred(workshop.state)[0], workshop.roots).roll_back("cancelled")
    assert not workshop.stage.exists()
    workshop.begin()


def test_an_empty_transaction_commits(workshop: Workshop) -> None:
    """No steps at all is a change too (packs only, say): it runs through every state."""
    before = workshop.tree()
    transaction = workshop.begin()
    transaction.advance(TransactionState.STAGED)
    transaction.advance(TransactionState.TRIED)
    transaction.apply()
    transaction.commit()
    assert workshop.tree() == before
    assert kinds(transaction) == [
        "planned", "staged", "tried", "applying", "verifying", "committed", "cleaned"
    ]  # fmt: skip


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


def test_the_transaction_says_where_its_files_are(workshop: Workshop) -> None:
    """The id is the folder's name, so a caller can keep its plan beside the journal."""
    transaction = workshop.begin()
    assert transaction.directory == workshop.state / "transactions" / transaction.id
    (transaction.directory / "plan.json").write_text("{}")
    transaction.roll_back("done")
    assert hash_tree(transaction.directory).keys() == {"journal.jsonl", "plan.json"}
