"""Overlays of containers, described and real."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.io.mounts import reached_by_rename, renames_folders
from comfyui_safe_install.tests.kit.swapping import Live
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.kit.venvs import Venv, install, run_python
from comfyui_safe_install.tests.kit.wheels import make_wheel

OVERLAY = "21 1 0:39 / {point} rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w{more}\n"
PLAIN = "22 21 8:1 / {point} rw shared:3 - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("table", "default", "answer"),
    [
        (PLAIN.format(point="/"), "N", True),
        (OVERLAY.format(point="/", more=""), "N", False),
        (OVERLAY.format(point="/", more=""), "Y", True),
        (OVERLAY.format(point="/", more=""), None, False),
        (OVERLAY.format(point="/", more=",redirect_dir=on"), "N", True),
        (OVERLAY.format(point="/", more=",redirect_dir=nofollow"), "Y", False),
        (OVERLAY.format(point="/", more="") + PLAIN.format(point="{folder}"), "N", True),
        (PLAIN.format(point="{folder}") + OVERLAY.format(point="{folder}", more=""), "N", False),
        (OVERLAY.format(point="/", more="") + PLAIN.format(point="{folder}x"), "N", False),
        ("garbage\n\n1 2 - x\n", "N", True),
        (None, "N", True),
    ],
)
def test_the_mount_decides(tmp_path: Path, table: str | None, default: str | None, answer: bool) -> None:
    """The innermost mount, the last one where several lie on one point, and the kernel's default."""
    folder = tmp_path / "with blank"
    folder.mkdir()
    mounts, redirect = tmp_path / "mountinfo", tmp_path / "redirect_dir"
    if table is not None:
        mounts.write_text(table.format(folder=str(folder).replace(" ", r"\040")))
    if default is not None:
        redirect.write_text(f"{default}\n")
    assert renames_folders(folder, mounts=mounts, redirect=redirect) is answer


def test_a_mounted_folder_is_not_reached_by_a_rename_although_its_device_is_the_same(tmp_path: Path) -> None:
    """As a container's volume of the same disk: told by the table of mounts, and the kernel agrees."""
    packs, elsewhere = tmp_path / "custom_nodes", tmp_path / "elsewhere"
    packs.mkdir()
    elsewhere.mkdir()
    assert reached_by_rename(packs, tmp_path)
    mounted = subprocess.run(["mount", "--bind", elsewhere, packs], check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        assert packs.stat().st_dev == tmp_path.stat().st_dev
        assert not reached_by_rename(packs, tmp_path)
        (tmp_path / "file").touch()
        with pytest.raises(OSError, match="cross-device"):
            (tmp_path / "file").rename(packs / "file")
    finally:
        subprocess.run(["umount", packs], check=True)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """(folder of the image, the same as a container sees it): a real overlay, mounted on demand."""
    image, merged = tmp_path / "image", tmp_path / "merged"
    for folder in (image, merged, tmp_path / "upper", tmp_path / "work"):
        folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount an overlay")
    yield image, merged
    subprocess.run(["umount", str(merged)], check=False, capture_output=True)


def test_a_swap_in_a_container(image: tuple[Path, Path], venv: Venv, dists: Path, tmp_path: Path) -> None:
    """An environment that came with the image is changed file by file, and back."""
    below, merged = image
    old = make_wheel(dists / "1", "pkg", "1.0", files={"pkg/__init__.py": "v = 1\n", "pkg/sub/x.py": ""})
    new = make_wheel(dists / "2", "pkg", "2.0", files={"pkg/__init__.py": "v = 2\n", "pkg/sub/y.py": ""})
    install(venv, old)
    shutil.copytree(venv.root, below / "venv", symlinks=True)
    options = f"lowerdir={below},upperdir={tmp_path / 'upper'},workdir={tmp_path / 'work'}"
    done = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, str(merged)], check=False, capture_output=True
    )
    if done.returncode != 0:
        pytest.skip("overlays cannot be mounted here")
    root = merged / "venv"
    live = Live(
        Venv(
            root=root,
            python=root / venv.python.relative_to(venv.root),
            site_packages=root / venv.site_packages.relative_to(venv.root),
            scripts=root / venv.scripts.relative_to(venv.root),
        )
    )
    able = renames_folders(live.venv.site_packages)
    if able:
        pytest.skip("this kernel renames folders of an image")
    with pytest.raises(OSError, match="cross-device"):
        (live.venv.site_packages / "pkg").rename(root / "elsewhere")
    before = hash_tree(root, exclude=[".lock", "area"])
    swapped = live.swap(["pkg"], [live.stage("stage", new)], whole_folders=able)
    assert live.environment().versions == {"pkg": "2.0"}
    assert run_python(live.venv, "import pkg, pkg.sub.y; print(pkg.v)") == "2\n"
    shutil.rmtree(live.venv.site_packages / "pkg" / "__pycache__", ignore_errors=True)
    shutil.rmtree(live.venv.site_packages / "pkg" / "sub" / "__pycache__", ignore_errors=True)
    swapped.undo()
    assert hash_tree(root, exclude=[".lock", "area"]) == before
