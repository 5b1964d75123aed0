"""Whatever is done to a tree, going back to its full copy gives the tree it was."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comfyui_safe_install.resolver.core.guard import COPY, MIXED
from comfyui_safe_install.resolver.core.guard_port import FullPlan
from comfyui_safe_install.resolver.core.guard_restore import plan_restore
from comfyui_safe_install.resolver.core.inventory import FILE, diff
from comfyui_safe_install.resolver.io.guard.making import GuardStore
from comfyui_safe_install.resolver.io.guard.restoring import Staging, faults_after, find_bytes
from comfyui_safe_install.resolver.io.inventory import Grounds, take_inventory
from comfyui_safe_install.resolver.transaction import fs
from comfyui_safe_install.tests.kit.trees import Entry, hash_tree

NAMES = ("a", "b", "c", "d.dist-info")
PLACES = [
    *NAMES,
    *(f"{one}/{two}" for one in NAMES for two in NAMES),
    *(f"a/{two}/{three}" for two in NAMES for three in NAMES),
]
CONTENTS = ("", "x = 1\n", "x = 2\n", "long " * 50)

edits = st.lists(
    st.tuples(
        st.sampled_from(("write", "write", "delete", "folder", "link", "mode", "touch", "move")),
        st.sampled_from(PLACES),
        st.sampled_from(PLACES),
        st.sampled_from(CONTENTS),
    ),
    max_size=25,
)


def apply(root: Path, todo: list[tuple[str, str, str, str]]) -> None:
    """Do all of it as far as it can be done."""
    for act, place, other, content in todo:
        path = root / place
        with suppress(OSError, shutil.Error):
            if act == "write":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
            elif act == "delete":
                fs.remove_tree(path)
            elif act == "folder":
                path.mkdir(parents=True)
            elif act == "link":
                path.symlink_to(other)
            elif act == "mode" and not path.is_symlink():
                path.chmod(0o700 if content else 0o755)
            elif act == "touch":
                os.utime(path, ns=(len(content), len(content)), follow_symlinks=False)
            elif act == "move":
                path.rename(root / other)


def state(root: Path) -> tuple[dict[str, Entry], dict[str, int]]:
    """Kinds, modes and contents of everything, and the times of the files."""
    tree = hash_tree(root)
    return tree, {
        path: (root / path).lstat().st_mtime_ns for path, entry in tree.items() if entry[0] == "file"
    }


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder for one example."""
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        fs.remove_tree(folder)


@pytest.mark.parametrize("whole_folders", [True, False])
@given(first=edits, second=edits, strategy=st.sampled_from((COPY, MIXED)))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_restoring_is_the_inverse_of_any_edits(
    monkeypatch: pytest.MonkeyPatch,
    whole_folders: bool,
    first: list[tuple[str, str, str, str]],
    second: list[tuple[str, str, str, str]],
    strategy: str,
) -> None:
    """A tree, its full copy, any edits, back: bytes, kinds, modes, links and times are as they were.

    And what is moved is moved by plain renames onto free names, each of which has an exact way back.
    """
    monkeypatch.setattr(fs, "sync_volume", lambda: None)  # The whole machine would wait for each example.
    with new_folder() as folder:
        root = folder / "tree"
        root.mkdir()
        apply(root, first)
        grounds = Grounds(roots={"data": str(root)}, walked=(str(root),))
        store = GuardStore(
            folder=folder / "state", environment_area=folder, pack_area=lambda: folder / "packs"
        )
        store.keep("a", grounds, strategy)
        before = state(root)
        apply(root, second)
        damaged = state(root)

        then, now = store.manifest("a"), take_inventory(grounds, digests=True)
        wanted = {
            each.before.content: (each.path, each.before.size)
            for each in diff(then, now)
            if each.before and each.before.kind == FILE
        }
        moves = plan_restore(then, now, fixed=["data"], whole_folders=whole_folders)
        found = find_bytes(wanted, store.stores, now, lambda _path: ())
        plan = FullPlan(identifier="a", then=then, now=now, moves=moves, sources=found, owners={})
        assert moves.lost == ()
        stage = Staging(plan=plan, environment=folder / "stage", packs=folder / "packs", clone=False).fill()
        done = []
        for source, target in (*stage.outgoing, *stage.incoming):
            fs.rename(Path(source), Path(target))
            done.append((source, target))
        assert state(root) == before
        assert list(faults_after(plan)) == []
        for source, target in reversed(done):
            fs.rename(Path(target), Path(source))
        assert state(root) == damaged
