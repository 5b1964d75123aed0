"""The bench of the integration tests, and a look at everything around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.installation import Installation
from comfyui_safe_install.tests.kit.surroundings import Surroundings


@pytest.fixture
def here(tmp_path: Path, index: IndexServer, dists: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A ComfyUI with an empty environment; uv knows only our index and has a cache of its own."""
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return Installation(root=tmp_path, dists=dists)


@pytest.fixture
def around(here: Installation) -> Surroundings:
    """What lies beside the environment and must never change."""
    return Surroundings(here)
