"""Law: whatever prefix of the journal reached the disk, recovery ends exactly before or exactly after."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.transaction import steps as steps_room
from comfyui_safe_install.resolver.transaction import walk
from comfyui_safe_install.resolver.transaction.journal import Journal, read_journal
from comfyui_safe_install.resolver.transaction.preflight import refuse_impossible
from comfyui_safe_install.resolver.transaction.recover import deferred, recover, unfinished
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.resolver.transaction.steps import FilesLockedError, MakeDir, Move, RemoveDir, Step
from comfyui_safe_install.resolver.transaction.walk import tangled
from comfyui_safe_install.tests.kit.trees import hash_tree

NAMES = ("a", "b", "c")
MODES = (0o755, 0o700, 0o2750)

Model = dict[str, int | None]
"""A tree in memory: relative path -> mode of a folder, or None for a file."""


def below(model: Mapping[str, object], path: str) -> list[str]:
    """The path and everything in it."""
    return [each for each in model if each == path or each.startswith(f"{path}/")]


def free_names(model: Model) -> list[str]:
    """Names at which something new can stand."""
    folders = ["", *(path for path, mode in model.items() if mode is not None)]
    names = [f"{folder}/{name}".lstrip("/") for folder in folders for name in NAMES]
    return [name for name in names if name not in model]


@st.composite
def trees(draw: st.DrawFn) -> Model:
    """A small tree of files and folders."""
    model: Model = {}
    for _ in range(draw(st.integers(1, 7))):
        names = free_names(model)
        if not names:
            break
        model[draw(st.sampled_from(names))] = draw(st.sampled_from([None, *MODES]))
    return model


@st.composite
def stories(draw: st.DrawFn) -> tuple[Model, list[tuple[str, str, str, int]]]:
    """A tree and steps that can be done in it one after the other; tangled lists among them."""
    start = draw(trees())
    model = dict(start)
    steps: list[tuple[str, str, str, int]] = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["move", "move", "move", "make", "remove"]))
        names = free_names(model)
        if kind == "move" and model:
            source = draw(st.sampled_from(sorted(model)))
            targets = [name for name in names if not name.startswith(f"{source}/")]
            if targets:
                target = draw(st.sampled_from(targets))
                for path in below(model, source):
                    model[target + path[len(source) :]] = model.pop(path)
                steps.append(("move", source, target, 0))
        elif kind == "make" and names:
            name, mode = draw(st.sampled_from(names)), draw(st.sampled_from(MODES))
            model[name] = mode
            steps.append(("make", name, "", mode))
        elif kind == "remove":
            empty = [
                path for path, mode in model.items() if mode is not None and below(model, path) == [path]
            ]
            if empty:
                path = draw(st.sampled_from(empty))
                steps.append(("remove", path, "", model.pop(path) or 0))
    return start, steps


def build(root: Path, model: Model) -> None:
    """The tree on the disk; each file holds its own first name."""
    for path, mode in sorted(model.items(), key=lambda item: PurePosixPath(item[0]).parts):
        if mode is None:
            (root / path).write_text(path)
        else:
            (root / path).mkdir()
            (root / path).chmod(mode)


def as_steps(root: Path, steps: list[tuple[str, str, str, int]]) -> list[Step]:
    """The steps with real paths."""
    made: list[Step] = []
    for kind, first, second, mode in steps:
        if kind == "move":
            made.append(Move(root / first, root / second))
        else:
            made.append(MakeDir(root / first, mode) if kind == "make" else RemoveDir(root / first, mode))
    return made


@dataclass
class Film:
    """Copies of journal and tree, taken after every journal line while a transaction runs."""

    base: Path
    frames: int = 0

    def take(self) -> None:
        """One more frame."""
        shutil.copytree(self.base / "world", self.base / f"frame{self.frames}", symlinks=True)
        self.frames += 1

    def show(self, journal_frame: int, tree_frame: int, cut: int) -> None:
        """The world after a crash: the journal of one frame, torn by `cut` bytes, the tree of another."""
        world = self.base / "world"
        shutil.rmtree(world)
        shutil.copytree(self.base / f"frame{journal_frame}", world, symlinks=True)
        if tree_frame != journal_frame:
            shutil.rmtree(world / "tree")
            shutil.copytree(self.base / f"frame{tree_frame}" / "tree", world / "tree", symlinks=True)
        if cut:
            journal = next(world.glob("state/transactions/*/journal.jsonl"))
            os.truncate(journal, journal.stat().st_size - cut)

    def tree(self, frame: int) -> Mapping[str, object]:
        """The live tree of one frame as a value."""
        return hash_tree(self.base / f"frame{frame}" / "tree")

    def bodies(self, frame: int) -> list[Mapping[str, object]]:
        """The journal of one frame."""
        journal = next((self.base / f"frame{frame}").glob("state/transactions/*/journal.jsonl"))
        return [entry.body for entry in read_journal(journal)]


def record(film: Film, steps: list[Step], end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one transaction to its end while the camera runs."""
    world = film.base / "world"
    append = Journal.append

    def append_and_take(journal: Journal, body: Mapping[str, object]) -> None:
        append(journal, body)
        if "new-" not in str(journal.path):
            film.take()

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", append_and_take)
        transaction = Transaction.begin(world / "state", operation="x", roots=[world / "tree"], summary={})
        transaction.set_steps(steps)
        transaction.advance(TransactionState.STAGED)
        transaction.advance(TransactionState.TRIED)
        if end.startswith("wait"):
            waits_first(transaction, steps, end)
            if end == "wait":
                return
        transaction.apply()
        if end in ("commit", "wait and commit"):
            transaction.commit()
        else:
            transaction.roll_back("verification failed")


