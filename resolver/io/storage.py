"""What we keep on the disk: how much room it takes, what nobody goes back with any more, and its removal."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..core.retention import Key, StoredPayload, UsedSpace, snapshots_damaged
from ..core.snapshot import Snapshot, UnownedFile
from ..core.types import Finding
from ..errors import Hint, SafeInstallError
from ..storage_ports import FullCopies
from ..transaction import fs
from . import keepers
from .payload import Payload
from .payloads import PayloadStore
from .snapshots import SnapshotStore
from .solve_memory import FRESH_SECONDS
from .trash import Trash
from .weights import Remembered, Weight, weigh

_DAY = 24 * 3600.0
_STALE_STAGE = 7 * _DAY
"""Seconds after which a stage is nobody's, when no transaction is under way: filling one takes minutes."""
_STALE_TEMPORARY = 3600.0
"""Seconds after which an unfinished file is one that a kill left behind."""
_UNUSED = {"stubs": 30 * _DAY, "metadata": 180 * _DAY, "solves": FRESH_SECONDS}
"""{folder of the cache: seconds after which what lies in it is not worth its room}."""

_COUNTED_APART = ("snapshots", "transactions", "cache", "guard")


class Storage:
    """Our folders of one environment, its packs and one state folder. All blocks; writers hold the lock."""

    def __init__(
        self,
        state: Path,
        area: Path,
        pack_areas: Sequence[Path],
        *,
        snapshots: SnapshotStore,
        full_copies: Sequence[FullCopies] = (),
    ) -> None:
        """`pack_areas` are the places where packs may be kept, first the one in use. Writes nothing."""
        self.state = state
        self._area = area
        self._pack_areas = tuple(pack_areas)
        self._snapshots = snapshots
        self._full_copies = tuple(full_copies)

    # --- who else keeps ---------------------------------------------------------------------------------------

    def join(self) -> None:
        """Every area in use knows that this state folder keeps snapshots; one that cannot be written is passed over.

        Nothing can be put aside there either, by us.
        """
        for area in (self._area, *self._pack_areas[:1]):
            with suppress(OSError):
                keepers.join(area, self.state)

    def leave(self) -> None:
        """No area knows of this state folder; for one without any snapshot."""
        if not self._snapshots.is_empty:
            return
        for area in self._areas:
            with suppress(OSError):
                keepers.leave(area, self.state)

    def others(self) -> tuple[Path, ...]:
        """The other state folders that go back with what lies here.

        Raises SafeInstallError `keeper-missing` where one is gone: what its snapshots name is unknown.
        """
        known = self._keepers()
        missing = [each for each in known if not each.present]
        if missing:
            places = ", ".join(sorted({str(each.state) for each in missing}))
            raise SafeInstallError(
                "keeper-missing",
                f"Another ComfyUI keeps snapshots of this environment, but its state folder is not there: {places}.",
                context={"states": places},
                hints=(
                    Hint("bring-back", "If it was moved or is on another disk, start it once from there."),
                    Hint("forget", "If it is gone for good, say `safe-install prune --forget-missing`."),
                ),
            )
        return tuple(sorted({each.state for each in known}))

    def forget_missing(self) -> tuple[Path, ...]:
        """State folders that are gone count no more; which these were. Raises OSError."""
        missing = [each for each in self._keepers() if not each.present]
        for each in missing:
            keepers.forget(each)
        return tuple(sorted({each.state for each in missing}))

    def named_by(self, states: Iterable[Path]) -> frozenset[Key]:
        """What the snapshots of those state folders name. Raises SafeInstallError `snapshot-damaged`."""
        keys: set[Key] = set()
        for state in states:
            found = SnapshotStore(state).list()
            if found.findings:
                raise snapshots_damaged(found.findings)
            keys.update(*(snapshot.named for snapshot in found.snapshots))
        return frozenset(keys)

    def _keepers(self) -> tuple[keepers.Keeper, ...]:
        return tuple(each for area in self._areas for each in keepers.others(area, self.state))

    @property
    def _areas(self) -> tuple[Path, ...]:
        return (self._area, *self._pack_areas)

    # --- payloads ---------------------------------------------------------------------------------------------

    def payloads(self, *, fresh: bool = False) -> tuple[tuple[StoredPayload, ...], tuple[Finding, ...]]:
        """Every payload with its weight, and those that cannot be read. `fresh`: weigh all of them anew."""
        weights = Remembered(self.state / "cache" / "weights.json")
        found: list[StoredPayload] = []
        findings: list[Finding] = []
        for store in self._stores():
            listed = store.list()
            found += [_stored(each, weights, fresh=fresh) for each in listed.payloads]
            findings += listed.findings
        weights.keep()
        return tuple(found), tuple(findings)

    def name_displaced(self, snapshot: Snapshot, payloads: Iterable[object]) -> Snapshot:
        """The snapshot with the files nobody owns that go to these payloads, wherever they lie.

        By itself it knows only those beside Python's own. To be called before anything is moved.
        """
        known = {each.path for each in snapshot.unowned}
        found = [
            UnownedFile(path=member.name, size=_size_of(payload, member.name), digest=member.digest)
            for payload in payloads
            if isinstance(payload, Payload) and payload.note.kind == "unowned"
            for member in payload.note.members
            if member.name not in known
        ]
        return replace(snapshot, unowned=(*snapshot.unowned, *found))

    def unnamed(self, keep: Collection[Key]) -> frozenset[str]:
        """The folders of the payloads that no snapshot names; `keep` holds what they all name."""
        return frozenset(str(each.folder) for store in self._stores() for each in store.unnamed(keep))

    def collect(self, keep: Collection[Key]) -> frozenset[str]:
        """Throw those payloads away; the folders that are gone.

        Not while a transaction is under way or waits. May be killed at any instant: each payload is whole or
        gone.
        """
        gone: set[str] = set()
        for store in self._stores():
            gone.update(str(each.folder) for each in store.collect(keep))
        return frozenset(gone)

    def collect_full_copies(self, keep: Sequence[str]) -> int:
        """Remove the full copies of all snapshots but those of these ids; bytes freed."""
        return sum(store.collect(keep) for store in self._full_copies)

    def full_copy_sizes(self) -> dict[str, int]:
        """{id of a snapshot: bytes that only its full copy keeps}."""
        sizes: dict[str, int] = {}
        for store in self._full_copies:
            for identifier, size in store.sizes().items():
                sizes[identifier] = sizes.get(identifier, 0) + size
        return sizes

    def _stores(self) -> tuple[PayloadStore, ...]:
        return tuple(PayloadStore(area) for area in self._areas)

    # --- the rest ---------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """What killed runs left behind, and what is remembered but too old to be of use, is gone.

        Not while a transaction is under way or waits.
        """
        for area in self._areas:
            Trash(area).empty()
            _remove_old((area / "stages").glob("*"), _STALE_STAGE)
        for folder in (self.state, self.state / "snapshots"):
            _remove_old(folder.glob(".*.tmp"), _STALE_TEMPORARY)
        for name, seconds in _UNUSED.items():
            _remove_old((self.state / "cache" / name).glob("*"), seconds)
        _remove_old((self.state / "cache").glob("uv-*.toml"), _UNUSED["stubs"])

    def used_space(self) -> tuple[UsedSpace, ...]:
        """What our folders take, less the payloads."""
        stages = [area / "stages" for area in self._areas]
        waiting = [area / "incoming" for area in self._areas]
        return (
            _used("snapshots", [self.state / "snapshots"]),
            _used("transactions", [self.state / "transactions"]),
            _used("stages", stages),
            _used("waiting packs", waiting),
            _used("trash", [Trash(area).folder for area in self._areas]),
            _used("remembered answers", [self.state / "cache"]),
            _used("records", [place for place in _listed(self.state) if place.name not in _COUNTED_APART]),
            *(
                UsedSpace(name="full copies", count=len(store.sizes()), bytes=store.total_bytes())
                for store in self._full_copies
            ),
        )


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _stored(payload: Payload, weights: Remembered, *, fresh: bool) -> StoredPayload:
    weight = weights.weigh(payload.folder, payload.parts, fresh=fresh)
    return StoredPayload(
        folder=str(payload.folder),
        kind=payload.note.kind,
        keys=payload.keys,
        bytes=weight.bytes,
        linked=weight.linked,
    )


def _size_of(payload: Payload, path: str) -> int:
    for entry in payload.note.entries:
        if entry.live_path.replace(os.sep, "/").endswith(f"/{path}"):
            with suppress(OSError):
                return os.lstat(entry.live_path).st_size
    return 0


def _used(name: str, folders: Sequence[Path]) -> UsedSpace:
    weight: Weight = weigh(*folders)
    count = 0
    for folder in folders:
        inside = _listed(folder) if folder.is_dir() else [folder]
        count += sum(not each.name.startswith(".") for each in inside)
    return UsedSpace(name=name, count=count, bytes=weight.bytes, linked=weight.linked)


def _remove_old(places: Iterable[Path], seconds: float) -> None:
    """Remove what has not been changed for so long; what cannot be removed is left for the next time."""
    for place in places:
        with suppress(OSError):
            if time.time() - place.lstat().st_mtime > seconds:
                fs.remove_tree(place)
