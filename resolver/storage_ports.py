"""What the engine needs of the folders things are kept in, and of packs; the other ports lie in `ports`."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from .core.pack_origin import PackOrigin
from .core.reload import AtStart, Difference
from .core.retention import Key, StoredPayload, UsedSpace
from .core.snapshot import Snapshot
from .core.types import Finding, Pack


class Arriving(Protocol):
    """Hears how a stage fills. Called from several threads; must not raise."""

    def line(self, text: str) -> None:
        """A line of uv."""

    def unpacked(self, count: int) -> None:
        """Bytes that lie on the disk of files still under way; more than were downloaded for them."""


class Storage(Protocol):
    """What our folders hold, and who else goes back with it. Blocks."""

    def others(self) -> tuple[Path, ...]:
        """Other state folders that go back with what lies here. SafeInstallError `keeper-missing`."""

    def named_by(self, states: Iterable[Path]) -> frozenset[Key]:
        """What the snapshots of those state folders name. SafeInstallError `snapshot-damaged`."""

    def payloads(self, *, fresh: bool = False) -> tuple[tuple[StoredPayload, ...], tuple[Finding, ...]]:
        """Every payload with its weight, and those that cannot be read. `fresh`: weigh all of them anew."""

    def name_displaced(self, snapshot: Snapshot, payloads: Iterable[object]) -> Snapshot:
        """The snapshot with the files nobody owns that go to these payloads; before anything is moved."""

    def unnamed(self, keep: Collection[Key]) -> frozenset[str]:
        """The folders of the payloads that nobody goes back with, where `keep` is all that is named."""

    def collect(self, keep: Collection[Key]) -> frozenset[str]:
        """Throw those away; which are gone."""

    def collect_full_copies(self, keep: Sequence[str]) -> int:
        """Remove the full copies of all snapshots but those of these ids; bytes freed."""

    def full_copy_sizes(self) -> Mapping[str, int]:
        """{id of a snapshot: bytes that only its full copy keeps}."""

    def sweep(self) -> None:
        """Remove what killed runs left behind, and remembered answers that are too old."""

    def used_space(self) -> tuple[UsedSpace, ...]:
        """What our folders take, less the payloads."""


class FullCopies(Protocol):
    """A store of full copies of snapshots (guard mode). Blocks."""

    def sizes(self) -> Mapping[str, int]:
        """{id of a snapshot: bytes that only its copy keeps}."""

    def total_bytes(self) -> int:
        """What the whole store takes."""

    def collect(self, keep: Collection[str]) -> int:
        """Remove the copies of all snapshots but those of these ids; bytes freed.

        May be killed at any instant, and be called again.
        """


class Snapshots(Protocol):
    """The stored snapshots."""

    def save(self, snapshot: Snapshot) -> Snapshot:
        """Keep a snapshot, durable. SafeInstallError `snapshot-refused` for an empty one."""

    def get(self, name: str) -> Snapshot:
        """The snapshot of that id, unique prefix or label."""

    def path(self, snapshot_id: str) -> Path:
        """Where the snapshot of that id is stored."""

    def list(self) -> SnapshotsListed:
        """All of them, and what is wrong with those that cannot be read."""

    def label(self, name: str, text: str) -> Snapshot:
        """The snapshot with that label from now on; an empty text takes the label away."""

    def pin(self, name: str, *, pinned: bool = True) -> Snapshot:
        """The snapshot, kept for ever from now on (or no longer)."""

    def has(self, identifier: str) -> bool:
        """Whether one of exactly that id is stored, readable or not."""

    def discard(self, ids: Iterable[str]) -> None:
        """Those are no longer stored, readable or not; durable at return."""


class SnapshotsListed(Protocol):
    """What the store of snapshots holds."""

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Newest first."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """`snapshot-damaged`, one for each that cannot be read."""


class KnowsPacks(Protocol):
    """Tells of installed packs. Everything blocks."""

    def packs(self) -> tuple[Pack, ...]:
        """The enabled packs."""

    def every_pack(self) -> tuple[Pack, ...]:
        """The enabled packs and the disabled ones."""

    def origin_of(self, pack: Pack) -> PackOrigin:
        """Where it came from, read off its files."""

    def marks_at_start(self, tree: Path) -> frozenset[AtStart] | None:
        """What of a pack only a start of ComfyUI brings to life; None where not all of it could be looked at."""

    def difference_of(self, old: Path, new: Path) -> Difference:
        """How far a pack's new version differs, as far as a ComfyUI that runs would notice."""

    def has_local_changes(self, pack: Pack) -> bool | None:
        """Whether files of its repository were changed by hand; None where nobody can tell."""

    def newest(self, origin: PackOrigin, cancel: threading.Event | None) -> str:
        """The version or commit an update would bring; empty where nobody can tell without fetching it."""

    def put_off_by_manager(self) -> tuple[str, ...]:
        """What ComfyUI-Manager does at the next start, before us; in words."""

    def carry_over(self, pack: Pack, tree: Path, largest: int | None = None) -> tuple[str, ...]:
        """Copy into its new version in `tree` what is not the pack's own but the user's; the relative paths.

        Files of more than `largest` bytes are only told.
        """

    def is_same_version(self, pack: Pack, tree: Path) -> bool:
        """Whether the pack is what lies in `tree`, the user's own files in it left aside."""
