"""Gives the repository root its package name without running ComfyUI's entry. Standard library only."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
"""The repository root, which is the package `comfyui_safe_install`."""


def register_package() -> None:
    """Make `comfyui_safe_install.<anything>` importable through an empty package module.

    The root `__init__.py` is what ComfyUI loads; it is not executed here (it has tests of its own).
    """
    module = ModuleType("comfyui_safe_install")
    module.__path__ = [str(ROOT)]
    sys.modules["comfyui_safe_install"] = module
