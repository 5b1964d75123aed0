"""The least that must happen after a change: what a running ComfyUI can take up by itself, and what not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyui_safe_install.resolver.core.reload import (
    AtStart,
    Difference,
    Least,
    Need,
    PackMove,
    Running,
    least_needed,
)
from comfyui_safe_install.resolver.core.types import Change
from comfyui_safe_install.resolver.io.pack_difference import difference_of
from comfyui_safe_install.resolver.io.pack_start import marks_at_start

LATE = Running(loads_late=True, serves_late=True, imported=frozenset({"numpy"}), loaded=frozenset({"Loaded"}))
NEW = Change(name="rich", action="install", after="14.0")
PLAIN = PackMove(name="Plain", comes=True, at_start=frozenset())


def having(*marks: AtStart) -> PackMove:
    """A new pack with these marks."""
    return replace(PLAIN, at_start=frozenset(marks))


def needed(*packs: PackMove, changes: tuple[Change, ...] = (), running: Running | None = LATE) -> Need:
    """The need, checked: words for everything but nothing."""
    need = least_needed(changes, packs, running)
    assert bool(need.reasons) is (need.least is not Least.NONE)
    assert need.to_dict()["restart"] == need.least.value
    return need


def test_nothing_changed_needs_nothing() -> None:
    """An empty plan, on a running host or where none is known."""
    assert needed().least is Least.NONE
    assert needed(running=None).least is Least.NONE


def test_without_knowing_the_host_any_change_needs_a_restart() -> None:
    """The command line cannot know what a ComfyUI beside it has imported."""
    assert needed(PLAIN, running=None).least is Least.RESTART
    assert needed(changes=(NEW,), running=None).least is Least.RESTART


def test_a_plain_new_pack_needs_nothing_where_packs_load_late() -> None:
    """New distributions come along; where the host cannot load it late, it says so."""
    assert needed(PLAIN, changes=(NEW,)).least is Least.NONE
    need = needed(PLAIN, running=replace(LATE, loads_late=False))
    assert need == Need(least=Least.RESTART, reasons=("Plain is loaded when ComfyUI starts.",))


@pytest.mark.parametrize(
    ("move", "least", "word"),
    [
        (having(AtStart.PRESTARTUP), Least.RESTART, "prestartup"),
        (having(AtStart.ROUTES), Least.RESTART, "routes"),
        (having(AtStart.INSTALL_SCRIPT), Least.RESTART, "install.py"),
        (having(AtStart.WEB), Least.RELOAD, "web files"),
        (having(AtStart.WEB, AtStart.ROUTES), Least.RESTART, "routes"),
        (replace(PLAIN, at_start=None), Least.RESTART, "loaded when"),
        (PackMove(name="loaded", comes=True, at_start=frozenset()), Least.RESTART, "has loaded"),
        (PackMove(name="Loaded", comes=False), Least.RESTART, "has loaded"),
    ],
)
def test_what_only_a_start_brings_to_life_says_so(move: PackMove, least: Least, word: str) -> None:
    """Each mark by itself, and the strongest where there are several; the reason is in words."""
    need = needed(PLAIN, move)
    assert need.least is least
    assert len(need.reasons) == 1
    assert word in need.reasons[0]


def test_a_new_version_may_differ_only_for_pages() -> None:
    """What a loaded pack has served is read from the disk: a new page gets it. Nothing else is taken up."""
    new = PackMove(name="Loaded", comes=True, at_start=frozenset({AtStart.WEB, AtStart.ROUTES}))
    assert needed(new).least is Least.RESTART
    assert needed(replace(new, difference=Difference.PAGES)).least is Least.RELOAD
    assert needed(replace(new, difference=Difference.NOTHING)).least is Least.NONE
    assert needed(replace(new, difference=Difference.PAGES, name="Other")).least is Least.RESTART


_OLD = {"__init__.py": "WEB_DIRECTORY = './web'\n", "web/a.js": "1", "data.json": "{}", "README.md": "old"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, Difference.NOTHING),
        ({"README.md": "new", "pyproject.toml": "[project]", "LICENSE": "x"}, Difference.NOTHING),
        ({"web/a.js": "2", "README.md": "new"}, Difference.PAGES),
        ({"web/sub/b.css": "new", "web/a.js": None}, Difference.PAGES),
        ({"web/a.py": "new"}, Difference.CODE),
        ({"other/a.js": "new"}, Difference.CODE),
        ({"data.json": "[]"}, Difference.CODE),
        ({"data.json": None}, Difference.CODE),
        ({"web/a.js": "2", "node.py": "new"}, Difference.CODE),
        ({"docs/README.md": "new"}, Difference.CODE),
        ({"__init__.py": "WEB_DIRECTORY = './js'\n"}, Difference.CODE),
        ({"__init__.py": "WEB_DIRECTORY = where()\n", "web/a.js": "2"}, Difference.CODE),
    ],
)
def test_how_far_a_version_differs(
    tmp_path: Path, changed: dict[str, str | None], expected: Difference
) -> None:
    """By content, and on the side of more where it is not plain."""
    for folder, files in (("old", _OLD), ("new", {**_OLD, **changed})):
        for name, text in files.items():
            if text is not None:
                path = tmp_path / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    assert difference_of(tmp_path / "old", tmp_path / "new") is expected


def test_links_count_by_where_they_lead(tmp_path: Path) -> None:
    """A link is never followed, whatever it points at."""
    for name, target in (("old", "a"), ("new", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "link.py").symlink_to(target)
    assert difference_of(tmp_path / "old", tmp_path / "new") is Difference.CODE
    assert difference_of(tmp_path / "old", tmp_path / "old") is Difference.NOTHING
    assert difference_of(tmp_path / "old", tmp_path / "none") is Difference.CODE


def test_web_files_that_cannot_be_served_late_need_a_restart() -> None:
    """The router is frozen once the server is up."""
    assert needed(having(AtStart.WEB), running=replace(LATE, serves_late=False)).least is Least.RESTART


def test_a_pack_that_is_not_loaded_goes_without_a_trace() -> None:
    """One that failed to load, or was disabled, is not missed."""
    assert needed(PackMove(name="Failed", comes=False)).least is Least.NONE


def test_what_was_imported_stays_as_it_was() -> None:
    """A changed distribution counts only where a module of it was imported."""
    moved = Change(name="numpy", action="downgrade", before="2.1", after="1.26")
    need = needed(PLAIN, changes=(NEW, moved))
    assert need.least is Least.RESTART
    assert "numpy" in need.reasons[0]
    assert "rich" not in need.reasons[0]
    assert needed(changes=(replace(moved, name="scipy"),)).least is Least.NONE


def test_a_pack_that_failed_is_tried_again_at_a_start() -> None:
    """What it missed may have come now, and only a start tries again."""
    need = needed(changes=(NEW,), running=replace(LATE, failed=frozenset({"Broken"})))
    assert need.least is Least.RESTART
    assert "Broken" in need.reasons[0]
    gone = PackMove(name="Broken", comes=False)
    assert (
        needed(gone, changes=(NEW,), running=replace(LATE, failed=frozenset({"Broken"}))).least is Least.NONE
    )


def test_many_names_are_cut_short() -> None:
    """A list of fifty packages helps nobody."""
    names = [f"package-{number:02}" for number in range(50)]
    changes = tuple(Change(name=name, action="remove", before="1") for name in names)
    need = needed(changes=changes, running=replace(LATE, imported=frozenset(names)))
    assert "and 45 more" in need.reasons[0]


_MOVES = st.builds(
    PackMove,
    name=st.sampled_from(["Loaded", "One", "Two"]),
    comes=st.booleans(),
    at_start=st.none() | st.frozensets(st.sampled_from(AtStart)),
    difference=st.sampled_from(Difference),
)
_CHANGES = st.builds(Change, name=st.sampled_from(["numpy", "rich"]), action=st.just("replace"))
_RUNNING = st.none() | st.builds(
    Running,
    imported=st.frozensets(st.just("numpy")),
    loaded=st.frozensets(st.just("Loaded")),
    failed=st.frozensets(st.just("Broken")),
    loads_late=st.booleans(),
    serves_late=st.booleans(),
)


@given(st.lists(_MOVES), st.lists(_MOVES), st.lists(_CHANGES), _RUNNING)
def test_more_changes_never_need_less(
    some: list[PackMove], more: list[PackMove], changes: list[Change], running: Running | None
) -> None:
    """The need of a whole is at least that of each part, and not to know is never less than to know."""
    order = list(Least)
    part, whole = (
        least_needed((), some, running),
        least_needed(changes, [*some, *more], running),
    )
    assert order.index(whole.least) >= order.index(part.least)
    assert order.index(least_needed(changes, some, None).least) >= order.index(
        least_needed(changes, some, running).least
    )


@pytest.mark.parametrize(
    ("name", "text", "marks"),
    [
        ("__init__.py", "NODE_CLASS_MAPPINGS = {}\n", set()),
        ("prestartup_script.py", "", {AtStart.PRESTARTUP}),
        ("install.py", "", {AtStart.INSTALL_SCRIPT}),
        ("sub/deep.py", "@PromptServer.instance.routes.get('/x')\n", {AtStart.ROUTES}),
        ("__init__.py", "from server import PromptServer\nPromptServer.instance.send_sync('x', {})\n", set()),
        ("__init__.py", "app = PromptServer.instance.app\n", {AtStart.ROUTES}),
        ("__init__.py", "WEB_DIRECTORY = './js'\n", {AtStart.WEB}),
        ("pyproject.toml", "[tool.comfy]\nweb = 'web'\n", {AtStart.WEB}),
        ("pyproject.toml", "[tool]\ncomfy = 1\n", set()),
        (".git/hooks/x.py", "PromptServer.instance.routes\n", set()),
        ("README.md", "PromptServer.instance.routes WEB_DIRECTORY\n", set()),
    ],
)
def test_a_packs_files_tell_what_it_does_at_a_start(
    tmp_path: Path, name: str, text: str, marks: set[AtStart]
) -> None:
    """Read, never run; other words of a file do not count."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    assert marks_at_start(tmp_path) == frozenset(marks)


def test_what_cannot_be_looked_at_is_not_guessed(tmp_path: Path) -> None:
    """A file that cannot be read, or tables that make no sense, give no marks at all rather than few."""
    (tmp_path / "loop.py").symlink_to("loop.py")
    assert marks_at_start(tmp_path) is None
    (tmp_path / "loop.py").unlink()
    (tmp_path / "pyproject.toml").write_text("[[[", encoding="utf-8")
    assert marks_at_start(tmp_path) is None


def test_a_single_file_is_looked_at_too(tmp_path: Path) -> None:
    """Packs may be one file."""
    (tmp_path / "one.py").write_text("WEB_DIRECTORY = 'x'\n", encoding="utf-8")
    assert marks_at_start(tmp_path / "one.py") == frozenset({AtStart.WEB})
