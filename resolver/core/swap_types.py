"""The values a swap is made of. Paths are absolute, with `/`; see `layout`."""

from __future__ import annotations

from dataclasses import dataclass

from .layout import Layout
from .ownership import Holding, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Distributions waiting beside the live environment: a stage, or one payload."""

    layout: Layout
    """Where the parts of the waiting tree lie."""
    tree: Tree
    """Everything below that layout."""
    holdings: tuple[Holding, ...]
    """What is to come in; file and metadata paths are those of the live environment."""
    everything: bool = False
    """Take also what no RECORD names, as for a payload: bytecode and whatever went aside with it."""
    flawed: frozenset[str] = frozenset()
    """Live paths of files that are not what their RECORD says, and were not before: they come back so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What leaves together and is kept as one payload: a distribution, or a group that contests files."""

    id: str
    """Name of the payload folder: `<name>-<version>-<first 12 of the RECORD digest>` of the first member."""
    members: tuple[str, ...]
    """Metadata paths; empty for the unit of displaced files that nobody owns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A file or folder that moves from the live environment into the payload of its unit."""

    live_path: str
    payload_path: str
    """Place in the payload's tree, as `Layout.label` gives it."""
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A file or folder that moves from where it waits to its live place."""

    stage_path: str
    live_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A file to copy into a unit's payload: it stays, or goes with another unit that owns it as well."""

    live_path: str
    payload_path: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderChange:
    """A folder to be made or removed; it is empty at that moment."""

    path: str
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """A file whose owners disagree on its content while only some of them leave: move them all, or none."""

    path: str
    leaving: tuple[str, ...]
    """Metadata paths of the owners that leave."""
    staying: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Something would come in where something else stays."""

    path: str
    owners: tuple[str, ...]
    """`name version` of the owners; empty for a file nobody owns (which may be `displaced`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Everything that moves, in the order it is to be done; see `swap`."""

    units: tuple[Unit, ...] = ()
    shared: tuple[Shared, ...] = ()
    """Copies to be made before anything moves."""
    outgoing: tuple[Outgoing, ...] = ()
    removed: tuple[FolderChange, ...] = ()
    """Folders that are empty afterwards, deepest first."""
    made: tuple[FolderChange, ...] = ()
    """Folders that are missing, parents first."""
    incoming: tuple[Incoming, ...] = ()
    divided: tuple[Divided, ...] = ()
    clashes: tuple[Clash, ...] = ()
