"""On a file system that shares blocks, a full snapshot costs next to nothing and is as safe as a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.installation import Installation, differences

LIBRARY = os.urandom(8_000_000)
IMAGE_BYTES = 400_000_000


@pytest.fixture(params=["xfs", "btrfs"])
def volume(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A real file system of that kind in a file; skipped where its tools or the right to mount are missing."""
    make = shutil.which(f"mkfs.{request.param}", path=os.defpath + ":/usr/sbin:/sbin")
    if make is None:
        pytest.skip(f"there is no mkfs.{request.param} here")
    image, folder = tmp_path / "image", tmp_path / "volume"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run([make, "-q", image], check=True, capture_output=True)
    if (
        subprocess.run(["mount", "-o", "loop", image, folder], check=False, capture_output=True).returncode
        != 0
    ):
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def used(folder: Path) -> int:
    """Bytes the file system has given away, after all that waits was written."""
    os.sync()
    now = os.statvfs(folder)
    return (now.f_blocks - now.f_bfree) * now.f_frsize


def test_a_full_snapshot_of_clones_is_free_and_survives_an_edit_in_place(
    volume: Path, here: Installation
) -> None:
    """Eight megabytes of library take no second eight; overwritten in place they come back byte for byte."""
    there = Installation(root=volume, dists=here.dists)
    there.have("tool", "1.0", files={"tool/__init__.py": "", "tool/lib.so": LIBRARY})
    there.compile()
    before, room = there.tree(), used(volume)
    assert there.run("guard", "status").document["method"] == "reflink"
    taken = there.run("snapshot", "create", "--full")
    assert taken.code == 0, taken
    assert used(volume) - room < len(LIBRARY) / 2

    with (there.venv.site_packages / "tool" / "lib.so").open("r+b") as file:
        file.write(b"other bytes, in place")
    (there.venv.site_packages / "tool" / "__init__.py").chmod(0o600)
    assert there.run("guard", "check").document["ok"] is True, "the kept bytes are not the edited ones"
    assert there.run("rollback", taken.document["snapshot"]["id"], "--yes").applied
    assert differences(before, there.tree()) == []
