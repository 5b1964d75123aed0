"""The same as `python -m devhost`, by path: what a restart and another interpreter run, from any folder.

Run as a script, so it first gives the package its name back and takes its own folder off the path.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

_PACKAGE = "devhost"


def _register_package() -> None:
    folder = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != folder]
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[_PACKAGE] = package


if __name__ == "__main__":
    _register_package()
    sys.exit(importlib.import_module(f"{_PACKAGE}.command").main(sys.argv[1:]))
