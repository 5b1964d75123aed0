"""A look at everything around the environment, and no traces of trees that are traps."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.installation import Installation
from comfyui_safe_install.tests.kit.surroundings import Surroundings


@pytest.fixture(autouse=True)
def _swept(tmp_path: Path) -> Iterator[None]:
    """Some of these trees are too deep for Python's own removal, with which pytest tidies up."""
    yield
    subprocess.run(["rm", "-rf", "--", str(tmp_path)], check=False)


@pytest.fixture
def around(here: Installation) -> Surroundings:
    """What lies beside the environment and must never change."""
    return Surroundings(here)
