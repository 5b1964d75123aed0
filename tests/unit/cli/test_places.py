"""Finding ComfyUI and the folders recovery may touch, with the standard library alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.cli import places
from comfyui_safe_install.resolver.cli.places import find_comfyui, recovery_roots, state_folder
from comfyui_safe_install.resolver.errors import UsageError
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.venvs import Venv


def test_the_named_folder_counts_first(tmp_path: Path) -> None:
    """What the user names is taken as it is."""
    assert find_comfyui(tmp_path / "x") == tmp_path / "x"


def test_a_custom_node_belongs_to_the_comfyui_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among the custom nodes of a ComfyUI, that ComfyUI is meant, wherever the user is."""
    comfy = make_comfy(tmp_path / "comfy", packs={"us": {}})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        places, "__file__", str(comfy / "custom_nodes" / "us" / "resolver" / "cli" / "places.py")
    )
    assert find_comfyui(None) == comfy


def test_a_linked_custom_node_belongs_to_the_comfyui_it_is_called_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout linked into custom_nodes is known by the path it was started with."""
    comfy = make_comfy(tmp_path / "comfy")
    (comfy / "custom_nodes" / "us").symlink_to(Path(__file__).parents[3])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(comfy / "custom_nodes" / "us")])
    assert find_comfyui(None) == comfy


def test_the_current_folder_counts_when_it_has_custom_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a ComfyUI folder nothing need be named; elsewhere it is an error that says so."""
    monkeypatch.chdir(make_comfy(tmp_path / "comfy"))
    assert find_comfyui(None) == tmp_path / "comfy"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as raised:
        find_comfyui(None)
    assert raised.value.code == "comfyui-not-named"


def test_the_state_folder_is_the_hosts_own_for_us(tmp_path: Path) -> None:
    """By default it lies where the host's system user folder is; a named one counts first."""
    comfy = make_comfy(tmp_path / "comfy")
    assert state_folder(comfy, None) == comfy.resolve() / "user" / "__safe_install"
    assert state_folder(tmp_path / "nowhere", tmp_path / "a" / ".." / "b") == tmp_path / "b"
    with pytest.raises(UsageError) as raised:
        state_folder(tmp_path / "nowhere", None)
    assert raised.value.code == "comfyui-not-found"


def test_recovery_may_touch_what_a_transaction_may(tmp_path: Path, venv: Venv) -> None:
    """The interpreter's folders, custom_nodes and their hidden neighbours; nothing above ComfyUI."""
    comfy = make_comfy(tmp_path / "comfy")
    roots = recovery_roots(comfy, venv.python, tmp_path / "state")
    assert {comfy / "custom_nodes", comfy / ".safe-install", venv.site_packages, venv.scripts} <= set(roots)
    assert venv.site_packages.parent / ".safe-install" in roots
    assert tmp_path not in roots
    assert Path("/") not in roots


def test_a_journal_cannot_widen_what_recovery_may_touch(tmp_path: Path, venv: Venv) -> None:
    """Folders a journal names count only inside ComfyUI or the environment of that Python."""
    comfy = make_comfy(tmp_path / "comfy")
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    inside, packs = venv.root / "lib" / "extra", comfy / "more_nodes"
    escape = comfy / ".." / "elsewhere"
    Transaction.begin(state, operation="x", roots=(elsewhere, inside, packs, tmp_path, escape), summary={})
    roots = set(recovery_roots(comfy, venv.python, state))
    assert {inside, packs} <= roots
    assert not {elsewhere, tmp_path, escape} & roots


def test_a_python_that_does_not_start_still_gives_its_environment(tmp_path: Path, venv: Venv) -> None:
    """With a broken interpreter the recorded folders below its prefix are enough."""
    comfy = make_comfy(tmp_path / "comfy")
    Transaction.begin(tmp_path / "state", operation="x", roots=(venv.site_packages,), summary={})
    venv.python.unlink()
    assert venv.site_packages in recovery_roots(comfy, venv.python, tmp_path / "state")
