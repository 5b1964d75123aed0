"""Full copies of an environment and its packs: every byte kept by digest, and a manifest that says what lay where.

A manifest is an inventory with digests, in `<state>/guard/manifests/<its own sha256>.json.gz`. The bytes lie on
the volume they were copied from (`guard_objects`). Between two full copies only what changed is read and kept.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..core.guard import AUTO, COPY, MIXED, REFLINK, FullCopy, GuardCost, GuardUsage
from ..core.inventory import FILE, PACKS, Entry, Inventory
from ..core.types import Finding
from ..errors import Hint, SafeInstallError
from ..transaction import fs
from . import guard_objects
from .guard_copy import can_clone, can_link
from .guard_objects import ObjectStore
from .guard_taking import Progress, Taking, how_of, missing_in, no_space
from .inventory import Grounds, known_digest, pack_inventory, take_inventory, unpack_inventory

SPARE = 64 * 1024 * 1024
"""Bytes that must be left on the volume: a full disk harms more than a missing copy."""


@dataclass(slots=True)
class GuardStore:
    """The full copies of one environment and its packs. All blocks; writers hold the lock of the state folder."""

    folder: Path
    """`<state>/guard`."""
    environment_area: Path
    pack_area: Callable[[], Path]
    """Called when packs are to be kept; finding the area writes a probe."""
    _methods: dict[tuple[Path, str], str] = field(default_factory=dict)

    def store_of(self, path: str) -> ObjectStore:
        """Where the bytes of an entry are kept."""
        area = self.pack_area() if path.startswith(PACKS) else self.environment_area
        return ObjectStore(area / "guard")

    @property
    def stores(self) -> tuple[ObjectStore, ...]:
        """Both stores."""
        return self.store_of("data"), self.store_of(PACKS)

    # --- manifests ----------------------------------------------------------------------------------------

    def manifest(self, digest: str) -> Inventory:
        """The manifest of that name. SafeInstallError `full-copy-unreadable` where it is missing or damaged."""
        path = self._manifest_path(digest)
        try:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                raise SafeInstallError("inventory-damaged", "its bytes are not what its name says")
            return unpack_inventory(data)
        except (OSError, SafeInstallError) as error:
            why = error.message if isinstance(error, SafeInstallError) else error.strerror
            raise SafeInstallError(
                "full-copy-unreadable",
                f"The list of this full copy cannot be read: {why}.",
                context={"file": path},
                hints=(
                    Hint("ordinary-way", "What payloads and indexes have still comes back by `rollback`."),
                ),
            ) from error

    def manifests(self) -> tuple[str, ...]:
        """The names of all manifests, newest first."""
        folder = self.folder / "manifests"
        try:
            found = [(entry.stat().st_mtime_ns, entry.name) for entry in os.scandir(folder)]
        except FileNotFoundError:
            return ()
        names = [
            name for _, name in sorted(found, reverse=True) if name.endswith(".json.gz") and name[0] != "."
        ]
        return tuple(name.removesuffix(".json.gz") for name in names)

    def latest(self) -> Inventory | None:
        """The newest manifest that can be read: whose digests can be taken over, where nothing was written."""
        for name in self.manifests():
            try:
                return self.manifest(name)
            except SafeInstallError:
                continue
        return None

    def _manifest_path(self, digest: str) -> Path:
        if len(digest) != 64 or not digest.isalnum():  # noqa: PLR2004 - it may come from somebody's snapshot
            raise SafeInstallError("full-copy-unreadable", "The name of this full copy is none.")
        return self.folder / "manifests" / f"{digest}.json.gz"

    # --- making -------------------------------------------------------------------------------------------

    def method(self, area: Path, strategy: str) -> str:
        """How bytes are kept in an area under a strategy: reflink, copy or mixed. Tried once."""
        if (area, strategy) not in self._methods:
            known = fs.nearest_existing(area)
            area.mkdir(parents=True, exist_ok=True)
            found = COPY
            if strategy == AUTO and can_clone(area):
                found = REFLINK
            elif strategy == MIXED:
                found = REFLINK if can_clone(area) else MIXED if can_link(area) else COPY
            self._methods[area, strategy] = found
            if known != area:
                _remove_if_empty(area)
        return self._methods[area, strategy]

    def cost(self, grounds: Grounds, strategy: str) -> GuardCost:
        """What a full copy would take now. Keeps nothing."""
        former = self.latest()
        costs = [self._cost(store, entries, strategy) for store, entries in self._parts(grounds, former)]
        least = min(costs, key=lambda each: each.free - each.bytes)
        return GuardCost(
            files=sum(each.files for each in costs),
            bytes=sum(each.bytes for each in costs),
            free=least.free,
            enough=all(each.enough for each in costs),
        )

    def keep(
        self,
        grounds: Grounds,
        strategy: str,
        *,
        cancel: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> FullCopy:
        """A full copy of what lies there now, durable. Nothing live is changed.

        Refuses before anything is written, with RefusedError `guard-no-space`, where the volume has too little room
        (also when it runs full under way). Raises CancelledError, `guard-file-changing`.
        """
        begun = time.monotonic()
        former = self.latest()
        parts = self._parts(grounds, former)
        for store, entries in parts:
            cost = self._cost(store, entries, strategy)
            if not cost.enough:
                raise no_space(cost.bytes, cost.free)
        kept: dict[str, Entry] = {}
        findings: list[Finding] = []
        files = written = 0
        methods = []
        for store, entries in parts:
            method = self.method(store.folder.parent, strategy)
            taking = Taking(store, method, Inventory(roots=grounds.roots, entries=entries), cancel, progress)
            try:
                taking.run()
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise no_space(0, fs.free_bytes(store.folder)) from error
                raise
            kept |= taking.entries
            findings += taking.findings
            files, written = files + taking.count, written + taking.written
            methods.append(method)
        manifest = Inventory(roots=grounds.roots, entries=kept)
        digest = self._write(manifest)
        return FullCopy(
            digest=digest,
            files=sum(1 for entry in kept.values() if entry.kind == FILE),
            bytes=manifest.bytes,
            stored_files=files,
            stored_bytes=written,
            seconds=time.monotonic() - begun,
            method=methods[0],
            findings=tuple(findings),
        )

    def _write(self, manifest: Inventory) -> str:
        data = pack_inventory(manifest)
        digest = hashlib.sha256(data).hexdigest()
        path = self._manifest_path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fs.write_bytes(path, data)
        except OSError as error:
            raise no_space(len(data), fs.free_bytes(path)) from error
        for folder in (self.folder, self.folder.parent):
            fs.fsync_dir(folder)
        return digest

    def _parts(
        self, grounds: Grounds, former: Inventory | None
    ) -> list[tuple[ObjectStore, dict[str, Entry]]]:
        """Each store with what is to be in it: the entries of now, with the digests that are known."""
        found = take_inventory(grounds)
        parts: dict[bool, dict[str, Entry]] = {False: {}, True: {}}
        for path, entry in found.entries.items():
            digest = known_digest(path, entry, former) if entry.kind == FILE else ""
            parts[path.startswith(PACKS)][path] = entry._replace(content=digest) if digest else entry
        return [(self.store_of(PACKS if packs else "data"), part) for packs, part in parts.items() if part]

    def _cost(self, store: ObjectStore, entries: dict[str, Entry], strategy: str) -> GuardCost:
        area = store.folder.parent
        method = self.method(area, strategy)
        missing = missing_in(store, entries)
        once = {(entries[path].device, entries[path].inode): path for path in missing}
        size = sum(
            entries[path].size
            for path in once.values()
            if how_of(path, entries[path], method, None) == guard_objects.COPY
        )
        free = fs.free_bytes(area)
        return GuardCost(files=len(missing), bytes=size, free=free, enough=not size or size + SPARE <= free)

    # --- room ---------------------------------------------------------------------------------------------

    def usage(self, wanted: str, others: Collection[str]) -> GuardUsage:
        """The room a full copy takes: its own, and what `others` (manifests too) share."""
        mine = self._contents(wanted)
        shared: set[tuple[bool, str]] = set()
        for other in others:
            if other != wanted:
                shared |= self._contents(other).keys()
        own = common = linked = 0
        for packs, store in zip((False, True), self.stores, strict=True):
            objects, links = store.sizes(), store.sizes(linked=True)
            for (of_packs, digest), size in mine.items():
                if of_packs != packs:
                    continue
                if digest not in objects:
                    linked += size if digest in links else 0
                elif (packs, digest) in shared:
                    common += size
                else:
                    own += size
        return GuardUsage(files=len(mine), bytes=sum(mine.values()), own=own, shared=common, linked=linked)

    def total(self) -> int:
        """Bytes all objects of our own take; clones count in full."""
        return sum(sum(store.sizes().values()) for store in self.stores)

    def _contents(self, name: str) -> dict[tuple[bool, str], int]:
        entries = self.manifest(name).entries
        return {
            (path.startswith(PACKS), entry.content): entry.size
            for path, entry in entries.items()
            if entry.kind == FILE and entry.content
        }

    def collect(self, keep_manifests: Iterable[str]) -> int:
        """Remove the manifests that are not to be kept, and the bytes that none of the kept ones names; bytes freed.

        Can be killed at any instant. SafeInstallError `full-copy-unreadable`, and nothing is removed, when one that
        is to be kept cannot be read: it may name anything. A kept one that is not here at all names nothing.
        """
        keep = set(keep_manifests)
        present = set(self.manifests())
        if not present and not self.folder.exists():
            return 0
        needed: dict[bool, set[str]] = {False: set(), True: set()}
        for name in keep & present:
            for packs, digest in self._contents(name):
                needed[packs].add(digest)
        for name in present - keep:
            self._manifest_path(name).unlink(missing_ok=True)
        return sum(
            store.collect(needed[packs]) for packs, store in zip((False, True), self.stores, strict=True)
        )


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
