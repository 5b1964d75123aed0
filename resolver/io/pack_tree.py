"""What a pack's folder holds, found without running any of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..core.pyproject import read_toml
from ..core.reader import MAX_FILE_BYTES
from ..core.types import Finding
from ..errors import Hint
from ..transaction.fs import read_regular

PACK_FILES = ("__init__.py", "requirements.txt", "pyproject.toml", "install.py")
"""A folder with one of these is a pack; only the first makes ComfyUI load it."""
_LARGEST_SOURCE = 16 * 1024 * 1024
"""Bytes of a source that is looked through."""
_MAPPINGS = re.compile(rb"\b(NODE_CLASS_MAPPINGS|comfy_entrypoint)\b")
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LARGEST_LFS_POINTER = 1024
"""Bytes, by the specification of Git LFS."""


def looks_like_pack(tree: Path) -> bool:
    """Whether ComfyUI or an installer would find anything in the folder."""
    if any((tree / name).is_file() for name in PACK_FILES):
        return True
    return any(_MAPPINGS.search(_content(path)) for path in tree.glob("*.py") if path.is_file())


def has_install_script(tree: Path) -> bool:
    """Whether the pack brings an install.py, which ComfyUI-Manager would run."""
    return (tree / "install.py").is_file()


def script_findings(name: str, tree: Path) -> tuple[Finding, ...]:
    """What of the pack's code runs by itself: `install-script` and `prestartup-script`."""
    findings: list[Finding] = []
    if has_install_script(tree):
        findings.append(
            Finding(
                code="install-script",
                message=f"{name} brings an install.py, which can change anything in the environment."
                " It is run only with consent.",
                pack=name,
                file="install.py",
                hints=(Hint("allow-install-py", "Read it; --allow install-py lets it run."),),
            )
        )
    if (tree / "prestartup_script.py").is_file():
        findings.append(
            Finding(
                code="prestartup-script",
                message=f"{name} runs prestartup_script.py at every start of ComfyUI, before packs load.",
                pack=name,
                file="prestartup_script.py",
            )
        )
    return tuple(findings)


def has_lfs_pointers(tree: Path) -> bool:
    """Whether files of the pack are mere pointers of Git LFS."""
    attributes = tree / ".gitattributes"
    if not attributes.is_file() or b"filter=lfs" not in _content(attributes):
        return False
    for folder, folders, files in os.walk(tree):
        folders[:] = [each for each in folders if each != ".git"]
        for file in files:
            path = Path(folder, file)
            if not path.is_symlink() and _content(path, _LARGEST_LFS_POINTER).startswith(_LFS_POINTER):
                return True
    return False


def project_version(pyproject: Path) -> str:
    """`[project] version` of a pyproject.toml; empty where there is none that can be read."""
    try:
        text = read_regular(pyproject, MAX_FILE_BYTES).decode("utf-8-sig")
        project = read_toml(text).get("project")
    except (OSError, ValueError, RecursionError):
        return ""
    version = project.get("version") if isinstance(project, dict) else None
    return version if isinstance(version, str) else ""


def _content(path: Path, limit: int = _LARGEST_SOURCE) -> bytes:
    """The bytes of a file; none where it cannot be read or is larger than `limit`."""
    try:
        return read_regular(path, limit)
    except OSError:
        return b""
