"""Who owns which file, and which distributions own the same one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .types import Distribution

NO_RECORD = "no-record"
"""Stands for the digest of a RECORD that a torn distribution does not have, while it is moved aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """One line of a RECORD. `size` is in bytes, -1 where it is not said."""

    path: str
    """Absolute, normalised, with `/`; always the place in the *live* environment."""
    algorithm: str = ""
    digest: str = ""
    """As in RECORD: urlsafe base64 without padding. Empty for RECORD itself and for bytecode."""
    size: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One distribution with the files its RECORD names."""

    distribution: Distribution
    files: tuple[RecordedFile, ...]
    metadata_path: str
    """Where its metadata folder lies, or will lie, in the live environment. Unique; used as its key."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in one folder. A link is a file here, whatever it points to."""

    mode: int
    """Permission bits of the folder itself."""
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


Tree = Mapping[str, Folder]
"""A listing: the path of each folder and what lies in it. A folder that is not there has no entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contested:
    """One file that several distributions say is theirs."""

    path: str
    holders: tuple[str, ...]
    """The metadata paths of its owners, sorted."""
    agree: bool
    """Whether all record the same hash; then it does not matter whose copy lies there."""


def is_bytecode(path: str) -> bool:
    """Whether the file is cached bytecode. It belongs to its source, whatever a RECORD says."""
    return path.endswith(".pyc") and path.rpartition("/")[0].endswith("/__pycache__")


def source_of_bytecode(path: str) -> str:
    """The source of cached bytecode (PEP 3147): `a/__pycache__/b.cpython-312.opt-1.pyc` gives `a/b.py`."""
    folder, _, name = path.rpartition("/")
    stem = name[: -len(".pyc")]
    base, _, last = stem.rpartition(".")
    if last.startswith("opt-") and base:
        stem = base
    return f"{folder.rpartition('/')[0]}/{stem.rpartition('.')[0] or stem}.py"


@dataclass(frozen=True, slots=True)
class Owners:
    """Every file that some distribution owns, bytecode aside, with its owners."""

    by_path: dict[str, list[Holding]] = field(default_factory=dict)
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    """{(path, metadata path of the owner): hash}, for contested files only."""

    def agree(self, path: str) -> bool:
        """Whether all owners of a contested file record the same hash for it."""
        hashes = {self.digests[path, each.metadata_path] for each in self.by_path[path]}
        return len(hashes) == 1 and "" not in hashes

    def names(self, path: str, *, without: Collection[str] = ()) -> tuple[str, ...]:
        """`name version` of each owner but those `without`, sorted; empty for a file nobody owns."""
        holders = (each for each in self.by_path.get(path, ()) if each.metadata_path not in without)
        return tuple(sorted(f"{each.distribution.name} {each.distribution.version}" for each in holders))


def owners_of(holdings: Iterable[Holding]) -> Owners:
    """The owners of every file, in the order of the holdings."""
    owners = Owners()
    by_path = owners.by_path
    contested: set[str] = set()
    listed = tuple(holdings)
    for holding in listed:
        for file in holding.files:
            if is_bytecode(file.path):
                continue
            known = by_path.setdefault(file.path, [])
            if known:
                if known[-1] is holding:  # A RECORD that names a file twice.
                    continue
                contested.add(file.path)
            known.append(holding)
    if contested:
        for holding in listed:
            for file in holding.files:
                if file.path in contested:
                    owners.digests[file.path, holding.metadata_path] = hash_of(file)
    return owners


def hash_of(file: RecordedFile) -> str:
    """The recorded hash with its algorithm; empty where RECORD has none."""
    return f"{file.algorithm}={file.digest}" if file.digest else ""


def contested_files(holdings: Iterable[Holding]) -> tuple[Contested, ...]:
    """Every file with more than one owner, by path.

    OpenCV's variants contest `cv2/`; the `nvidia-*` distributions all own the same empty
    `nvidia/__init__.py` and so agree.
    """
    owners = owners_of(holdings)
    found = []
    for path in sorted({path for path, _ in owners.digests}):
        holders = tuple(sorted(each.metadata_path for each in owners.by_path[path]))
        found.append(Contested(path=path, holders=holders, agree=owners.agree(path)))
    return tuple(found)


def contested_groups(holdings: Sequence[Holding]) -> tuple[tuple[str, ...], ...]:
    """Groups of distributions (metadata paths) that must move together, each of two or more, sorted.

    Distributions belong together when they own the same file and disagree on its content: only one of
    them can be whole, and what lies there is whichever was written last. Where they agree, each can
    move on its own.
    """
    return tuple(group for group in _groups(contested_files(holdings)) if len(group) > 1)


def _groups(contested: Iterable[Contested]) -> list[tuple[str, ...]]:
    group_of: dict[str, set[str]] = {}
    for each in contested:
        if each.agree:
            continue
        merged: set[str] = set(each.holders)
        for holder in each.holders:
            merged |= group_of.get(holder, set())
        for holder in merged:
            group_of[holder] = merged
    return sorted({tuple(sorted(group)) for group in group_of.values()})
