"""Fixtures of the planning tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from comfyui_safe_install.tests.integration.planning.workbench import Workbench
from comfyui_safe_install.tests.kit.index import IndexServer


@pytest.fixture
def bench(tmp_path: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A host with an empty environment whose only index is the test's own."""
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    # A port may come back with another index behind it, so what uv remembers must not outlive the test.
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    # uv tries again for ten seconds where nobody answers.
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    # The configuration of whoever runs the tests would replace the one under test.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Workbench(tmp_path, index)
