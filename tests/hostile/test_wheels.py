"""A wheel from an index nobody vouches for: installed, or refused with a code; nothing else ever changes."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.installation import Answer, Installation
from comfyui_safe_install.tests.kit.rogue_wheels import Item, overlapping_bomb, patch_directory, rogue_wheel
from comfyui_safe_install.tests.kit.surroundings import Surroundings

INFO = "evil-1.0.dist-info"
DATA = "evil-1.0.data"


def scripts(line: str) -> Item:
    """An entry_points.txt with one console script."""
    return Item(f"{INFO}/entry_points.txt", f"[console_scripts]\n{line}\n".encode())


def install(here: Installation, around: Surroundings) -> Answer:
    """What an install of a pack that wants the wheel comes to; one good package is there already."""
    here.have("base", "1.0")
    around.remember()
    return here.run("install", here.source("demo", "evil"), "--yes")


REFUSED: dict[str, list[Item]] = {
    "a link and a file behind it": [
        Item("evil/dir", b"../../../../../../mine", stat.S_IFLNK),
        Item("evil/dir/letter.txt", b"forged"),
    ],
    "one name twice": [Item("evil/a.py", b"1"), Item("evil/a.py", b"2")],
    "a name that is too long": [Item("evil/" + "x" * 300)],
    "a tree that is too deep": [Item("evil/" + "d/" * 600 + "x")],
    "an unknown part": [Item(f"{DATA}/bogus/x")],
    "a script called python": [Item(f"{DATA}/scripts/python", b"#!/bin/sh\n")],
    "python as data": [Item(f"{DATA}/data/bin/python", b"#!/bin/sh\n")],
    "python's configuration": [Item(f"{DATA}/data/pyvenv.cfg", b"home = /elsewhere\n")],
    "python's configuration in capitals": [Item(f"{DATA}/data/PYVENV.CFG", b"home = /elsewhere\n")],
    "an entry point outside": [scripts("../../mine/run = evil:main")],
    "an absolute entry point": [scripts("/etc/run = evil:main")],
    "an entry point called python": [scripts("python = evil:main")],
    "an entry point with code": [scripts("ok = evil:main()\\nimport os")],
    "two distributions in one": [
        Item("other-2.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: other\nVersion: 2.0\n"),
        Item("other-2.0.dist-info/RECORD"),
    ],
    "an editable install that is none": [
        Item(f"{INFO}/direct_url.json", b'{"url": "file:///etc", "dir_info": {"editable": true}}')
    ],
    "what looks like a torn pip": [Item("~vil/x.py", b"")],
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_wheel_may_hold_is_refused(here: Installation, around: Surroundings, case: str) -> None:
    """By uv or by us: with a proper code, and everything is as it was."""
    rogue_wheel(here.dists, *REFUSED[case])
    around.untouched(install(here, around))
    assert here.run("recover").document["recovered"] == []


def test_our_own_folder_is_nobody_elses(here: Installation, around: Surroundings) -> None:
    """A wheel cannot plant payloads beside site-packages."""
    beside = here.venv.site_packages.parent.relative_to(here.venv.root).as_posix()
    rogue_wheel(here.dists, Item(f"{DATA}/data/{beside}/.safe-install/payloads/a/b/payload.json", b"{}"))
    assert around.untouched(install(here, around)) == "unsafe-wheel"
    assert not (here.area / "payloads" / "a").exists()


@pytest.mark.parametrize(
    "break_it",
    [
        lambda wheel: patch_directory(wheel, 0, 8, b"\x01"),
        lambda wheel: patch_directory(wheel, 0, 24, b"\xff\xff\xff\x7f"),
        lambda wheel: patch_directory(wheel, 0, 42, b"\xff\xff\xff\x7f"),
        lambda wheel: wheel.write_bytes(wheel.read_bytes()[:-30]),
        lambda wheel: overlapping_bomb(wheel, 20_000, 10_000_000),
    ],
    ids=["encrypted", "lying-size", "lying-place", "torn", "overlapping-bomb"],
)
def test_a_wheel_that_cannot_be_read_is_refused(
    here: Installation, around: Surroundings, break_it: Callable[[Path], object]
) -> None:
    """Half-way through reading, or before; its metadata comes from beside it and is well."""
    wheel = rogue_wheel(here.dists)
    served = here.dists / f"{wheel.name}.metadata"
    served.write_bytes(b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    break_it(wheel)
    around.untouched(install(here, around))


def test_a_small_file_that_becomes_large_can_be_taken_back(here: Installation, around: Surroundings) -> None:
    """There is no law against zeros in a wheel, but what came in goes out again as a whole."""
    rogue_wheel(
        here.dists, Item("evil/zeros.bin", b"\0" * 200_000_000, method=zipfile.ZIP_DEFLATED, recorded=True)
    )
    assert sum(path.stat().st_size for path in here.dists.iterdir()) < 1_000_000
    answer = install(here, around)
    assert answer.code == 0, answer
    assert here.run("rollback", "--yes").applied
    assert around.changed() == []


HARMLESS = [
    Item("../../../../mine/letter.txt", b"forged"),
    Item("/safe-install-hostile.txt", b"forged"),
    Item("evil/link", b"/etc/passwd", stat.S_IFLNK),
    Item("evil/pipe", b"", stat.S_IFIFO),
    Item("evil/device", b"", stat.S_IFCHR),
    Item("evil/A.py", b"1"),
    Item("evil/a.py", b"2"),
    Item("evil/caf\u00e9.py", b"1"),
    Item("evil/cafe\u0301.py", b"2"),
    Item("evil/aux.txt", b"1"),
    Item("evil/dot. ", b"1"),
    Item("evil/x.py:stream", b"1"),
    Item("C:/x.txt", b"1"),
    Item("..\\..\\x.txt", b"1"),
    Item("\\\\server\\share\\x", b"1"),
    Item(f"{DATA}/scripts/../../../../../mine/new", b"1"),
    Item("evil/__pycache__/__init__.cpython-311.pyc", b"junk"),
    Item("evil.pth", b"import evil\n"),
    Item(f"{INFO}/INSTALLER", b"conda"),
]
"""What uv passes over, or writes as the plain file it is on this system."""

LIES = [
    "../../../../../mine/letter.txt,,",
    "/etc/passwd,,",
    "../../../bin/python,,",
    "../../../pyvenv.cfg,,",
    "../.safe-install/payloads/x,,",
    "base/__init__.py,,",
    "evil/missing.py,sha256=abc,3",
    "evil/a\0b,,",
    "evil/\x1b[31mred.py,,",
]


@pytest.mark.skipif("sys.platform != 'linux'", reason="names that only Linux takes")
def test_odd_names_and_a_lying_record_harm_nobody(here: Installation, around: Surroundings) -> None:
    """All of it at once: installed where it belongs and nowhere else, and gone again without a trace."""
    rogue_wheel(here.dists, *HARMLESS, record=LIES)
    answer = install(here, around)
    assert answer.code == 0, answer
    assert around.changed_outside() == []
    assert not Path("/safe-install-hostile.txt").exists()
    site = here.venv.site_packages
    assert not any(path.is_symlink() or path.is_fifo() for path in (site / "evil").rglob("*"))
    record = (site / INFO / "RECORD").read_text()
    assert not any(word in record for word in ("python,", "pyvenv", ".safe-install", "passwd", "base/"))
    assert "\x1b" not in answer.words
    # Nothing outside can be moved by what was installed: an uninstall, and a change back.
    assert here.run("rollback", "--yes").applied
    assert around.changed() == []


@pytest.mark.parametrize(
    "details",
    [
        {"without": ["RECORD"]},
        {"without": ["WHEEL"]},
        {"without": ["METADATA"]},
        {"metadata": "Metadata-Version: 2.1\nName: other\nVersion: 9\n"},
        {"metadata": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\nRequires-Dist: \x1b[31mx ==\n"},
        {"metadata": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\nRequires-Dist: x @ file:///etc\n"},
        {"metadata": "Metadata-Version: 2.1\nName: ../evil\nVersion: 1.0\n"},
        {"record": ['"evil/never closed,,']},
    ],
    ids=str,
)
def test_a_wheel_without_what_makes_a_wheel_is_refused(
    here: Installation, around: Surroundings, details: dict[str, list[str]]
) -> None:
    """No RECORD, no WHEEL, no METADATA or that of another package."""
    rogue_wheel(here.dists, **details)  # type: ignore[arg-type]
    answer = install(here, around)
    assert "\x1b" not in answer.words
    around.untouched(answer)
