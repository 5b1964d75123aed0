"""When the disk is full nothing more can be written, but the way back needs no space."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from comfyui_safe_install.resolver.errors import (
    RecoveryNeededError,
    SafeInstallError,
)
from comfyui_safe_install.resolver.transaction.journal import Journal
from comfyui_safe_install.resolver.transaction.recover import recover, unfinished
from comfyui_safe_install.resolver.transaction.steps import MakeDir, Move
from comfyui_safe_install.tests.unit.transaction.crashes import (
    fill_disk_after,
    kinds,
    no_file_longer_than,
)
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop


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
    monkeypatch.undo()
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
    # Or the recovery below would fill the disk for every later test.
    monkeypatch.undo()
    assert transaction.leftovers == ()
    assert unfinished(workshop.state) == (transaction.id,)
    assert [each.outcome for each in recover(workshop.state, workshop.roots).recovered] == ["committed"]


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


def test_steps_that_cannot_be_written_are_named(workshop: Workshop) -> None:
    """A step list that does not fit on the disk is an error of ours, and nothing has begun."""
    transaction = workshop.begin()
    with no_file_longer_than(50), pytest.raises(SafeInstallError) as caught:
        transaction.set_steps(workshop.steps())
    assert caught.value.code == "state-unwritable"
    assert [path.name for path in transaction.directory.iterdir()] == ["journal.jsonl"]
