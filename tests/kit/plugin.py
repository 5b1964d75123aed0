"""The pytest plugin loaded by `-p kit.plugin`: our root is a package that pytest must not import.

pytest takes a folder with `__init__.py` for a Package and imports it, which would run ComfyUI's entry.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from .package import ROOT, register_package

register_package()

# A shell that starts us in the background has Ctrl-C ignored, and every child would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A plain folder for the root; pytest's own choice for every other."""
    if path == ROOT:
        return pytest.Dir.from_parent(parent, path=path)
    return None