def waits_first(transaction: Transaction, steps: list[Step], end: str) -> None:
    """The last step finds its files in use: all is taken back, it waits, and is in use once more where it goes on."""
    execute = steps_room.execute
    if not steps:
        transaction.defer({})
        return

    def refuse_the_last(step: Step) -> None:
        if step is steps[-1]:
            raise FilesLockedError("in use", step=step, context={})
        execute(step)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(walk, "execute", refuse_the_last)
        for _ in range(1 if end == "wait" else 2):
            with pytest.raises(FilesLockedError):
                transaction.apply(may_wait=True)
            transaction.defer({})


def check(film: Film, journal_frame: int, tree_frame: int, cut: int, *, committed: bool) -> None:
    """Recover from one crash; twice."""
    before, after = film.tree(0), film.tree(film.frames - 1)
    film.show(journal_frame, tree_frame, cut)
    world = film.base / "world"
    recover(world / "state", [world / "tree"])
    tree = hash_tree(world / "tree")
    # What waits has everything it needs: its steps are those of then, and can be taken up.
    for identifier in deferred(world / "state"):
        transaction = Transaction.resume(world / "state", identifier, [world / "tree"])
        refuse_impossible(transaction.steps, [world / "tree"])
    assert tree == (after if committed else before), (journal_frame, tree_frame, cut)
    assert unfinished(world / "state") == ()
    assert recover(world / "state", [world / "tree"]).recovered == ()
    assert hash_tree(world / "tree") == tree


