"""The types the front end is checked with are those of the routes as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_types_of_the_front_end_say_what_the_routes_say(root: Path) -> None:
    """js/wire.d.ts is what `npm run wire` would write now."""
    node = shutil.which("node")
    if node is None or not (root / "node_modules" / "openapi-typescript").is_dir():
        pytest.skip("there is no Node.js, or no node_modules (tools/setup makes them)")
    done = subprocess.run(
        [node, str(root / "tools" / "wire" / "types.js"), "--check"],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "SAFE_INSTALL_PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stderr
