"""The three kinds of step, each on real folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import RecoveryNeededError, SafeInstallError
from comfyui_safe_install.resolver.transaction import fs
from comfyui_safe_install.resolver.transaction.steps import (
    MakeDir,
    Move,
    RemoveDir,
    Step,
    describe,
    execute,
    from_dict,
    inverse,
    refuse_outside,
    reverse,
    to_dict,
    was_done,
)
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.unit.transaction.workshop import everything

Maker = Callable[[Path], Step]

STEPS: dict[str, Maker] = {
    "folder": lambda root: Move(root / "full", root / "target"),
    "file": lambda root: Move(root / "file", root / "full" / "target"),
    "link": lambda root: Move(root / "dangling", root / "target"),
    "make": lambda root: MakeDir(root / "new", 0o2751),
    "remove": lambda root: RemoveDir(root / "empty", 0o1750),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with one of everything."""
    root = tmp_path / "tree"
    (root / "full").mkdir(parents=True)
    (root / "full" / "inner").write_text("inner")
    (root / "file").write_text("file")
    (root / "dangling").symlink_to("nowhere")
    (root / "empty").mkdir()
    (root / "empty").chmod(0o1750)
    return root


@pytest.mark.parametrize("name", STEPS)
def test_execute_then_reverse_is_the_identity(tree: Path, name: str) -> None:
    """Every step can be taken back exactly, modes included, and says in between that it was done."""
    step = STEPS[name](tree)
    before = hash_tree(tree)
    assert not was_done(step)
    execute(step)
    assert was_done(step)
    assert hash_tree(tree) != before
    reverse(step)
    assert hash_tree(tree) == before
    assert not was_done(step)


@pytest.mark.parametrize("name", STEPS)
def test_reverse_without_execute_changes_nothing(tree: Path, name: str) -> None:
    """Taking back what was not done does not even rewrite a file."""
    before = everything(tree)
    reverse(STEPS[name](tree))
    assert everything(tree) == before


@pytest.mark.parametrize("name", STEPS)
def test_the_inverse_is_the_same_as_reversing(tree: Path, name: str) -> None:
    """The opposite step leads back, and its own opposite is the step itself."""
    step = STEPS[name](tree)
    before = hash_tree(tree)
    execute(step)
    execute(inverse(step))
    assert hash_tree(tree) == before
    assert inverse(inverse(step)) == step


@pytest.mark.parametrize("name", STEPS)
def test_steps_survive_json(tree: Path, name: str) -> None:
    """A step read from its JSON object is the same step, and its words name its paths."""
    step = STEPS[name](tree)
    assert from_dict(to_dict(step)) == step
    assert str(tree) in describe(step)


def test_odd_file_names_survive_json(tmp_path: Path) -> None:
    """A name that is no UTF-8 is carried through steps.json unharmed."""
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    fs.write_json(tmp_path / "a.json", to_dict(Move(odd, tmp_path / "b")))
    assert from_dict(fs.read_json(tmp_path / "a.json")) == Move(odd, tmp_path / "b")


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_cannot_be_done_changes_nothing(tree: Path, name: str) -> None:
    """Doing a step twice fails with a named error and leaves the tree alone."""
    step = STEPS[name](tree)
    execute(step)
    before = everything(tree)
    with pytest.raises(SafeInstallError) as caught:
        execute(step)
    assert caught.value.code == "step-failed"
    assert caught.value.context["step"] == describe(step)
    assert everything(tree) == before


def test_a_folder_with_content_is_not_removed(tree: Path) -> None:
    """RemoveDir removes only what is empty."""
    with pytest.raises(SafeInstallError) as caught:
        execute(RemoveDir(tree / "full", 0o755))
    assert caught.value.context["errno"] == "ENOTEMPTY"
    assert (tree / "full" / "inner").exists()


def test_a_move_is_ambiguous_when_both_or_neither_exist(tree: Path) -> None:
    """Exactly one of the two names must exist; otherwise the error names both."""
    step = Move(tree / "file", tree / "target")
    (tree / "target").write_text("a stranger's")
    with pytest.raises(RecoveryNeededError, match="both exist") as both:
        was_done(step)
    (tree / "target").unlink()
    (tree / "file").unlink()
    with pytest.raises(RecoveryNeededError, match="neither exists") as neither:
        reverse(step)
    for caught in (both, neither):
        assert caught.value.code == "step-ambiguous"
        assert caught.value.context["paths"] == f"{tree / 'file'}, {tree / 'target'}"


