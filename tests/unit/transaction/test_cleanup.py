"""What may be deleted afterwards, and what never."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.errors import (
    RecoveryNeededError,
    SafeInstallError,
)
from comfyui_safe_install.resolver.transaction import fs
from comfyui_safe_install.resolver.transaction.recover import recover, unfinished
from comfyui_safe_install.resolver.transaction.steps import Move
from comfyui_safe_install.tests.unit.transaction.crashes import (
    applied,
)
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop


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


@pytest.mark.parametrize("end", ["committed", "rolled-back"])
def test_a_missing_cleanup_is_made_up_for(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Killed right after its last state line, a transaction keeps its outcome; only the leftovers go."""

    def die(_path: Path) -> None:
        raise KeyboardInterrupt

    transaction = applied(workshop)
    with monkeypatch.context() as patched:
        patched.setattr(fs, "remove_tree", die)
        if end == "committed":
            with pytest.raises(KeyboardInterrupt):
                transaction.commit()
        else:
            with pytest.raises(RecoveryNeededError):
                transaction.roll_back("try it")
    tree = workshop.tree()
    report = recover(workshop.state, workshop.roots)
    assert workshop.tree() == tree
    assert not workshop.stage.exists()
    assert report.recovered[0].outcome == ("committed" if end == "committed" else "cleaned")
    assert "cleaned up" in report.lines()[0]
