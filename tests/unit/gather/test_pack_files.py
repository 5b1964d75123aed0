"""A pack's files are read without leaving the pack and without waiting."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.gather import gather
from comfyui_safe_install.resolver.core.reader import MAX_FILE_BYTES, UnreadableFile
from comfyui_safe_install.resolver.io.pack_files import pack_reader, root_names

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """An empty pack beside a file that is none of its business."""
    (tmp_path / "secret.txt").write_text("numpy\n", encoding="utf-8")
    folder = tmp_path / "pack"
    (folder / "req").mkdir(parents=True)
    return folder


def refused(pack: Path, path: str) -> str:
    """The code with which the reader refuses the path."""
    with pytest.raises(UnreadableFile) as problem:
        pack_reader(pack)(path)
    assert str(pack) not in str(problem.value.to_dict())
    return problem.value.code


def test_regular_files_are_read_whole(pack: Path) -> None:
    """Bytes come as they are, from sub-folders too."""
    (pack / "req" / "base.txt").write_bytes(b"a\r\nb\xff")
    assert pack_reader(pack)("req/base.txt") == b"a\r\nb\xff"
    (pack / "full").write_bytes(b"x" * MAX_FILE_BYTES)
    assert len(pack_reader(pack)("full")) == MAX_FILE_BYTES


def test_what_cannot_be_read_has_a_code(pack: Path) -> None:
    """Missing files, folders, names that are no names, and big files are told apart."""
    (pack / "big").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    assert refused(pack, "none.txt") == "file-missing"
    assert refused(pack, "req") == "not-a-regular-file"
    assert refused(pack, "big") == "file-too-large"
    assert refused(pack, "a\0b") == "file-unreadable"
    assert refused(pack, "x" * 5000) == "file-unreadable"
    assert refused(pack / "gone", "x") == "file-missing"


def test_nothing_outside_the_pack_is_read(pack: Path) -> None:
    """Neither by dots nor by an absolute path."""
    assert refused(pack, "../secret.txt") == "file-outside-pack"
    assert refused(pack, str(pack.parent / "secret.txt")).startswith("file-outside-pack")
    assert refused(pack, ".") == "file-outside-pack"


@posix
def test_links_are_followed_only_inside_the_pack(pack: Path) -> None:
    """A link to a file of the pack is that file; one that leads out is refused."""
    (pack / "real.txt").write_bytes(b"a")
    (pack / "inside.txt").symlink_to("real.txt")
    (pack / "outside.txt").symlink_to("../secret.txt")
    (pack / "out").symlink_to("..", target_is_directory=True)
    (pack / "circle").symlink_to("circle")
    assert pack_reader(pack)("inside.txt") == b"a"
    assert refused(pack, "outside.txt") == "file-outside-pack"
    assert refused(pack, "out/secret.txt") == "file-outside-pack"
    assert refused(pack, "circle") == "file-unreadable"


@posix
def test_a_pack_that_is_a_link_itself_is_read(pack: Path, tmp_path: Path) -> None:
    """Authors link their working copy into custom_nodes."""
    (pack / "requirements.txt").write_bytes(b"a")
    (tmp_path / "link").symlink_to(pack, target_is_directory=True)
    assert pack_reader(tmp_path / "link")("requirements.txt") == b"a"


@posix
def test_a_fifo_does_not_block(pack: Path) -> None:
    """A named pipe in place of the file would make a plain open wait forever."""
    os.mkfifo(pack / "requirements.txt")
    assert refused(pack, "requirements.txt") == "not-a-regular-file"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_finding(pack: Path) -> None:
    """The reason is told without the absolute path."""
    (pack / "requirements.txt").touch(mode=0)
    assert refused(pack, "requirements.txt") == "file-unreadable"


def test_root_names_lists_the_folder(pack: Path) -> None:
    """Names only; nothing for what is no folder."""
    (pack / "b").touch()
    assert root_names(pack) == ("b", "req")
    assert root_names(pack / "b") == ()


@posix
def test_a_link_out_of_the_pack_is_a_finding_of_the_pack(pack: Path) -> None:
    """Gathering survives it and says so."""
    (pack / "requirements.txt").symlink_to("../secret.txt")
    result = gather("pack", pack_reader(pack), root_names(pack))
    assert not result.lines
    assert [finding.code for finding in result.findings] == ["file-outside-pack"]