@pytest.mark.parametrize("kind", [MakeDir, RemoveDir])
@pytest.mark.parametrize("name", ["file", "dangling"])
def test_a_folder_step_is_ambiguous_when_something_else_is_there(
    tree: Path, kind: Callable[[Path, int], Step], name: str
) -> None:
    """A file or a link where a folder should be is nobody's step."""
    with pytest.raises(RecoveryNeededError) as caught:
        was_done(kind(tree / name, 0o755))
    assert caught.value.code == "step-ambiguous"


def test_reversing_a_made_folder_removes_bytecode_only(tree: Path) -> None:
    """Bytecode of an import goes with the folder we made; anything else makes undo stop."""
    step = MakeDir(tree / "new", 0o755)
    execute(step)
    (tree / "new" / "__pycache__").mkdir()
    (tree / "new" / "__pycache__" / "a.pyc").write_bytes(b"")
    (tree / "new" / "stranger").write_text("keep me")
    with pytest.raises(SafeInstallError):
        reverse(step)
    assert (tree / "new" / "__pycache__" / "a.pyc").exists()
    (tree / "new" / "stranger").unlink()
    reverse(step)
    assert not (tree / "new").exists()


def test_a_half_reversed_removal_is_completed(tree: Path) -> None:
    """A folder made again but killed before it got its mode gets it at the next try."""
    step = RemoveDir(tree / "empty", 0o1750)
    before = hash_tree(tree)
    execute(step)
    (tree / "empty").mkdir(mode=0o700)
    reverse(step)
    assert hash_tree(tree) == before


def test_a_folder_that_cannot_get_its_mode_is_not_made(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a folder is all or nothing."""

    def refuse(_path: Path, _mode: int, **_more: object) -> None:
        raise OSError(errno.EPERM, "not allowed")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(SafeInstallError):
        execute(MakeDir(tree / "new", 0o700))
    assert not (tree / "new").exists()


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EACCES, ["close-programs"]),
        (errno.EXDEV, ["other-volume"]),
        (errno.ENOSPC, ["free-space"]),
        (errno.EROFS, ["read-only"]),
        (errno.EIO, []),
    ],
)
def test_a_refused_rename_says_what_to_do(
    tree: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: list[str]
) -> None:
    """Each cause that a user can do something about has its own hint."""

    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(SafeInstallError) as caught:
        execute(Move(tree / "file", tree / "target"))
    assert [each.code for each in caught.value.hints] == hint
    assert caught.value.context["errno"] == errno.errorcode[number]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "move",
        {},
        {"kind": "delete", "path": "/a"},
        {"kind": "move", "source": "/a"},
        {"kind": "move", "source": "/a", "target": "/b", "then": "run"},
        {"kind": "move", "source": "a", "target": "/b"},
        {"kind": "move", "source": "/a/../b", "target": "/b"},
        {"kind": "move", "source": "/a//c", "target": "/b"},
        {"kind": "move", "source": "/a/", "target": "/b"},
        {"kind": "move", "source": "/a\0", "target": "/b"},
        {"kind": "move", "source": "/", "target": "/b"},
        {"kind": "move", "source": "/a", "target": "/a"},
        {"kind": "move", "source": "/a", "target": "/a/b"},
        {"kind": "move", "source": 1, "target": "/b"},
        {"kind": ["move"], "source": "/a", "target": "/b"},
        {"kind": "make-dir", "path": "/a"},
        {"kind": "make-dir", "path": "/a", "mode": "0o755"},
        {"kind": "make-dir", "path": "/a", "mode": True},
        {"kind": "make-dir", "path": "/a", "mode": -1},
        {"kind": "remove-dir", "path": "/a", "mode": 0o10000},
        {"kind": "remove-dir", "path": None, "mode": 0},
    ],
)
def test_hostile_step_objects_are_refused(value: object) -> None:
    """Anything that `to_dict` would not have written is refused, never guessed at."""
    with pytest.raises(SafeInstallError) as caught:
        from_dict(value)
    assert caught.value.code == "step-refused"


def test_steps_stay_inside_the_roots(tree: Path, tmp_path: Path) -> None:
    """A path outside, a root itself and a link that leads out are refused."""
    (tree / "out").symlink_to(tmp_path)
    fence = fs.Fence([tree])
    refuse_outside(Move(tree / "a", tree / "out"), fence)
    for step in (
        Move(tree / "a", tmp_path / "b"),
        Move(tree / "a", tree / "out" / "b"),
        RemoveDir(tree, 0o755),
        MakeDir(tree / "out" / "b", 0o755),
    ):
        with pytest.raises(SafeInstallError) as caught:
            refuse_outside(step, fence)
        assert caught.value.code == "step-refused"
