"""What lies in an environment and its packs at one moment, entry by entry, and what differs between two moments.

An entry's path is `<root label>/<relative path>` with `/`: `purelib/numpy/__init__.py`, `packs-0/some-pack`.
The labels of the environment are those of `layout.LABELS`; each custom_nodes folder is a root `packs-N`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import SafeInstallError
from .layout import LABELS
from .ownership import is_bytecode, source_of_bytecode

FORMAT = 1
FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"
KINDS = (FILE, FOLDER, LINK, OTHER)
"""`other` is a pipe, socket or device, or a folder that may not be read."""
PACKS = "packs-"

_LABEL = re.compile(rf"(?:{'|'.join(LABELS)}|{PACKS}\d+)\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class Entry(NamedTuple):
    """One file, link or folder. A tuple and no dataclass: there are tens of thousands, read at every start."""

    kind: str
    mode: int
    """Permission bits."""
    size: int
    """Bytes of a file; 0 for anything else."""
    mtime_ns: int
    ctime_ns: int
    """On Windows the time of creation."""
    inode: int
    device: int
    content: str
    """sha256 of a file, hexadecimal, or empty where it was not asked for or could not be read; text of a link."""

    @property
    def identity(self) -> tuple[int, int, int, int, int]:
        """What stays equal as long as nobody has written the file: then its content is the same.

        The time of the last change of status (ctime) is set by the kernel and cannot be forged.
        """
        return (self.size, self.mtime_ns, self.ctime_ns, self.inode, self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Every entry below the roots; the roots themselves are entries too (their path is the bare label)."""

    roots: Mapping[str, str]
    """{label: absolute folder}."""
    entries: Mapping[str, Entry] = field(repr=False)

    def place(self, path: str) -> str:
        """Where an entry lies on the disk."""
        label, _, rest = path.partition("/")
        return f"{self.roots[label]}/{rest}" if rest else self.roots[label]

    @property
    def bytes(self) -> int:
        """What all files come to."""
        return sum(entry.size for entry in self.entries.values())

    def part(self, *, packs: bool) -> Inventory:
        """The packs alone, or all but the packs."""
        return Inventory(
            roots={label: root for label, root in self.roots.items() if label.startswith(PACKS) == packs},
            entries={path: entry for path, entry in self.entries.items() if path.startswith(PACKS) == packs},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One path that is not the same at two moments."""

    path: str
    before: Entry | None
    """None where it has been added."""
    after: Entry | None
    """None where it has been removed."""

    @property
    def action(self) -> str:
        """added, removed, changed (other bytes, other kind, other target), or touched (only mode or time)."""
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        return "touched" if _same_content(self.before, self.after) else "changed"

    @property
    def is_bytecode(self) -> bool:
        """Whether it is Python's own cache, a file of it or its folder."""
        return is_cache(self.path)


def is_cache(path: str) -> bool:
    """Whether a path is cached bytecode or a `__pycache__` folder."""
    return is_bytecode(path) or path.rpartition("/")[2] == "__pycache__"


def diff(before: Inventory, after: Inventory) -> tuple[Difference, ...]:
    """Every path that differs, sorted: bytes, kind, mode, or time of a file. Times of folders do not count.

    A file without a digest on either side counts as changed unless its `identity` is the same.
    """
    old, new = before.entries, after.entries
    found = [
        Difference(path=path, before=entry, after=new.get(path))
        for path, entry in old.items()
        if not _same(entry, new.get(path))
    ]
    found += [
        Difference(path=path, before=None, after=entry) for path, entry in new.items() if path not in old
    ]
    return tuple(sorted(found, key=lambda each: each.path))


def without_bytecode(
    differences: Iterable[Difference], owned: Collection[str] = ()
) -> tuple[Difference, ...]:
    """The differences less the bytecode that running Python writes, which is nobody's doing.

    `owned` are the paths some RECORD names; they stay. So does bytecode that changed although its source
    did not: Python does not rewrite that.
    """
    listed = tuple(differences)
    paths = {each.path for each in listed}
    return tuple(
        each
        for each in listed
        if not each.is_bytecode
        or each.path in owned
        or (
            each.action == "changed" and is_bytecode(each.path) and source_of_bytecode(each.path) not in paths
        )
    )


def _same(before: Entry, after: Entry | None) -> bool:
    if after is None:
        return False
    if before == after:
        return True
    if before.mode != after.mode or not _same_content(before, after):
        return False
    return before.kind != FILE or before.mtime_ns == after.mtime_ns


def _same_content(before: Entry, after: Entry) -> bool:
    if before.kind != after.kind or before.size != after.size:
        return False
    if before.content and after.content:
        return before.content == after.content
    return before.kind != FILE or before.identity == after.identity


def to_columns(inventory: Inventory) -> dict[str, object]:
    """The inventory as a JSON object: one list for each field, which is compact and quickly read and checked."""
    rows = list(inventory.entries.values())
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(Entry._fields)
    return {
        "format": FORMAT,
        "roots": dict(inventory.roots),
        "paths": list(inventory.entries),
        **{name: list(column) for name, column in zip(Entry._fields, columns, strict=True)},
    }


def from_columns(value: object) -> Inventory:
    """The inventory in such a JSON object. Strict, for the file may be anybody's.

    Raises SafeInstallError `inventory-damaged`, also for paths that lead out of their root.
    """
    if not isinstance(value, dict) or set(value) != {"format", "roots", "paths", *Entry._fields}:
        raise _damaged("it has other fields")
    if value["format"] != FORMAT or isinstance(value["format"], bool):
        raise _damaged(f"it has the format {value['format']!r}; this version reads {FORMAT}")
    roots, paths = value["roots"], value["paths"]
    if not isinstance(roots, dict) or not all(
        isinstance(root, str) and root and _LABEL.match(label) for label, root in roots.items()
    ):
        raise _damaged("its roots are none")
    if not isinstance(paths, list):
        raise _damaged("its paths are no list")
    columns = [value[name] for name in Entry._fields]
    for name, column in zip(Entry._fields, columns, strict=True):
        wanted = str if name in ("kind", "content") else int
        # By set: tens of thousands of values are checked in no time.
        if (
            not isinstance(column, list)
            or len(column) != len(paths)
            or not set(map(type, column)) <= {wanted}
        ):
            raise _damaged(f"its {name} are not what they should be")
        if wanted is int and column and min(column) < 0 and name != "mtime_ns":
            raise _damaged(f"its {name} are below zero")
    _check_paths(paths, roots)
    entries = dict(zip(paths, map(Entry._make, zip(*columns, strict=True)), strict=True))
    if len(entries) != len(paths):
        raise _damaged("it names a path twice")
    if not set(columns[0]) <= set(KINDS):
        raise _damaged("it has kinds that are none")
    digests = {entry.content for entry in entries.values() if entry.kind == FILE and entry.content}
    if not all(map(_DIGEST.match, digests)):
        raise _damaged("its digests are none")
    return Inventory(roots=roots, entries=entries)


def _check_paths(paths: list[object], roots: Collection[str]) -> None:
    if not set(map(type, paths)) <= {str}:
        raise _damaged("its paths are no text")
    parts: set[str] = set()
    for path in paths:
        label, *rest = str(path).split("/")
        if label not in roots:
            raise _damaged(f"{path!r} lies below no root")
        parts.update(rest)
    if parts & {"", ".", ".."} or any("\0" in part for part in parts):
        raise _damaged("it names a path that leads elsewhere")


def _damaged(why: str) -> SafeInstallError:
    return SafeInstallError(
        "inventory-damaged", f"This is no usable inventory: {why}.", context={"reason": why}
    )
