"""Fixtures every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.installation import Installation
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


@pytest.fixture
def here(tmp_path: Path, index: IndexServer, dists: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A ComfyUI with an empty environment; uv knows only our index and has a cache of its own."""
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return Installation(root=tmp_path, dists=dists)
