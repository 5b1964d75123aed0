"""A zip as a source: every trap of the format, and what it costs to find it."""

from __future__ import annotations

import io
import os
import random
import shutil
import stat
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import RefusedError, SafeInstallError
from comfyui_safe_install.resolver.io.archives import extract_zip
from comfyui_safe_install.resolver.io.sources import fetch_source, read_source
from comfyui_safe_install.resolver.io.trees import remove_tree as remove_source
from comfyui_safe_install.resolver.transaction.fs import remove_tree
from comfyui_safe_install.tests.kit.installation import Installation
from comfyui_safe_install.tests.kit.rogue_wheels import Item, overlapping_bomb, patch_directory, write_zip
from comfyui_safe_install.tests.kit.surroundings import Surroundings

PACK = Item("pack/__init__.py", b"NODE_CLASS_MAPPINGS = {}\n")


def refused(archive: Path, target: Path) -> str:
    """Why it was not unpacked; nothing of it is there."""
    with pytest.raises(SafeInstallError) as caught:
        extract_zip(archive, target)
    assert caught.value.code in ("unsafe-archive", "archive-unreadable")
    return f"{caught.value.code}: {caught.value.message}"


@pytest.mark.parametrize(
    "item",
    [
        Item("../mine.txt"),
        Item("pack/../../mine.txt"),
        Item("pack/..\\..\\mine.txt"),
        Item("/etc/passwd"),
        Item("\\etc\\passwd"),
        Item("//server/share/x"),
        Item("\\\\?\\C:\\x"),
        Item("C:\\x"),
        Item("C:x"),
        Item("pack/x.py:stream"),
        Item("pack/x.py::$DATA"),
        Item("pack/CON"),
        Item("pack/aux.txt"),
        Item("pack/Com1.tar.gz"),
        Item("pack/lpt\u00b9"),
        Item("pack/nul .txt"),
        Item("pack/conin$"),
        Item("pack/x."),
        Item("pack/x "),
        Item("pack/.../x"),
        Item("pack/ . /x"),
        Item("pack/" + "\u00e9" * 200),
        Item("pack/" + "d/" * 5000 + "x"),
        Item("pack/\x00x"),
        Item("pack/\x1b]0;title\x07"),
        Item("pack/a\nb"),
        Item("pack/\x9b31m"),
        Item("pack/link", b"/etc", stat.S_IFLNK),
        Item("pack/link", b"../..", stat.S_IFLNK),
        Item("pack/link", b"__init__.py", stat.S_IFLNK),
        Item("pack/pipe", b"", stat.S_IFIFO),
        Item("pack/device", b"", stat.S_IFCHR),
        Item("pack/disk", b"", stat.S_IFBLK),
        Item("pack/socket", b"", stat.S_IFSOCK),
        Item("pack/x", b"1" * 100, method=zipfile.ZIP_BZIP2),
        Item("pack/x", b"1" * 100, method=zipfile.ZIP_LZMA),
        Item("PACK/__INIT__.py"),
        Item("pack/__init__.py"),
        Item("pack/__init__.py/x"),
        Item("./pack//__init__.py"),
    ],
    ids=lambda item: ascii(item.name[:30]) + oct(item.kind) + str(item.method),
)
def test_one_bad_entry_refuses_the_archive(tmp_path: Path, item: Item) -> None:
    """Before anything is written."""
    archive = write_zip(tmp_path / "pack.zip", PACK, item)
    assert refused(archive, tmp_path / "out").startswith("unsafe-archive")
    assert not (tmp_path / "out").exists()


