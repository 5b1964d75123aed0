"""`python -m benchmarks`: gives the repository root its package name, then runs the command."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

if __name__ == "__main__":
    package = ModuleType("comfyui_safe_install")
    package.__path__ = [str(Path(__file__).resolve().parent.parent)]
    sys.modules[package.__name__] = package
    sys.exit(importlib.import_module("comfyui_safe_install.benchmarks.command").main(sys.argv[1:]))
