"""A whole list of steps, judged before the first is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.transaction.preflight import refuse_impossible
from comfyui_safe_install.resolver.transaction.steps import MakeDir, Move, RemoveDir, Step
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop, everything


def faults(steps: list[Step], roots: list[Path]) -> list[str]:
    """What the preflight finds, without the paths."""
    with pytest.raises(SafeInstallError) as caught:
        refuse_impossible(steps, roots)
    assert caught.value.code == "preflight-failed"
    return [line.split("): ")[1].split("/")[-1] for line in caught.value.context["faults"].splitlines()]


def test_a_list_that_works_passes_without_touching_anything(workshop: Workshop) -> None:
    """Looking changes nothing, and looking twice gives the same answer."""
    before = everything(workshop.root)
    refuse_impossible(workshop.steps(), workshop.roots)
    refuse_impossible(workshop.steps(), workshop.roots)
    assert everything(workshop.root) == before


def test_folders_that_earlier_steps_move_are_followed(workshop: Workshop) -> None:
    """A path is looked up where the steps before have put it."""
    live, aside = workshop.live, workshop.aside
    refuse_impossible(
        [
            Move(live / "alpha", aside / "moved"),
            Move(aside / "moved" / "sub", aside / "sub"),
            Move(aside / "sub" / "deep.py", aside / "moved" / "deep.py"),
            RemoveDir(aside / "sub", 0o755),
            MakeDir(live / "alpha", 0o700),
            RemoveDir(live / "alpha", 0o700),
            Move(aside / "moved", live / "alpha"),
        ],
        workshop.roots,
    )


OUTSIDE = "x is not inside the folders that may be changed"

Maker = Callable[[Workshop], list[Step]]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda w: [Move(w.live / "nowhere", w.aside / "x")], ["nowhere does not exist"]),
        (lambda w: [Move(w.live / "alpha", w.live / "shared")], ["shared exists already"]),
        (lambda w: [Move(w.live / "alpha", w.aside / "no" / "x")], ["no is no folder"]),
        (lambda w: [Move(w.live / "alpha", w.live / "single.py" / "x")], ["single.py is no folder"]),
        (lambda w: [MakeDir(w.live / "alpha", 0o755)], ["alpha exists already"]),
        (lambda w: [MakeDir(w.live / "no" / "x", 0o755)], ["no is no folder"]),
        (lambda w: [RemoveDir(w.live / "alpha", 0o755)], ["alpha is not empty"]),
        (lambda w: [RemoveDir(w.live / "link", 0o755)], ["link is no folder"]),
        (lambda w: [RemoveDir(w.live / "untouched", 0o700)], ["untouched has the mode 755, not 700"]),
        (
            lambda w: [MakeDir(w.live / "x", 0o755), Move(w.live / "x", w.aside / "y"),
                       MakeDir(w.aside / "y", 0)],
            ["y exists already"],
        ),
        (
            lambda w: [Move(w.live / "alpha", w.aside / "x"), Move(w.live / "alpha", w.aside / "y")],
            ["alpha does not exist"],
        ),
        (
            lambda w: [MakeDir(w.live / "x", 0o755), Move(w.live / "link", w.live / "x" / "link"),
                       RemoveDir(w.live / "x", 0o755)],
            ["x is not empty"],
        ),
        (lambda w: [Move(w.live / "alpha", w.state / "x")], [OUTSIDE]),
        (
            lambda w: [Move(w.live / "nowhere", w.live / "x"), Move(w.live / "x", w.live / "y"),
                       RemoveDir(w.live / "no", 0o755)],
            ["nowhere does not exist", "no is no folder"],
        ),
    ],
)  # fmt: skip
def test_each_fault_is_found(workshop: Workshop, make: Maker, expected: list[str]) -> None:
    """Every condition of a step is checked, in the tree as it will be then."""
    assert faults(make(workshop), list(workshop.roots)) == expected


def test_another_volume_is_found(workshop: Workshop) -> None:
    """A rename across volumes cannot be atomic, and is refused beforehand."""
    other = Path("/dev/shm")  # noqa: S108 (the one second volume most Linux machines have)
    if not other.is_dir() or other.stat().st_dev == workshop.live.stat().st_dev:
        pytest.skip("only one volume here")
    target = other / "safe-install-preflight"
    steps: list[Step] = [MakeDir(target, 0o700), Move(workshop.live / "alpha", target / "alpha")]
    assert faults(steps, [workshop.live, other]) == ["the two are on different volumes"]


def test_a_folder_that_cannot_be_read_is_a_fault(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to be removed must be seen to be empty."""

    def refuse(_path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    assert faults([RemoveDir(workshop.live / "untouched", 0o755)], list(workshop.roots)) == [
        "untouched cannot be read (Permission denied)"
    ]
