"""The command line, as `python -m comfyui_safe_install ...` or `python custom_nodes/Safe-Install ...`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

_PACKAGE = "comfyui_safe_install"


def _register_folder(folder: Path) -> None:
    """Make the folder importable as the package, whatever it is called, without running its entry.

    Python put the folder itself on the path; there our `nodes` would hide the host's module of that name.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != folder]
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[_PACKAGE] = package


if __name__ == "__main__":
    if not __package__:
        _register_folder(Path(__file__).resolve().parent)
    cli = importlib.import_module(".resolver.cli", __package__ or _PACKAGE)
    sys.exit(cli.main())