def in_folder(test: Callable[[Path], None]) -> None:
    """Run one example in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        test(Path(os.path.realpath(folder)))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is simulated by frames here, so nothing has to reach the real one."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


WAITS = ["wait", "wait and commit", "wait and roll back"]


@pytest.mark.parametrize("end", ["commit", "roll back"])
@settings(max_examples=12, deadline=None)
@given(story=stories(), data=st.data())
def test_every_prefix_recovers_to_before_or_after(
    end: str, story: tuple[Model, list[tuple[str, str, str, int]]], data: st.DataObject
) -> None:
    """Cut after each line, with and without the act that follows it, whole and torn."""
    in_folder(lambda base: cut_everywhere(base, story, end, data))


@settings(max_examples=12, deadline=None)
@given(story=stories(), end=st.sampled_from(WAITS), data=st.data())
def test_every_prefix_of_one_that_waits_recovers_to_before_or_after(
    end: str, story: tuple[Model, list[tuple[str, str, str, int]]], data: st.DataObject
) -> None:
    """The same for one that is taken back because files are in use, waits, and is taken up again."""
    in_folder(lambda base: cut_everywhere(base, story, end, data))


def film_of(base: Path, story: tuple[Model, list[tuple[str, str, str, int]]], end: str) -> Film:
    """The story, acted out in `base` and recorded line by line."""
    model, plan = story
    (base / "world" / "tree").mkdir(parents=True)
    (base / "world" / "state").mkdir()
    build(base / "world" / "tree", model)
    film = Film(base)
    with pytest.MonkeyPatch.context() as monkeypatch:
        record(film, as_steps(base / "world" / "tree", plan), end, monkeypatch)
    return film


def cut_everywhere(
    base: Path, story: tuple[Model, list[tuple[str, str, str, int]]], end: str, data: st.DataObject
) -> None:
    """Record one story and recover from a crash at each of its lines."""
    film = film_of(base, story, end)
    for frame in range(film.frames):
        committed = any(body.get("state") == "committed" for body in film.bodies(frame))
        check(film, frame, frame, 0, committed=committed)
        if frame + 1 < film.frames and film.tree(frame) != film.tree(frame + 1):
            check(film, frame, frame + 1, 0, committed=committed)
        if frame:
            line = len(film.bodies(frame - 1))
            assert line + 1 == len(film.bodies(frame))
            # The length of a line depends on its checksum, so the draw must not.
            cut = 1 + data.draw(st.integers(0, 999), label="torn bytes") % _last_line_length(film, frame)
            earlier = any(body.get("state") == "committed" for body in film.bodies(frame - 1))
            check(film, frame, frame, cut, committed=earlier)


@settings(max_examples=12, deadline=None)
@given(story=stories(), end=st.sampled_from(["roll back", "wait and roll back"]), data=st.data())
def test_renames_lost_by_a_power_cut_do_not_matter(
    end: str, story: tuple[Model, list[tuple[str, str, str, int]]], data: st.DataObject
) -> None:
    """The tree of any moment since the last sync, under any later journal: recovery still finds its way."""

    def run(base: Path) -> None:
        film = film_of(base, story, end)
        synced = 0
        for frame in range(film.frames):
            last = film.bodies(frame)[-1]
            if last.get("synced") or {last.get("state"), last.get("kind")} & SYNCED:
                synced = frame
            check(film, frame, data.draw(st.integers(synced, frame), label="tree"), 0, committed=False)

    in_folder(run)


SYNCED = {"verifying", "rolled-back", "deferred"}
"""Lines before which every touched folder is on the disk."""

Plan = list[tuple[str, str, str, int]]


@pytest.mark.parametrize("end", ["commit", "roll back"])
@pytest.mark.parametrize(
    "plan",
    [
        [("move", "a", "t", 0), ("move", "b", "a", 0), ("move", "t", "b", 0)],
        [("move", "a", "t", 0), ("move", "t", "a", 0), ("move", "a", "t", 0), ("move", "b", "a", 0)],
        [
            ("move", "d", "e", 0), ("move", "e/x", "t", 0), ("move", "e", "d", 0),
            ("move", "d/y", "d/x", 0), ("move", "t", "d/y", 0),
        ],
        [("remove", "f", "", 0o700), ("make", "f", "", 0o755), ("move", "a", "f/a", 0)],
        [("make", "g", "", 0o700), ("move", "a", "g/a", 0), ("move", "g", "h", 0), ("move", "b", "a", 0)],
    ],
)  # fmt: skip
def test_lists_whose_trees_look_alike_survive_a_power_cut(tmp_path: Path, plan: Plan, end: str) -> None:
    """Swaps and detours, where names alone do not tell the position: every tree that can be left is tried."""
    model: Model = {"a": None, "b": None, "d": 0o755, "d/x": None, "d/y": None, "f": 0o700}
    (tmp_path / "world" / "tree").mkdir(parents=True)
    (tmp_path / "world" / "state").mkdir()
    build(tmp_path / "world" / "tree", model)
    film = Film(tmp_path)
    with pytest.MonkeyPatch.context() as monkeypatch:
        record(film, as_steps(tmp_path / "world" / "tree", plan), end, monkeypatch)
    synced = 0
    for frame in range(film.frames):
        last = film.bodies(frame)[-1]
        if last.get("synced") or last.get("state") in ("verifying", "rolled-back"):
            synced = frame
        committed = any(body.get("state") == "committed" for body in film.bodies(frame))
        for tree_frame in range(synced, frame + 1):
            check(film, frame, tree_frame, 0, committed=committed)


def _last_line_length(film: Film, frame: int) -> int:
    journal = next((film.base / f"frame{frame}").glob("state/transactions/*/journal.jsonl"))
    return len(journal.read_bytes().splitlines(keepends=True)[-1])


@settings(max_examples=50, deadline=None)
@given(story=stories())
def test_apply_then_roll_back_is_the_identity(
    story: tuple[Model, list[tuple[str, str, str, int]]],
) -> None:
    """Any list of steps that can be done can be taken back, content and modes alike."""
    model, plan = story

    def run(base: Path) -> None:
        tree = base / "tree"
        tree.mkdir()
        build(tree, model)
        before = hash_tree(tree)
        transaction = Transaction.begin(base / "state", operation="x", roots=[tree], summary={})
        transaction.set_steps(as_steps(tree, plan))
        transaction.advance(TransactionState.STAGED)
        transaction.advance(TransactionState.TRIED)
        transaction.apply()
        transaction.roll_back("as before")
        assert hash_tree(tree) == before

    in_folder(run)


@settings(max_examples=300, deadline=None)
@given(story=stories())
def test_a_list_that_is_not_tangled_never_returns_to_an_earlier_arrangement(
    story: tuple[Model, list[tuple[str, str, str, int]]],
) -> None:
    """The reason why the disk tells the position: between two like trees no file has moved."""
    model, plan = story
    steps = as_steps(Path("/tree"), plan)
    if tangled(steps):
        return
    tree: dict[str, str] = {path: path for path in model}
    seen: dict[frozenset[str], dict[str, str]] = {}
    for kind, first, second, _mode in [("start", "", "", 0), *plan]:
        if kind == "move":
            for path in below(tree, first):
                tree[second + path[len(first) :]] = tree.pop(path)
        elif kind == "make":
            tree[first] = "made"
        elif kind == "remove":
            del tree[first]
        files = {path: origin for path, origin in tree.items() if model.get(origin, 0) is None}
        known = seen.setdefault(frozenset(tree), files)
        assert known == files


def test_frames_keep_modes(tmp_path: Path) -> None:
    """The camera of these tests copies what they compare."""
    (tmp_path / "world" / "d").mkdir(parents=True)
    (tmp_path / "world" / "d").chmod(0o2750)
    Film(tmp_path).take()
    assert stat.S_IMODE((tmp_path / "frame0" / "d").stat().st_mode) == 0o2750
