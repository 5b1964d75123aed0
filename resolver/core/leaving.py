"""What moves out of the live tree, whole folders where one unit owns all that is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .layout import Layout
from .ownership import Tree, is_bytecode, source_of_bytecode
from .swap_types import FolderChange, Outgoing

UNOWNED = "unowned"
"""The unit of files that nobody owns and that are moved aside with the user's consent."""

_NOBODY = ""
"""Belongs to no unit, and nobody would miss it: stale bytecode, an empty folder. Goes along with the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What leaves, and what is gone after that."""

    outgoing: tuple[Outgoing, ...]
    removed: tuple[FolderChange, ...]
    files: frozenset[str]
    """Every file that moved on its own."""
    folders: frozenset[str]
    """Every folder that moved, those inside a moved one included."""


@dataclass(frozen=True, slots=True)
class _Content:
    """Whose things lie below a folder."""

    units: frozenset[str]
    foreign: bool
    """Whether something lies there that has to stay."""


def plan_leaving(
    *,
    layout: Layout,
    live: Tree,
    claims: Mapping[str, str],
    metadata: Mapping[str, str],
    whole_folders: bool,
) -> Departure:
    """The moves by which every claimed file leaves: `claims` and `metadata` map paths to units."""
    walk = _Walk(layout, live, claims, metadata, whole_folders=whole_folders)
    roots = {root for _, root in layout.roots}
    for root in sorted(roots):
        # A root below another root is reached from there.
        if not any(root.startswith(f"{other}/") for other in roots):
            walk.empty(root, _NOBODY)
    outgoing = sorted(walk.outgoing, key=lambda each: not _is_metadata(each.live_path, metadata))
    return Departure(
        outgoing=tuple(outgoing),
        removed=tuple(walk.removed),
        files=frozenset(walk.files),
        folders=frozenset(walk.folders),
    )


def _is_metadata(path: str, metadata: Mapping[str, str]) -> bool:
    return path in metadata or path.rpartition("/")[0] in metadata


class _Walk:
    """One walk over the live tree."""

    def __init__(
        self,
        layout: Layout,
        live: Tree,
        claims: Mapping[str, str],
        metadata: Mapping[str, str],
        *,
        whole_folders: bool,
    ) -> None:
        self.outgoing: list[Outgoing] = []
        self.removed: list[FolderChange] = []
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self._layout = layout
        self._live = live
        self._claims = claims
        self._metadata = metadata
        self._whole_folders = whole_folders
        self._protected = layout.protected
        self._contents: dict[str, _Content] = {}

    def empty(self, path: str, company: str) -> bool:
        """Move out of a folder what leaves; whether it is then empty and goes too.

        `company` is the unit that takes along what belongs to nobody; empty to leave that where it is.
        """
        folder = self._live.get(path)
        if folder is None:
            return False
        content = self._content(path)
        if not content.units and not company:
            return False
        if not content.foreign and content.units and path not in self._protected:
            company = min(content.units)
        left_over = False
        for name in sorted(folder.files):
            file = f"{path}/{name}"
            unit = self._unit_of(file, path)
            unit = company if unit == _NOBODY else unit
            if unit:
                self._move(file, unit)
                self.files.add(file)
            else:
                left_over = True
        for name in sorted(folder.folders):
            if not self._empty_child(f"{path}/{name}", name, company):
                left_over = True
        if left_over or path in self._protected:
            return False
        self.removed.append(FolderChange(path=path, mode=folder.mode))
        return True

    def _empty_child(self, path: str, name: str, company: str) -> bool:
        if path in self._protected:
            return self.empty(path, _NOBODY)
        content = self._content(path)
        unit = _NOBODY
        if not content.foreign and len(content.units) < 2:  # noqa: PLR2004 - one unit, or nobody
            unit = next(iter(content.units), company)
        # Bytecode folders of a folder that stays are emptied file by file: any process that imports
        # from it may write there at any moment, and undoing a file's move overwrites what it wrote.
        # What nobody owns goes file by file as well: each is found again by its own path.
        if unit not in (_NOBODY, UNOWNED) and self._whole_folders and name != "__pycache__":
            self._move(path, unit)
            self._add_folders(path)
            return True
        return self.empty(path, unit)

    def _add_folders(self, path: str) -> None:
        self.folders.add(path)
        folder = self._live.get(path)
        for name in folder.folders if folder else ():
            self._add_folders(f"{path}/{name}")

    def _move(self, path: str, unit: str) -> None:
        self.outgoing.append(Outgoing(live_path=path, payload_path=self._layout.label(path), unit=unit))

    def _content(self, path: str) -> _Content:
        known = self._contents.get(path)
        if known is not None:
            return known
        folder = self._live.get(path)
        if folder is None:
            # Listed in its parent but not looked into: whatever it is, it stays.
            content = _Content(units=frozenset(), foreign=True)
        elif path in self._metadata:
            # A metadata folder is one unit, also with files in it that RECORD does not name.
            content = _Content(units=frozenset({self._metadata[path]}), foreign=False)
        else:
            units: set[str] = set()
            foreign = False
            for name in folder.files:
                unit = self._unit_of(f"{path}/{name}", path)
                if unit is None:
                    foreign = True
                elif unit:
                    units.add(unit)
            for name in folder.folders:
                below = self._content(f"{path}/{name}")
                units |= below.units
                foreign = foreign or below.foreign
            content = _Content(units=frozenset(units), foreign=foreign)
        self._contents[path] = content
        return content

    def _unit_of(self, file: str, parent: str) -> str | None:
        """The unit a file leaves with, `_NOBODY`, or None for a file that stays."""
        unit = self._claims.get(file)
        if unit is not None:
            return unit
        if parent in self._metadata:
            return self._metadata[parent]
        if not parent.endswith("/__pycache__"):
            return None
        if not is_bytecode(file):
            return _NOBODY  # numba and others cache there too; PEP 3147 gives the folder to caches.
        source = source_of_bytecode(file)
        if source in self._claims:
            return self._claims[source]
        home, _, name = source.rpartition("/")
        beside = self._live.get(home)
        return None if beside is not None and name in beside.files else _NOBODY
