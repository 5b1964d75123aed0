"""Where the front end's files are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ..options import fail

PACKAGE = "comfyui_frontend_package"


def find_front_end(root: str | None) -> Path:
    """The folder given, else that of the installed package. Raises SystemExit when there is none."""
    if root is not None:
        return Path(root)
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / "static" / "index.html").is_file():
            return Path(folder) / "static"
    raise fail(
        "There is no front end: install comfyui-frontend-package, or name a folder with --front-end-root."
    )
