"""Who we are. Standard library only."""

from __future__ import annotations

import re
from pathlib import Path


def own_version() -> str:
    """Our own version: of the checkout or pack this file is in, else of the wheel. Reads a file."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    try:
        found = re.search(r'^version = "([^"]+)"', project.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1]
    except OSError:
        pass  # Installed as a wheel.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("comfyui-safe-install")
    except PackageNotFoundError:
        return "unknown"
