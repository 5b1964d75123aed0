"""Which node types installed packs and ComfyUI itself declare, seen in their files without running any of them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ..core.node_map import NodeMap
from ..core.node_mappings import declared_types
from ..core.types import Pack, PythonInfo
from ..transaction.fs import read_regular
from .node_map import read_node_map
from .workspace import Workspace

_GITHUB = "https://github.com"
_MIRROR = re.compile(r"(?:https?|git\+file)://[^\s@?#]+")
_CORE_FILES = ("nodes.py",)
_CORE_FOLDERS = ("comfy_extras", "comfy_api_nodes")
_LARGEST_FILE = 4 * 1024 * 1024
_MOST_FILES = 3000
_MOST_BYTES = 64 * 1024 * 1024
"""Of one pack. What lies beyond is not looked at."""
_PASSED_OVER = frozenset({".git", "__pycache__", "node_modules", ".venv", "venv", "site-packages"})
_QUOTED = re.compile(rb"""(?=(["'`])([^"'`\\\n]{1,120})\1)""")
"""Everything between two quotes of a kind. Looked for from each quote anew, since a lone one shifts the pairs."""
_SUFFIX = re.compile(rb" [(\[][^()\[\]]*[)\]]$")
"""What packs put behind all their names in code: `Reroute (rgthree)`."""


class NodeSight:
    """Looks at one ComfyUI and its packs. Remembers what it saw for as long as it lives."""

    def __init__(self, workspace: Workspace, python: PythonInfo) -> None:
        """Nothing is read yet."""
        self._workspace = workspace
        self._python = python
        self._seen: dict[str, frozenset[str]] = {}
        self._drawn: dict[tuple[str, frozenset[str]], frozenset[str]] = {}
        self._map: NodeMap | None = None

    @property
    def comfyui_version(self) -> str:
        """As ComfyUI's files state it; empty where they do not."""
        return self._workspace.comfyui_version

    @property
    def github(self) -> str:
        """Where repositories of GitHub are fetched from: the mirror in GITHUB_ENDPOINT, as for ComfyUI-Manager."""
        mirror = os.environ.get("GITHUB_ENDPOINT", "").rstrip("/")
        return mirror if _MIRROR.fullmatch(mirror) else _GITHUB

    def core_types(self) -> frozenset[str]:
        """The node types ComfyUI's own files declare. Blocks for up to a second."""
        root = self._workspace.comfyui
        files = [root / name for name in _CORE_FILES]
        files += [path for folder in _CORE_FOLDERS for path in _files(root / folder, (".py",))]
        return self._remembered(str(root), files)

    def types_of(self, pack: Pack) -> frozenset[str]:
        """The node types a pack's files declare. Blocks."""
        path = Path(pack.path)
        return self._remembered(pack.path, [path] if pack.is_file else _files(path, (".py",)))

    def drawn_by(self, pack: Pack, names: Collection[str]) -> frozenset[str]:
        """Those of the names that stand in quotes in the pack's scripts for the page. Blocks."""
        asked = frozenset(names)
        key = (pack.path, asked)
        if key not in self._drawn:
            wanted: dict[bytes, set[str]] = {}
            for name in asked:
                text = name.encode("utf-8", "replace")
                for form in (text, _SUFFIX.sub(b"", text)):
                    wanted.setdefault(form, set()).add(name)
            found: set[str] = set()
            for path in () if pack.is_file else _files(Path(pack.path), (".js", ".mjs")):
                for match in _QUOTED.finditer(_content(path)):
                    found |= wanted.get(match[2], set())
            self._drawn[key] = frozenset(found)
        return self._drawn[key]

    def node_map(self) -> NodeMap:
        """What ComfyUI-Manager knows. Blocks for some 0.1 s."""
        if self._map is None:
            here = self._workspace
            users = dict.fromkeys((here.state.parent, here.comfyui / "user"))
            self._map = read_node_map(self._python.site_dirs, here.custom_nodes, tuple(users))
        return self._map

    def _remembered(self, key: str, files: Collection[Path]) -> frozenset[str]:
        if key not in self._seen:
            self._seen[key] = frozenset().union(*(declared_types(_content(path)) for path in files))
        return self._seen[key]


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files below with one of the suffixes, links not followed, as many as are looked at."""
    return list(_within_limits(folder, suffixes))


def _within_limits(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    count = size = 0
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in _PASSED_OVER)
        for name in sorted(files):
            if not name.lower().endswith(suffixes):
                continue
            path = Path(here, name)
            try:
                status = path.lstat()
            except OSError:
                continue
            count, size = count + 1, size + status.st_size
            if count > _MOST_FILES or size > _MOST_BYTES:
                return
            yield path


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, _LARGEST_FILE)
    except OSError:
        return b""
