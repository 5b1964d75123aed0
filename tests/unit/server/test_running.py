"""What runs in this very process, as a change may need a restart for it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.types import Distribution
from comfyui_safe_install.server_routes.running import imported_of
from comfyui_safe_install.tests.kit.venvs import Venv, install
from comfyui_safe_install.tests.kit.wheels import make_wheel


def test_a_distribution_counts_as_imported_by_its_files(
    venv: Venv, dists: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one of whose files a module came from; names alone say nothing. Without a list of files, it counts."""
    install(venv, make_wheel(dists, "guard-used", "1.0"), make_wheel(dists, "guard-unused", "1.0"))

    def dist(name: str, folder: str = "") -> Distribution:
        folder = folder or f"{name.replace('-', '_')}-1.0.dist-info"
        return Distribution(
            name=name, version="1.0", site=str(venv.site_packages), metadata_dir=folder, record_digest="-"
        )

    monkeypatch.syspath_prepend(str(venv.site_packages))
    importlib.import_module("guard_used")
    try:
        asked = [dist("guard-used"), dist("guard-unused"), dist("guard-unknown")]
        assert imported_of(asked) == {"guard-used", "guard-unknown"}
    finally:
        del sys.modules["guard_used"]
    assert imported_of([dist("guard-used")]) == frozenset()
