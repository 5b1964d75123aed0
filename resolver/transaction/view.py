"""What the disk would look like after some steps, without touching it.

The preflight asks it whether a whole list of steps can work; recovery asks it at which step the disk stands.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from . import fs
from .steps import Move, RemoveDir, Step


class _Node:
    """One name in the imagined tree.

    `origin` is where the real object lies now; None for an absent name and for a folder only imagined.
    """

    __slots__ = ("children", "origin", "present")

    def __init__(self, origin: str | None, *, present: bool) -> None:
        self.origin = origin
        self.present = present
        self.children: dict[str, _Node] = {}

    def child(self, name: str) -> _Node:
        """The node of a name in this folder, read from the disk when first asked for."""
        if name not in self.children:
            origin = None if self.origin is None else os.path.join(self.origin, name)
            present = origin is not None and os.path.lexists(origin)
            self.children[name] = _Node(origin if present else None, present=present)
        return self.children[name]

    @property
    def is_dir(self) -> bool:
        return self.present and (self.origin is None or os.path.isdir(self.origin))

    @property
    def is_real_dir(self) -> bool:
        return self.is_dir and not (self.origin is not None and os.path.islink(self.origin))

    def names(self) -> set[str]:
        """What the folder would hold."""
        names = set() if self.origin is None else set(os.listdir(self.origin))
        for name, node in self.children.items():
            (names.add if node.present else names.discard)(name)
        return names


class TreeView:
    """The disk as it is, plus the steps taken in this view. Reads the disk lazily; never writes."""

    def __init__(self) -> None:
        self._anchors: dict[str, _Node] = {}

    def fault(self, step: Step, *, spare: frozenset[str] = frozenset()) -> str:
        """Why the step could not be done now, naming its paths; empty when it could.

        `spare` are names that a folder to be removed may still hold.
        """
        if isinstance(step, Move):
            if not self._find(step.source).present:
                return f"{step.source} does not exist"
            return self._fault_of_new(step.target)
        if not isinstance(step, RemoveDir):
            return self._fault_of_new(step.path)
        node = self._find(step.path)
        if not node.is_real_dir:
            return f"{step.path} is no folder"
        try:
            return f"{step.path} is not empty" if node.names() - spare else ""
        except OSError as error:
            return f"{step.path} cannot be read ({error.strerror})"

    def take(self, step: Step) -> None:
        """From now on the view shows the disk after this step too (also after a step with a fault)."""
        if isinstance(step, Move):
            node = self._find(step.source)
            self._put(step.source, _Node(None, present=False))
            self._put(step.target, node if node.present else _Node(None, present=True))
        else:
            self._put(step.path, _Node(None, present=not isinstance(step, RemoveDir)))

    def device(self, path: Path) -> int:
        """The device number under `path`, or under the nearest real folder above it."""
        for candidate in (path, *path.parents):
            origin = self._find(candidate).origin
            if origin is not None:
                return fs.device(Path(origin)) if candidate == path else os.stat(origin).st_dev
        raise AssertionError(path)  # pragma: no cover (an anchor is always real)

    def mode(self, path: Path) -> int | None:
        """The permission bits of what would stand at `path`; None where a step has made it."""
        origin = self._find(path).origin
        return None if origin is None else stat.S_IMODE(os.lstat(origin).st_mode)

    def _fault_of_new(self, path: Path) -> str:
        if self._find(path).present:
            return f"{path} exists already"
        return "" if self._find(path.parent).is_dir else f"{path.parent} is no folder"

    def _find(self, path: Path) -> _Node:
        node = self._anchors.setdefault(path.anchor, _Node(path.anchor, present=True))
        for name in path.parts[1:]:
            node = node.child(name)
        return node

    def _put(self, path: Path, node: _Node) -> None:
        self._find(path.parent).children[path.name] = node
