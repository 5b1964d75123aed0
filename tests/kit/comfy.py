"""A ComfyUI folder with just enough in it to be recognised and installed into."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from .package import ROOT

_NO_PACKS: Mapping[str, Mapping[str, str | bytes]] = {}


def make_comfy(
    folder: Path, *, requirements: str = "", packs: Mapping[str, Mapping[str, str | bytes]] = _NO_PACKS
) -> Path:
    """Make `folder` a minimal ComfyUI and return it.

    `packs` maps a pack's folder name to its files (`{"requirements.txt": "numpy"}`); each gets an
    `__init__.py` with an empty node mapping unless it brings its own.
    """
    for name in ("custom_nodes", "user", "models", "input", "output"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text('"""Placeholder for the host."""\n', encoding="utf-8")
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    for name, files in packs.items():
        for relative, content in {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n", **files}.items():
            path = folder / "custom_nodes" / name / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


_FILES = ("__init__.py", "__main__.py", "prestartup_script.py", "pyproject.toml", "requirements.txt")
_FOLDERS = ("resolver", "server_routes", "nodes", "js", "locales")


def put_product_in(comfy: Path, *, name: str = "safe-install.v1") -> Path:
    """Copy the product into `custom_nodes` as a pack of that name, and return the pack's folder."""
    pack = comfy / "custom_nodes" / name
    pack.mkdir(parents=True)
    for file in _FILES:
        shutil.copy(ROOT / file, pack)
    for folder in _FOLDERS:
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, pack / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return pack