def test_a_hundred_thousand_entries_are_counted_and_refused(tmp_path: Path) -> None:
    """In seconds, and without a file on the disk."""
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for number in range(100_000):
            opened.writestr(zipfile.ZipInfo(f"p/{number}"), b"")
    assert "entries" in refused(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_endless_directory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """Millions of entries would fill the memory before anybody could count them."""
    archive = tmp_path / "endless.zip"
    entry = b"PK\x01\x02" + b"\0" * 24 + (30).to_bytes(2, "little") + b"\0" * 16 + b"x" * 30
    with archive.open("wb") as file:
        for _ in range(100):
            file.write(entry * 4000)
        size = file.tell()
        file.write(b"PK\x05\x06" + b"\0" * 8 + size.to_bytes(4, "little") + b"\0" * 6)
    tracemalloc.start()
    began = time.process_time()
    assert "list of entries" in refused(archive, tmp_path / "out")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - began < 2
    assert peak < 5_000_000


@pytest.mark.parametrize("size", [2**32, 2**40])
def test_bombs_are_refused_by_what_they_say(tmp_path: Path, size: int) -> None:
    """Four gigabytes of zeros in a few bytes, by the large format."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        with opened.open(zipfile.ZipInfo("zeros"), "w", force_zip64=True) as file:
            file.write(b"\0" * 1000)
        opened.filelist[0].file_size = size
    archive = tmp_path / "bomb.zip"
    archive.write_bytes(buffer.getvalue())
    assert "unpack to" in refused(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_overlapping_bombs_are_refused(tmp_path: Path) -> None:
    """Many names for one compressed file: the sum of what they say is what counts."""
    archive = overlapping_bomb(tmp_path / "bomb.zip", 5000, 20_000_000)
    assert archive.stat().st_size < 500_000
    assert "unpack to" in refused(archive, tmp_path / "out")


def test_an_archive_in_an_archive_stays_one(tmp_path: Path) -> None:
    """Nothing is unpacked twice, so what is inside need not be judged."""
    inner = overlapping_bomb(tmp_path / "inner.zip", 1000, 20_000_000)
    archive = write_zip(tmp_path / "outer.zip", PACK, Item("pack/inner.zip", inner.read_bytes()))
    extract_zip(archive, tmp_path / "out")
    assert (tmp_path / "out" / "inner.zip").stat().st_size == inner.stat().st_size


@pytest.mark.parametrize("offset", [8, 16, 20, 24, 28, 30, 32, 38, 42])
@pytest.mark.parametrize("value", [b"\xff\xff", b"\x01\x00", b"\x00\x80"])
def test_a_directory_that_lies_is_found_out(tmp_path: Path, offset: int, value: bytes) -> None:
    """Flags, checksum, sizes, lengths, mode and place of the second entry: unpacked right, or refused."""
    archive = write_zip(
        tmp_path / "x.zip", PACK, Item("pack/a.txt", b"text" * 50), Item("pack/b.txt", b"more")
    )
    patch_directory(archive, 1, offset, value)
    try:
        extract_zip(archive, tmp_path / "out")
    except SafeInstallError as error:
        assert error.code in ("unsafe-archive", "archive-unreadable")  # noqa: PT017
    else:
        found = {path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
        assert found <= {PACK.content, b"text" * 50, b"more", b""}


def test_bytes_changed_at_random_never_surprise(tmp_path: Path) -> None:
    """Five hundred damaged archives: each is unpacked or refused, whatever zipfile thinks of it."""
    chance = random.Random(20)
    write_zip(tmp_path / "x.zip", PACK, Item("pack/\u00e9.txt", b"text" * 50, method=zipfile.ZIP_DEFLATED))
    raw = (tmp_path / "x.zip").read_bytes()
    outcomes = set()
    for _ in range(500):
        data = bytearray(raw)
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(data))
            data[place : place + chance.randint(0, 2)] = chance.choice(
                (b"\0", b"\xff\xff\xff\xff", b"\x80", b"")
            )
        (tmp_path / "x.zip").write_bytes(data)
        try:
            extract_zip(tmp_path / "x.zip", tmp_path / "out")
            outcomes.add("unpacked")
        except SafeInstallError as error:
            outcomes.add(error.code)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert outcomes == {"unpacked", "unsafe-archive", "archive-unreadable"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_no_archive(tmp_path: Path) -> None:
    """A pipe or an endless device with the name of an archive does not hang."""
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "zero.zip").symlink_to("/dev/zero")
    (tmp_path / "folder.zip").mkdir()
    for name in ("pipe.zip", "zero.zip", "folder.zip"):
        with pytest.raises(SafeInstallError):
            fetch_source(read_source(str(tmp_path / name)), tmp_path / "aside")


@pytest.mark.parametrize("remove", [remove_tree, remove_source])
def test_a_tree_of_any_depth_can_be_removed(tmp_path: Path, remove: object) -> None:
    """Whoever made it did it one folder at a time, deeper than any stack."""
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        current = here
        for _ in range(1100):
            os.mkdir("d", dir_fd=current)
            deeper = os.open("d", os.O_RDONLY, dir_fd=current)
            if current != here:
                os.close(current)
            current = deeper
        os.close(current)
    finally:
        os.close(here)
    assert callable(remove)
    remove(tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_a_source_that_is_too_deep_is_refused(here: Installation, around: Surroundings) -> None:
    """A folder with a thousand folders in each other: an error with a code, and nothing left behind."""
    source = Path(here.source("deep"))
    here.have("base", "1.0")
    around.remember()
    deepest = source
    for _ in range(150):
        deepest /= "d"
        deepest.mkdir()
    assert around.untouched(here.run("install", str(source), "--yes")) == "tree-too-deep"
    assert here.leftovers() == []


def test_an_archive_is_refused_by_the_command_too(here: Installation, around: Surroundings) -> None:
    """With exit code 3, the entry's name without its control characters, and nothing changed."""
    here.have("base", "1.0")
    archive = write_zip(here.root / "demo.zip", PACK, Item("pack/\x1b[31m../x"), Item("../\u202eexe.txt"))
    around.remember()
    answer = here.run("install", str(archive), "--yes")
    assert around.untouched(answer) == "unsafe-archive"
    assert answer.code == RefusedError.exit_code
    assert "\x1b" not in answer.words
