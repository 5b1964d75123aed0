"""Fixtures of the tests that drive the whole product."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.installation import Installation


@pytest.fixture
def here(tmp_path: Path, index: IndexServer, dists: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A ComfyUI with an empty environment; uv knows only our index and has a cache of its own."""
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return Installation(root=tmp_path, dists=dists)
