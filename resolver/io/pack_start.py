"""What of a pack only a start of ComfyUI brings to life, read off its files without running any of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..core.pyproject import read_toml
from ..core.reader import MAX_FILE_BYTES
from ..core.reload import AtStart
from ..transaction.fs import read_regular

_MOST_FILES = 5000
_LARGEST_SOURCE = 4 * 1024 * 1024
# `PromptServer.instance.send_sync` alone is no route; whoever adds one needs its table, its app or its router.
_SERVER = re.compile(rb"\bPromptServer\b")
_ROUTES = re.compile(rb"\b(routes?|app|router|add_(routes|route|get|post|static|resource|view))\b")
_WEB = re.compile(rb"\b(WEB_DIRECTORY|EXTENSION_WEB_DIRS)\b")


def marks_at_start(tree: Path) -> frozenset[AtStart] | None:
    """The marks of a pack in a folder, or of a single file; None where not all of it could be looked at.

    It errs on the side of a restart: a word in a comment counts.
    """
    marks: set[AtStart] = set()
    if (tree / "prestartup_script.py").is_file():
        marks.add(AtStart.PRESTARTUP)
    if (tree / "install.py").is_file():
        marks.add(AtStart.INSTALL_SCRIPT)
    try:
        for number, path in enumerate(_sources(tree)):
            if number >= _MOST_FILES:
                return None
            text = read_regular(path, _LARGEST_SOURCE)
            if _SERVER.search(text) and _ROUTES.search(text):
                marks.add(AtStart.ROUTES)
            if _WEB.search(text):
                marks.add(AtStart.WEB)
        if _serves_by_pyproject(tree):
            marks.add(AtStart.WEB)
    except (OSError, ValueError, RecursionError):
        return None
    return frozenset(marks)


def _sources(tree: Path) -> Iterator[Path]:
    if tree.is_file():
        yield tree
        return
    for folder, folders, files in os.walk(tree, onerror=_raise):
        folders[:] = [each for each in folders if each not in (".git", "__pycache__")]
        yield from (Path(folder, file) for file in files if file.endswith(".py"))


def _raise(error: OSError) -> None:
    raise error


def _serves_by_pyproject(tree: Path) -> bool:
    """`[tool.comfy] web`, which newer hosts serve too."""
    pyproject = tree / "pyproject.toml"
    if not pyproject.is_file():
        return False
    tool = read_toml(read_regular(pyproject, MAX_FILE_BYTES).decode("utf-8-sig")).get("tool")
    comfy = tool.get("comfy") if isinstance(tool, dict) else None
    return isinstance(comfy, dict) and bool(comfy.get("web"))
