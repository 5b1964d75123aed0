"""What is shipped: the wheel's content, its requirements, and the two ways to start the command line."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from uv import find_uv_bin

from comfyui_safe_install.tests.kit.comfy import make_comfy, put_product_in
from comfyui_safe_install.tests.kit.import_law import product_files
from comfyui_safe_install.tests.kit.venvs import make_venv

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHIPPED_FOLDERS = ("resolver", "server_routes", "nodes", "js", "locales")
ENTRY_FILES = ("__init__.py", "__main__.py", "prestartup_script.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """The wheel of this tree, built once, offline, by the real build backend."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=root, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path, root: Path) -> None:
    """Every product file is in the wheel under the package's name; tests, tools and notes are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        path.relative_to(root).as_posix()
        for path in product_files(root, ".py", ".js", ".css", ".html", ".toml", ".json", ".svg")
        if path.relative_to(root).parts[0] in SHIPPED_FOLDERS
    }
    assert names == {f"comfyui_safe_install/{name}" for name in expected | set(ENTRY_FILES)}
    for name in ("resolver/rules.toml", "js/docs/en/index.html", "locales/fr/commands.json"):
        assert f"comfyui_safe_install/{name}" in names


def test_both_lists_of_requirements_agree(root: Path) -> None:
    """requirements.txt, which some installers read alone, says what pyproject.toml says."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert listed == [Requirement(text) for text in project["dependencies"]]


@pytest.mark.network
def test_a_fresh_environment_with_the_wheel_has_a_working_command(
    wheel: Path, root: Path, tmp_path: Path
) -> None:
    """A user who installs the wheel gets `safe-install` and `python -m`, with all they need."""
    venv = make_venv(tmp_path / "venv")
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--quiet", "--python", str(venv.python),
         "--constraints", str(root / "tools" / "constraints.txt"), str(wheel)],
        check=True, timeout=110,
    )  # fmt: skip
    for command in ([str(venv.scripts / "safe-install")], [str(venv.python), "-m", "comfyui_safe_install"]):
        done = subprocess.run(
            [*command, "--help"], check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert "safe-install" in done.stdout
        assert "rollback" in done.stdout


@pytest.mark.parametrize("by", ["folder", "folder-from-inside", "link", "entry-file"])
def test_the_pack_folder_itself_is_a_command(by: str, tmp_path: Path) -> None:
    """`python custom_nodes/<any name>` runs the command line, from wherever and through a link too."""
    pack = put_product_in(make_comfy(tmp_path / "comfy"), name="safe-install.v1")
    link = tmp_path / "linked pack"
    link.symlink_to(pack)
    target = {
        "folder": str(pack),
        "folder-from-inside": ".",
        "link": str(link),
        "entry-file": str(pack / "__main__.py"),
    }[by]
    done = subprocess.run(
        [sys.executable, "-B", target, "--help"],
        check=False, capture_output=True, text=True, timeout=60,
        cwd=pack if by == "folder-from-inside" else tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "rollback" in done.stdout
