"""Archives that pages send: their names, the room for them, how many come at once."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyui_safe_install.resolver.core.pack_names import check_pack_name
from comfyui_safe_install.resolver.core.uploads import archive_name, without_places
from comfyui_safe_install.resolver.errors import BusyError, RefusedError
from comfyui_safe_install.server_routes import uploads
from comfyui_safe_install.server_routes.table import ROUTES
from comfyui_safe_install.server_routes.uploads import MOST_AT_ONCE, SPARE, Uploads


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("Flux.zip", "Flux.zip"),
        ("Flux-main.ZIP", "Flux-main.zip"),
        ("Flux", "Flux.zip"),
        ("Flux (2).zip", "Flux.zip"),
        ("../../etc/passwd", "passwd.zip"),
        ("C:\\x\\My Pack.zip", "My-Pack.zip"),
        ("nul.zip", "pack-nul.zip"),
        (".zip", "pack.zip"),
        ("..", "pack.zip"),
        ("a\x00b\n.zip", "a-b.zip"),
        ("-rf.zip", "rf.zip"),
        ("\u6d41.zip", "\u6d41.zip"),
    ],
)
def test_an_archive_gets_a_name_that_does_no_harm(given_name: str, expected: str) -> None:
    """Whatever it was called where it comes from."""
    assert archive_name(given_name) == expected


@given(st.text(max_size=300))
def test_every_name_is_one_a_pack_may_have(text: str) -> None:
    """Never a folder, never empty, never too long; and naming it again changes nothing."""
    name = archive_name(text)
    assert name.endswith(".zip")
    if not name.endswith(".disabled.zip"):  # Refused by its own name, when it is installed.
        check_pack_name(name.removesuffix(".zip"))
    assert PurePosixPath(name).name == name
    assert len(name.encode()) <= 110


def test_where_an_archive_lies_is_left_out_of_words() -> None:
    """Of ours alone: any other path is what the user named."""
    state = PurePosixPath("/s")
    place = "/s/uploads/0123456789abcdef/A.zip"
    assert without_places(f"install {place}, install {place}", state) == "install A.zip, install A.zip"
    for other in ("/s/uploads/mine/A.zip", "/t/uploads/0123456789abcdef/A.zip"):
        assert without_places(f"install {other}", state) == f"install {other}"


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_no_archive_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before a byte where its size is said, else as soon as it is noticed; nothing is left."""
    kept = Uploads(tmp_path / "state")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: _Usage(10, 0, SPARE + 100))
    with pytest.raises(RefusedError) as refused:
        kept.begin("a.zip", 101)
    assert refused.value.code == "upload-no-space"
    assert refused.value.hints
    monkeypatch.setattr(uploads, "_LOOK_EVERY", 10)
    coming = kept.begin("a.zip", None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: _Usage(10, 0, SPARE - 1))
    with pytest.raises(RefusedError):
        coming.write(b"PK" + bytes(100))
    coming.discard()
    assert not kept.folder.exists()


def test_what_is_larger_than_any_pack_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is said of its size, and by what comes."""
    kept = Uploads(tmp_path)
    monkeypatch.setattr(uploads, "LARGEST_ARCHIVE", 1000)
    with pytest.raises(RefusedError) as refused:
        kept.begin("a.zip", 1001)
    assert refused.value.code == "upload-too-large"
    coming = kept.begin("a.zip", None)
    with pytest.raises(RefusedError):
        coming.write(b"PK" + bytes(999))
    coming.discard()


def test_only_a_few_come_at_once(tmp_path: Path) -> None:
    """The next one is told to wait, until one of them has arrived or was given up; none of them is cleared away."""
    kept = Uploads(tmp_path)
    coming = [kept.begin("a.zip", None) for _ in range(MOST_AT_ONCE)]
    with pytest.raises(BusyError) as busy:
        kept.begin("a.zip", None)
    assert busy.value.code == "uploads-busy"
    coming.pop().discard()
    coming.append(kept.begin("a.zip", None))
    assert len(list(kept.folder.iterdir())) == MOST_AT_ONCE
    for each in coming:
        each.discard()
        each.write(b"too late")
    assert not kept.folder.exists()


def test_a_link_in_the_place_of_the_folder_is_not_cleared(tmp_path: Path) -> None:
    """It leads to folders of somebody else."""
    other = tmp_path / "other" / "0123456789abcdef"
    other.mkdir(parents=True)
    (tmp_path / "uploads").symlink_to(other.parent)
    kept = Uploads(tmp_path)
    for _ in range(30):
        kept.remove_old(room_for=20)
    assert other.is_dir()


def test_no_route_takes_what_a_form_can_be() -> None:
    """What browsers send to other sites without asking (Fetch standard, CORS-safelisted Content-Type)."""
    safelisted = {"text/plain", "multipart/form-data", "application/x-www-form-urlencoded"}
    taking = [route for route in ROUTES if route.takes]
    assert [route.path for route in taking] == ["/uploads"]
    assert all(safelisted.isdisjoint(route.takes) and not route.body for route in taking)
