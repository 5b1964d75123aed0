"""Where the disk stands, and when that cannot be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.transaction import fs
from comfyui_safe_install.resolver.transaction.recover import recover
from comfyui_safe_install.resolver.transaction.steps import MakeDir, Move, RemoveDir, Step
from comfyui_safe_install.resolver.transaction.walk import tangled
from comfyui_safe_install.tests.unit.transaction.crashes import (
    applied,
    refused,
    rewrite,
)
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop


def test_a_disk_that_fits_no_position_is_refused(workshop: Workshop) -> None:
    """A file put by someone else where an old one must return is not overwritten; the error names it."""
    before = workshop.tree()
    applied(workshop)
    (workshop.live / "shared").write_text("a stranger's")
    error = refused(workshop)
    assert error.code == "step-ambiguous"
    assert str(workshop.live / "shared") in error.message
    (workshop.live / "shared").unlink()
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_a_lost_payload_is_refused(workshop: Workshop) -> None:
    """If what must return is gone, nothing is moved at all."""
    applied(workshop)
    fs.remove_tree(workshop.aside / "payloads" / "alpha")
    error = refused(workshop)
    assert error.code == "step-ambiguous"
    assert "payloads/alpha" in error.message


def test_an_act_of_the_last_intent_that_is_ambiguous_is_refused(workshop: Workshop) -> None:
    """Killed around a rename whose two names then both exist: a human has to look."""
    transaction = workshop.ready()
    step = Move(workshop.live / "single.py", workshop.aside / "old.py")
    transaction.set_steps([step])
    transaction.apply()

    def unfinished_intent(bodies: list[dict[str, object]]) -> None:
        del bodies[-2:]

    rewrite(transaction.directory / "journal.jsonl", unfinished_intent)
    step.source.write_text("a stranger's")
    error = refused(workshop)
    assert (error.code, error.context["paths"]) == ("step-ambiguous", f"{step.source}, {step.target}")


@pytest.mark.parametrize("lost", [1, 2, 5, 12, 13])
def test_renames_lost_by_a_power_cut_are_seen_on_the_disk(workshop: Workshop, lost: int) -> None:
    """The journal says done, the disk does not: recovery goes by the disk, step by step."""
    before = workshop.tree()
    transaction = applied(workshop)

    def without_the_sync(bodies: list[dict[str, object]]) -> None:
        del bodies[-1]

    rewrite(transaction.directory / "journal.jsonl", without_the_sync)
    # Going back unrecorded is what losing the last renames looks like.
    for step in reversed(workshop.steps()[-lost:]):
        if isinstance(step, Move):
            step.target.rename(step.source)
        elif isinstance(step, MakeDir):
            step.path.rmdir()
        else:
            step.path.mkdir()
            step.path.chmod(step.mode)
    report = recover(workshop.state, workshop.roots)
    assert report.recovered[0].steps_undone == len(workshop.steps()) - lost
    assert workshop.tree() == before


def test_renames_lost_in_spite_of_a_sync_are_seen_on_the_disk(workshop: Workshop) -> None:
    """Windows cannot sync a folder: the disk may be behind even what the journal takes for sure."""
    before = workshop.tree()
    applied(workshop)
    for step in reversed(workshop.steps()[-3:]):
        assert isinstance(step, Move)
        step.target.rename(step.source)
    assert recover(workshop.state, workshop.roots).recovered[0].steps_undone == len(workshop.steps()) - 3
    assert workshop.tree() == before


def test_a_tangled_list_that_fits_twice_is_refused(workshop: Workshop) -> None:
    """Two files swapped by three moves look the same before and after; without the journal's word: refuse."""
    (workshop.live / "other.py").write_text("other")
    first, second, spare = workshop.live / "single.py", workshop.live / "other.py", workshop.aside / "spare"
    steps: list[Step] = [
        Move(first, spare),
        Move(second, first),
        Move(spare, second),
        MakeDir(workshop.live / "new", 0o755),
    ]
    assert tangled(steps)
    transaction = workshop.ready(steps)
    transaction.apply()
    (workshop.live / "new").rmdir()
    recovered_by_hand = workshop.tree()

    def at_the_end(bodies: list[dict[str, object]]) -> None:
        bodies[:] = [{**body, "synced": False} if body["kind"] == "intent" else body for body in bodies[:-1]]

    rewrite(transaction.directory / "journal.jsonl", at_the_end)
    assert refused(workshop).code == "step-ambiguous"
    assert workshop.tree() == recovered_by_hand


def test_a_swap_is_undone(workshop: Workshop) -> None:
    """A tangled list is synced before each step, so its position is always known."""
    (workshop.live / "other.py").write_text("other")
    before = workshop.tree()
    first, second, spare = workshop.live / "single.py", workshop.live / "other.py", workshop.aside / "spare"
    transaction = workshop.ready([Move(first, spare), Move(second, first), Move(spare, second)])
    transaction.apply()
    assert first.read_text() == "other"
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


def test_a_folder_removed_and_made_again_gets_its_old_mode(workshop: Workshop) -> None:
    """Positions that differ in a mode only are told apart in favour of the later one."""
    folder = workshop.live / "untouched"
    before = workshop.tree()
    steps: list[Step] = [
        RemoveDir(folder, 0o755),
        MakeDir(folder, 0o700),
        MakeDir(workshop.live / "new", 0o755),
    ]
    assert not tangled(steps)
    transaction = workshop.ready(steps)
    transaction.apply()

    def without_the_sync(bodies: list[dict[str, object]]) -> None:
        del bodies[-1]

    rewrite(transaction.directory / "journal.jsonl", without_the_sync)
    (workshop.live / "new").rmdir()
    recover(workshop.state, workshop.roots)
    assert workshop.tree() == before


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("a", "p/a"), ("s/a", "a")], False),
        ([("a", "b"), ("b", "a")], True),
        ([("a", "t"), ("b", "a"), ("t", "b")], True),
        ([("a", "p/a"), ("a2", "a"), ("a/x", "y")], False),
        ([("a", "b"), ("b/x", "c"), ("b", "a"), ("c", "a/y")], True),
    ],
)
def test_tangles_are_seen(steps: list[tuple[str, str]], expected: bool) -> None:
    """A list is tangled when some move has no name of its own."""
    root = Path("/tree")
    assert tangled([Move(root / source, root / target) for source, target in steps]) is expected
