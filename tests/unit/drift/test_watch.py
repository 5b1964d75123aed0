"""A cheap look sees what counts, and nothing of what does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.transaction.watch import (
    Watch,
    changed_folders,
    look_at_everything,
    look_for_code,
    watch_of,
)


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A site directory with a distribution, a scripts folder, and two packs, one of them a link."""
    for relative, text in {
        "site/lib/__init__.py": "1",
        "site/lib/data.json": "1",
        "site/lib-1.dist-info/RECORD": "1",
        "bin/tool": "1",
        "packs/p/__init__.py": "1",
        "packs/p/settings.json": "1",
        "elsewhere/q/__init__.py": "1",
    }.items():
        path = tmp_path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "packs" / "q").symlink_to(tmp_path / "elsewhere" / "q")
    (tmp_path / "packs" / "round").symlink_to(tmp_path / "packs")
    return tmp_path


def look(places: Path) -> Watch:
    """Everything there now."""
    return look_at_everything(
        Watch(
            sites=(str(places / "site"),),
            scripts=str(places / "bin"),
            packs=(str(places / "packs"),),
            prefix=str(places),
            python="3.12.1",
        )
    )


def write(path: Path, text: str = "longer") -> None:
    """A file with other content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


Act = Callable[[Path], None]


@pytest.mark.parametrize(
    ("act", "folder"),
    [
        (lambda here: write(here / "site/lib/__init__.py"), "site/lib"),
        (lambda here: os.utime(here / "site/lib/__init__.py", (1, 1)), "site/lib"),
        (lambda here: (here / "site/lib/__init__.py").unlink(), "site/lib"),
        (lambda here: write(here / "site/new.pth"), "site"),
        (lambda here: write(here / "site/lib-1.dist-info/INSTALLER"), "site/lib-1.dist-info"),
        (lambda here: write(here / "bin/other"), "bin"),
        (lambda here: write(here / "packs/new/__init__.py"), "packs/new"),
        (lambda here: write(here / "packs/p/nodes/n.py"), "packs/p/nodes"),
        (lambda here: write(here / "elsewhere/q/__init__.py"), "packs/q"),
    ],
)
def test_a_start_sees_code_and_metadata(places: Path, act: Act, folder: str) -> None:
    """Edited, touched, gone or new, also in a pack that is a link."""
    before = look(places)
    act(places)
    code = look_for_code(before)
    assert str(places / folder) in changed_folders(before.code, code)
    assert code == look(places).code


@pytest.mark.parametrize(
    "name", ["site/lib/data.json", "site/lib/new.txt", "packs/p/settings.json", "packs/p/out.png"]
)
def test_a_start_passes_over_what_programs_write(places: Path, name: str) -> None:
    """A plan sees it all the same."""
    before = look(places)
    write(places / name)
    assert look_for_code(before) == before.code
    assert changed_folders(before.everything, look(places).everything) == {str((places / name).parent)}


@pytest.mark.parametrize(
    "name",
    [
        "site/lib/__pycache__/x.cpython-312.pyc",
        "site/__pycache__/y.nbi",
        "packs/p/__pycache__/z.pyc",
        "packs/p/.git/HEAD",
    ],
)
def test_bytecode_and_gits_own_files_never_count(places: Path, name: str) -> None:
    """Whoever writes them."""
    before = look(places)
    write(places / name)
    assert look(places) == before
    assert look(places).everything == before.everything


def test_what_is_stored_comes_back(places: Path) -> None:
    """And nothing that is no watch does."""
    before = look(places)
    again = watch_of(before.to_dict())
    assert (again, again.code, again.everything) == (before, before.code, before.everything)
    broken: list[object] = [
        None,
        [],
        {},
        {**before.to_dict(), "sites": "x"},
        {**before.to_dict(), "code": {"a": True}},
    ]
    for wrong in broken:
        with pytest.raises(ValueError, match="no "):
            watch_of(wrong)
