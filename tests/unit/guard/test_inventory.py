"""The inventory of an environment and its packs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.inventory import (
    Inventory,
    diff,
    from_columns,
    to_columns,
    without_bytecode,
)
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.inventory import (
    Grounds,
    pack_inventory,
    read_inventory,
    take_inventory,
    unpack_inventory,
    write_inventory,
)


@pytest.fixture
def ground(tmp_path: Path) -> Grounds:
    """A small environment with site-packages inside its prefix, and one pack."""
    prefix, packs = tmp_path / "venv", tmp_path / "custom_nodes"
    site = prefix / "lib" / "site-packages"
    (site / "foo" / "__pycache__").mkdir(parents=True)
    (site / "foo" / "__init__.py").write_text("x = 1\n")
    (site / "foo" / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"cache")
    (prefix / "lib64").symlink_to("lib")
    (prefix / "lib" / ".safe-install" / "payloads").mkdir(parents=True)
    (packs / "pack").mkdir(parents=True)
    (packs / "pack" / "__init__.py").write_text("")
    return Grounds(
        roots={"data": str(prefix), "purelib": str(site), "packs-0": str(packs)},
        walked=(str(prefix), str(site), str(packs)),
    )


def test_every_entry_is_listed_once_by_the_innermost_root(ground: Grounds) -> None:
    """Files, folders and links get the label of the innermost root; our own hidden folder is no part of it."""
    taken = take_inventory(ground)
    assert sorted(taken.entries) == [
        "data",
        "data/lib",
        "data/lib64",
        "packs-0",
        "packs-0/pack",
        "packs-0/pack/__init__.py",
        "purelib",
        "purelib/foo",
        "purelib/foo/__init__.py",
        "purelib/foo/__pycache__",
        "purelib/foo/__pycache__/__init__.cpython-311.pyc",
    ]
    assert taken.entries["data/lib64"].content == "lib"
    assert Path(taken.place("purelib/foo/__init__.py")).read_text() == "x = 1\n"


def test_digests_are_taken_over_where_nobody_wrote(ground: Grounds) -> None:
    """A file whose size, times, inode and device are the same keeps its digest unread; another is read."""
    first = take_inventory(ground, digests=True)
    path = "purelib/foo/__init__.py"
    told = {name: entry._replace(content="0" * 64) if entry.kind == "file" else entry
            for name, entry in first.entries.items()}  # fmt: skip
    Path(first.place("packs-0/pack/__init__.py")).write_text("")
    again = take_inventory(ground, digests=True, former=replace(first, entries=told))
    assert again.entries[path].content == "0" * 64
    assert (
        again.entries["packs-0/pack/__init__.py"].content == first.entries["packs-0/pack/__init__.py"].content
    )


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda file: file.write_text("x = 2\n"), "changed"),
        (lambda file: file.chmod(0o600), "touched"),
        (lambda file: os.utime(file, ns=(1, 1)), "touched"),
        (lambda file: file.unlink(), "removed"),
        (lambda file: (file.unlink(), file.symlink_to("elsewhere")), "changed"),
    ],
)
def test_what_differs_is_told(ground: Grounds, act: Callable[[Path], object], expected: str) -> None:
    """Bytes, kind, mode and time of a file each count."""
    before = take_inventory(ground, digests=True)
    file = Path(before.place("purelib/foo/__init__.py"))
    act(file)
    found = diff(before, take_inventory(ground, digests=True, former=before))
    assert [(each.path, each.action) for each in found] == [("purelib/foo/__init__.py", expected)]


def test_an_edit_that_hides_its_time_is_noticed(ground: Grounds) -> None:
    """Same size and the old time put back: the kernel's own time of change gives it away."""
    before = take_inventory(ground, digests=True)
    file = Path(before.place("purelib/foo/__init__.py"))
    then = file.stat().st_mtime_ns
    file.write_text("x = 3\n")
    os.utime(file, ns=(then, then))
    found = diff(before, take_inventory(ground, digests=True, former=before))
    assert [each.action for each in found] == ["changed"]


def test_bytecode_python_writes_is_no_difference(ground: Grounds) -> None:
    """New bytecode does not count; bytecode that changed while its source did not does."""
    before = take_inventory(ground, digests=True)
    cache = Path(before.place("purelib/foo/__pycache__"))
    (cache / "other.cpython-311.pyc").write_bytes(b"new")
    found = diff(before, take_inventory(ground, digests=True, former=before))
    assert [each.action for each in found] == ["added"]
    assert without_bytecode(found) == ()
    (cache / "__init__.cpython-311.pyc").write_bytes(b"poisoned")
    found = without_bytecode(diff(before, take_inventory(ground, digests=True, former=before)))
    assert [each.path for each in found] == ["purelib/foo/__pycache__/__init__.cpython-311.pyc"]


def test_an_inventory_comes_back_from_the_disk(ground: Grounds, tmp_path: Path) -> None:
    """What is written is read again, equal, and the same inventory gives the same bytes."""
    taken = take_inventory(ground, digests=True)
    write_inventory(tmp_path / "inventory", taken)
    assert read_inventory(tmp_path / "inventory") == taken
    assert pack_inventory(taken) == pack_inventory(taken)


def _columns(**changed: object) -> dict[str, object]:
    empty = to_columns(Inventory(roots={"data": "/x"}, entries={}))
    return {**empty, **changed}


_ONE: dict[str, list[object]] = {
    "kind": ["file"],
    **{name: [1] for name in ("mode", "size", "mtime_ns", "ctime_ns", "inode", "device")},
    "content": [""],
}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        _columns(format=2),
        _columns(format=True),
        _columns(more=1),
        _columns(roots={"elsewhere": "/x"}),
        _columns(paths=["data/a"]),
        _columns(paths=["data/../a"], **_ONE),
        _columns(paths=["data//a"], **_ONE),
        _columns(paths=["data/a\0"], **_ONE),
        _columns(paths=["other/a"], **_ONE),
        _columns(paths=[1], **_ONE),
        _columns(paths=["data/a"], **{**_ONE, "mode": ["1"]}),
        _columns(paths=["data/a"], **{**_ONE, "size": [-1]}),
        _columns(paths=["data/a"], **{**_ONE, "size": [True]}),
        _columns(paths=["data/a"], **{**_ONE, "kind": ["devil"]}),
        _columns(paths=["data/a"], **{**_ONE, "content": ["../x"]}),
        _columns(paths=["data/a", "data/a"], **{name: each * 2 for name, each in _ONE.items()}),
    ],
)
def test_a_bad_inventory_is_refused(value: object) -> None:
    """Anything that is not exactly an inventory is refused, paths that lead out of a root included."""
    with pytest.raises(SafeInstallError) as caught:
        from_columns(json.loads(json.dumps(value)))
    assert caught.value.code == "inventory-damaged"


@pytest.mark.parametrize("cut", [0, 5, 40, -1])
def test_a_torn_inventory_is_refused(ground: Grounds, cut: int) -> None:
    """A file that was cut off is refused."""
    data = pack_inventory(take_inventory(ground))
    with pytest.raises(SafeInstallError) as caught:
        unpack_inventory(data[:cut])
    assert caught.value.code == "inventory-damaged"
