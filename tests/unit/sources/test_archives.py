"""A zip is unpacked only if no entry of it could do harm."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import RefusedError, SafeInstallError
from comfyui_safe_install.resolver.io.archives import ArchiveLimits, extract_zip
from comfyui_safe_install.tests.kit.trees import hash_tree


def make_zip(path: Path, *entries: tuple[str, bytes], mode: int = 0o100644) -> Path:
    """A zip of these entries, in this order, whatever their names."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def test_the_single_top_folder_is_taken_off(tmp_path: Path) -> None:
    """A zip as GitHub makes it unpacks to the pack itself."""
    archive = make_zip(
        tmp_path / "x.zip",
        ("Flux-main/", b""),
        ("Flux-main/__init__.py", b"1"),
        ("Flux-main/js/a.js", b"2"),
        ("__MACOSX/Flux-main/._a", b"3"),
        ("Flux-main/__pycache__/a.pyc", b"4"),
        ("Flux-main/.DS_Store", b"5"),
    )
    unpacked = extract_zip(archive, tmp_path / "out")
    assert unpacked.top_folder == "Flux-main"
    assert sorted(hash_tree(tmp_path / "out")) == ["__init__.py", "js", "js/a.js"]


def test_a_flat_zip_is_unpacked_as_it_is(tmp_path: Path) -> None:
    """Without a single top folder nothing is taken off; backslashes of Windows tools are separators."""
    archive = make_zip(tmp_path / "x.zip", ("__init__.py", b"1"), ("js\\a.js", b"2"))
    assert extract_zip(archive, tmp_path / "out").top_folder == ""
    assert (tmp_path / "out" / "js" / "a.js").read_bytes() == b"2"


def test_executables_stay_executable(tmp_path: Path) -> None:
    """The executable bit is kept; no other bit of the mode is."""
    archive = make_zip(tmp_path / "x.zip", ("run.sh", b"#!"), ("a.txt", b""), mode=0o106755)
    extract_zip(archive, tmp_path / "out")
    mode = stat.S_IMODE((tmp_path / "out" / "run.sh").stat().st_mode)
    assert mode & 0o111
    assert not mode & 0o6022


def test_a_repository_in_a_zip_is_left_out(tmp_path: Path) -> None:
    """A `.git` in an archive could make git run commands, so it stays behind and is named."""
    archive = make_zip(
        tmp_path / "x.zip", ("a/__init__.py", b""), ("a/.git/config", b"[core]"), ("a/.GIT/hooks/x", b"")
    )
    assert extract_zip(archive, tmp_path / "out").left_out == (".git",)
    assert sorted(hash_tree(tmp_path / "out")) == ["__init__.py"]


@pytest.mark.parametrize(
    "name",
    ["../x.py", "a/../../x.py", "/etc/x", "C:/x", "C:x", "a/b:stream", "\\\\server\\share", "..\\x", "a/nul",
     "a/CON.py", "a/x.", "a/x ", "a/\x1b[2J", "a/" + "x" * 300],
)  # fmt: skip
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    """A name that would land outside, on a device or under another name refuses the whole archive."""
    archive = make_zip(tmp_path / "x.zip", ("a/__init__.py", b"1"), (name, b"2"))
    with pytest.raises(RefusedError) as caught:
        extract_zip(archive, tmp_path / "out")
    assert caught.value.code == "unsafe-archive"
    assert caught.value.context["entry"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "names",
    [("a/X.py", "a/x.py"), ("a/x", "a/x/y"), ("A/x", "a/y"), ("a/caf\u00e9", "a/cafe\u0301"), ("a", "A/b")],
)
def test_names_that_meet_on_other_file_systems(tmp_path: Path, names: tuple[str, str]) -> None:
    """Two entries that would be one file on Windows or macOS refuse the archive."""
    with pytest.raises(RefusedError) as caught:
        extract_zip(make_zip(tmp_path / "x.zip", *((name, b"") for name in names)), tmp_path / "out")
    assert caught.value.code == "unsafe-archive"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(tmp_path: Path, kind: int) -> None:
    """An entry that is no plain file refuses the archive."""
    archive = make_zip(tmp_path / "x.zip", ("a/link", b"/etc/passwd"), mode=kind | 0o777)
    with pytest.raises(RefusedError, match="a/link"):
        extract_zip(archive, tmp_path / "out")


def test_bombs(tmp_path: Path) -> None:
    """Too many entries, too many bytes and too good a compression are refused before anything is written."""
    archive = make_zip(tmp_path / "x.zip", ("a", b"0" * 100_000), ("b", b""))
    for limits in (
        ArchiveLimits(entries=1),
        ArchiveLimits(bytes=99_999),
        ArchiveLimits(ratio=10, ratio_from_bytes=1000),
    ):
        with pytest.raises(RefusedError) as caught:
            extract_zip(archive, tmp_path / "out", limits=limits)
        assert caught.value.code == "unsafe-archive"
    assert not (tmp_path / "out").exists()
    extract_zip(archive, tmp_path / "out")


def test_an_entry_that_lies_about_its_size(tmp_path: Path) -> None:
    """More data than the directory of the archive declares never reaches the disk."""
    archive = make_zip(tmp_path / "x.zip", ("a", b"0" * 100_000))
    raw = bytearray(archive.read_bytes())
    place = raw.index(b"PK\x01\x02") + 24
    raw[place : place + 4] = struct.pack("<I", 10)
    archive.write_bytes(raw)
    with pytest.raises(SafeInstallError) as caught:
        extract_zip(archive, tmp_path / "out")
    assert caught.value.code in ("archive-unreadable", "unsafe-archive")


def test_damaged_and_encrypted_archives(tmp_path: Path) -> None:
    """What cannot be read says so; a password is a reason to refuse."""
    archive = make_zip(tmp_path / "x.zip", ("a", b"hello hello hello"))
    whole = archive.read_bytes()
    archive.write_bytes(whole[:20])
    with pytest.raises(SafeInstallError) as caught:
        extract_zip(archive, tmp_path / "out")
    assert caught.value.code == "archive-unreadable"
    raw = bytearray(whole)
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(raw)
    with pytest.raises(RefusedError, match="encrypted"):
        extract_zip(archive, tmp_path / "out")


def test_a_wrong_checksum(tmp_path: Path) -> None:
    """A flipped byte is found by the checksum of the entry."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", b"hello")
    (tmp_path / "x.zip").write_bytes(buffer.getvalue().replace(b"hello", b"hallo"))
    with pytest.raises(SafeInstallError) as caught:
        extract_zip(tmp_path / "x.zip", tmp_path / "out")
    assert caught.value.code == "archive-unreadable"
