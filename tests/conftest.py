"""Fixtures every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.package import ROOT
from comfyui_safe_install.tests.kit.venvs import Venv, make_venv


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository root."""
    return ROOT


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real dependency files; the test is skipped where it is not at hand."""
    folder = Path(os.environ.get("SAFE_INSTALL_CORPUS") or ROOT.parent / "shared" / "corpus")
    if not (folder / "manifest.json").is_file():
        pytest.skip("no corpus of dependency files here (set SAFE_INSTALL_CORPUS)")
    return folder


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    """A fresh, empty virtual environment of its own."""
    return make_venv(tmp_path / "venv")


@pytest.fixture
def dists(tmp_path: Path) -> Path:
    """An empty folder for wheels and sdists; `index` serves it."""
    folder = tmp_path / "dists"
    folder.mkdir()
    return folder


@pytest.fixture
def index(dists: Path) -> Iterator[IndexServer]:
    """A running package index over the folder `dists`."""
    with IndexServer(dists) as server:
        yield server
