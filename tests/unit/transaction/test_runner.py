"""The way of a transaction through its states."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.errors import (
    RecoveryNeededError,
    SafeInstallError,
)
from comfyui_safe_install.resolver.transaction import fs
from comfyui_safe_install.resolver.transaction.history import find_transaction, read_newest, read_transactions
from comfyui_safe_install.resolver.transaction.journal import Journal
from comfyui_safe_install.resolver.transaction.recover import deferred, recover, unfinished
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.unit.transaction.crashes import (
    kinds,
)
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop


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


def test_the_transaction_says_where_its_files_are(workshop: Workshop) -> None:
    """The id is the folder's name, so a caller can keep its plan beside the journal."""
    transaction = workshop.begin()
    assert transaction.directory == workshop.state / "transactions" / transaction.id
    (transaction.directory / "plan.json").write_text("{}")
    transaction.roll_back("done")
    assert hash_tree(transaction.directory).keys() == {"journal.jsonl", "plan.json"}


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


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A transaction that cannot even begin says which folder is in the way."""
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(SafeInstallError) as caught:
        Transaction.begin(tmp_path / "state", operation="install", roots=[tmp_path], summary={})
    assert caught.value.code == "state-unwritable"


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


def test_leaving_the_block_in_peace_leaves_the_transaction_open(workshop: Workshop) -> None:
    """Without commit and without exception nothing is decided; the next start rolls it back."""
    before = workshop.tree()
    with workshop.ready() as transaction:
        transaction.apply()
    assert unfinished(workshop.state) == (transaction.id,)
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_a_deferred_transaction_waits_and_is_resumed(workshop: Workshop) -> None:
    """Deferred until the next start: recovery leaves it alone, others may be made, resume applies it."""
    first = workshop.ready()
    first.defer()
    assert deferred(workshop.state) == (first.id,)
    assert unfinished(workshop.state) == ()
    assert recover(workshop.state, workshop.roots).recovered == ()
    assert workshop.stage.exists()
    other = workshop.begin()
    with pytest.raises(RecoveryNeededError) as caught:
        Transaction.resume(workshop.state, first.id, workshop.roots)
    assert caught.value.context["transaction"] == other.id
    other.roll_back("never mind")
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


def test_a_page_of_the_past_is_what_all_of_it_has_there(workshop: Workshop) -> None:
    """Newest first, archived ones among them; one alone is found as well."""
    for number in range(5):
        Transaction.begin(
            workshop.state, operation=f"no. {number}", roots=workshop.roots, summary={}
        ).roll_back("enough")
    line = {
        "id": "00000000-000000-001",
        "operation": "old",
        "started": "s",
        "ended": "e",
        "state": "committed",
    }
    (workshop.state / "history.jsonl").write_text(json.dumps({**line, "summary": {}}) + "\n")
    every = tuple(reversed(read_transactions(workshop.state)))
    assert len(every) == 6
    pages = [read_newest(workshop.state, offset=offset, limit=2) for offset in (0, 2, 4, 6)]
    assert [each for page, _ in pages for each in page] == list(every)
    assert {total for _, total in pages} == {6}
    assert [find_transaction(workshop.state, each.id) for each in every] == list(every)
    assert find_transaction(workshop.state, "none") is None
