"""A ComfyUI folder is found as ComfyUI itself would see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.errors import SafeInstallError, UsageError
from comfyui_safe_install.resolver.io.workspace import make_state_folder, open_workspace
from comfyui_safe_install.tests.kit.comfy import make_comfy


def test_a_plain_comfyui(tmp_path: Path) -> None:
    """Folder, packs' folder, requirements and state are found; opening writes nothing."""
    comfy = make_comfy(tmp_path / "ComfyUI", requirements="numpy\n")
    (comfy / "comfyui_version.py").write_text('__version__ = "0.8.0"\n', encoding="utf-8")
    workspace = open_workspace(comfy)
    assert workspace.custom_nodes == (comfy / "custom_nodes",)
    assert workspace.core_requirements == comfy / "requirements.txt"
    assert workspace.state == comfy / "user" / "__safe_install"
    assert workspace.comfyui_version == "0.8.0"
    assert not workspace.state.exists()
    assert make_state_folder(workspace).is_dir()


def test_version_from_pyproject(tmp_path: Path) -> None:
    """Without comfyui_version.py the project's own version counts."""
    comfy = make_comfy(tmp_path / "c")
    (comfy / "pyproject.toml").write_text(
        '[project]\nname = "ComfyUI"\nversion = "0.3.64"\n', encoding="utf-8"
    )
    assert open_workspace(comfy).comfyui_version == "0.3.64"


def test_extra_paths_add_folders_in_the_hosts_order(tmp_path: Path) -> None:
    """A default section comes first, others follow, folders that do not exist are passed over."""
    comfy = make_comfy(tmp_path / "c")
    for name in ("first", "more/a", "more/b"):
        (tmp_path / name).mkdir(parents=True)
    (comfy / "extra_model_paths.yaml").write_text(
        f"""
other:
    base_path: {tmp_path}/more
    checkpoints: models
    custom_nodes: |
        a
        b
        gone
empty:
guard:
    base_path: ..
    is_default: true
    custom_nodes: first
""",
        encoding="utf-8",
    )
    found = open_workspace(comfy).custom_nodes
    assert found == tuple(tmp_path / name for name in ("first", "c/custom_nodes", "more/a", "more/b"))


def test_a_default_section_may_name_comfys_own_folder(tmp_path: Path) -> None:
    """ComfyUI's own folder named as default by the file stays one folder."""
    comfy = make_comfy(tmp_path / "c")
    (comfy / "extra_model_paths.yaml").write_text(
        "a:\n  base_path: .\n  is_default: true\n  custom_nodes: custom_nodes\n", encoding="utf-8"
    )
    assert open_workspace(comfy).custom_nodes == (comfy / "custom_nodes",)


def test_a_running_host_tells_its_folders(tmp_path: Path) -> None:
    """Folders told by the host count instead of the file's; links are resolved and count once."""
    comfy = make_comfy(tmp_path / "c")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "link").symlink_to(elsewhere)
    workspace = open_workspace(comfy, tmp_path / "x/../state", custom_nodes=[tmp_path / "link", elsewhere])
    assert workspace.custom_nodes == (elsewhere,)
    assert workspace.state == tmp_path / "state"


def test_what_is_no_comfyui(tmp_path: Path) -> None:
    """A missing folder, a folder that is none, one without packs and a broken file each have their code."""
    codes = []
    for prepare in (
        lambda folder: None,
        lambda folder: folder.mkdir(),
        lambda folder: (folder / "requirements.txt").touch(),
        lambda folder: (
            (folder / "custom_nodes").mkdir(),
            (folder / "extra_model_paths.yaml").write_text("a: ["),
        ),
    ):
        prepare(tmp_path / "c")
        with pytest.raises(UsageError) as caught:
            open_workspace(tmp_path / "c")
        codes.append(caught.value.code)
    assert codes == [
        "comfyui-not-found",
        "not-a-comfyui-folder",
        "custom-nodes-missing",
        "extra-paths-unreadable",
    ]


def test_a_state_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A path that cannot become a folder is an error with a hint, not a traceback."""
    comfy = make_comfy(tmp_path / "c")
    (tmp_path / "file").touch()
    with pytest.raises(SafeInstallError) as caught:
        make_state_folder(open_workspace(comfy, tmp_path / "file" / "state"))
    assert caught.value.code == "folder-not-writable"
