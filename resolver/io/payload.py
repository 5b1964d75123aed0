"""One payload: what was moved aside, with a note that says what it is and where it lay.

<area>/payloads/<unit>/<transaction>/payload.json
<area>/payloads/<unit>/<transaction>/tree/purelib/... scripts/... data/...     (distributions)
<area>/payloads/<unit>/<transaction>/tree/pack/<folder>                        (a pack)
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..core.layout import LABELS
from ..core.plain import PlainError, from_plain, to_plain
from ..errors import SafeInstallError
from ..transaction import fs

NOTE = "payload.json"
FORMAT = 1
PACK_LABEL = "pack"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadMember:
    """Something the payload brings back. (name, version, digest) is its address."""

    name: str
    """Canonical name of a distribution, name of a pack, or path of a file nobody owns."""
    version: str
    digest: str
    """sha256 of the RECORD, of the pack's content, or of the file."""
    metadata: str = ""
    """Place of a distribution's metadata folder in the tree: `purelib/numpy-2.0.dist-info`."""
    changed: tuple[str, ...] = ()
    """Places in the tree of files that were not what RECORD says when they were displaced."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Its address, as `Snapshot.payload_keys` has it."""
        return (self.name, self.version, self.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadEntry:
    """One file, link or folder of the payload."""

    path: str
    """Place in the tree, with `/`."""
    live_path: str
    """Where it lay, absolute."""
    kind: str
    """file, folder or link."""
    mode: int
    """Permission bits."""
    copied: bool = False
    """True for a copy of a file that stayed for another owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadNote:
    """What `payload.json` holds."""

    kind: str
    """distribution, pack or unowned."""
    transaction: str
    """Which transaction displaced it."""
    displaced: str
    """When, in UTC; comparable with a snapshot's `created`."""
    members: tuple[PayloadMember, ...]
    """More than one where distributions contested files and so left together."""
    entries: tuple[PayloadEntry, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A payload on the disk (or about to be)."""

    folder: Path
    note: PayloadNote

    @property
    def tree(self) -> Path:
        """The folder its entries lie in."""
        return self.folder / "tree"

    def place(self, entry: PayloadEntry) -> Path:
        """Where an entry lies while it is aside."""
        return self.tree.joinpath(*entry.path.split("/"))

    @property
    def keys(self) -> frozenset[tuple[str, str, str]]:
        """By which a snapshot may name it (`Snapshot.named`): its members, and the transaction that filled it."""
        return frozenset({("", "", self.note.transaction), *(member.key for member in self.note.members)})

    @property
    def parts(self) -> int:
        """How many of its entries are there now, copies not counted: the others went back to where they lay."""
        return sum(os.path.lexists(self.place(entry)) for entry in self.note.entries if not entry.copied)

    @property
    def is_used_up(self) -> bool:
        """True when all its files have gone back; it brings back nothing more."""
        return not any(os.path.lexists(self.place(entry)) for entry in self.note.entries if not entry.copied)

    @property
    def ways_back(self) -> tuple[tuple[Path, Path], ...]:
        """(place in the payload, live place) of each entry, for a pack or unowned files.

        Distributions go back through `PayloadStore.arrival` and `plan_swap`, which see what is there now.
        """
        return tuple((self.place(entry), Path(entry.live_path)) for entry in self.note.entries)


def write_note(payload: Payload) -> None:
    """The note, durable when this returns."""
    plain = to_plain(payload.note)
    assert isinstance(plain, dict)  # noqa: S101 - a dataclass gives a dict
    fs.write_json(payload.folder / NOTE, {"format": FORMAT, **plain})


def read_payload(folder: Path) -> Payload:
    """The payload in a folder. SafeInstallError `payload-damaged` where its note is missing or broken."""
    try:
        if folder.is_symlink() or folder.parent.is_symlink():
            raise PlainError("it is a link to another place")
        value = fs.read_json(folder / NOTE)
        if not isinstance(value, dict) or value.pop("format", None) != FORMAT:
            raise PlainError("it has another format")
        note = from_plain(PayloadNote, value)
        if any(_leads_away(entry.path) for entry in note.entries):
            raise PlainError("it names a path outside")
        for member in note.members:
            for place in (member.metadata, *member.changed):
                if place and (_leads_away(place) or place.partition("/")[0] not in LABELS):
                    raise PlainError("it names a place that is no part of an environment")
    except (PlainError, SafeInstallError) as error:
        raise SafeInstallError(
            "payload-damaged",
            f"The payload in {folder} cannot be used: {error}.",
            context={"payload": folder},
        ) from error
    return Payload(folder=folder, note=note)


def _leads_away(path: str) -> bool:
    parts = path.split("/")
    return "\0" in path or "\\" in path or ":" in parts[0] or not {"", ".", ".."}.isdisjoint(parts)
