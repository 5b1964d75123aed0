"""Making full copies of an environment and its packs. Between two of them only what changed is read and kept."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass, field
from pathlib import Path

from ...core.guard import AUTO, COPY, MIXED, REFLINK, FullCopy, GuardCost
from ...core.guard_port import Check, Progress
from ...core.inventory import FILE, PACKS, Entry, Inventory
from ...core.types import Finding
from ...transaction import fs
from ..inventory import Grounds, known_digest, take_inventory, write_inventory
from . import objects as guard_objects
from .copy import can_clone, can_link
from .objects import ObjectStore
from .shelf import GuardShelf
from .taking import Taking, how_of, missing_in, no_space

SPARE = 64 * 1024 * 1024
"""Bytes that must be left on the volume: a full disk harms more than a missing copy."""


@dataclass(slots=True)
class GuardStore(GuardShelf):
    """A shelf that is filled."""

    _methods: dict[tuple[Path, str], str] = field(default_factory=dict)

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
        identifier: str,
        grounds: Grounds,
        strategy: str,
        *,
        check: Check | None = None,
        progress: Progress | None = None,
    ) -> FullCopy:
        """A full copy of what lies there now, for the snapshot of that id, durable. Nothing live is changed.

        Refuses before anything is written, with RefusedError `guard-no-space`, where the volume has too little room
        (also when it runs full under way). Raises CancelledError, `guard-file-changing`.
        """
        begun, moment = time.monotonic(), time.time_ns()
        self.manifest_path(identifier)  # Whether it is a name at all.
        self.make_token()
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
            method = self.method(store.folder.parents[1], strategy)
            taking = Taking(store, method, Inventory(roots=grounds.roots, entries=entries), check, progress)
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
        settled = {path: _settled(entry, moment) for path, entry in kept.items()}
        manifest = Inventory(roots=grounds.roots, entries=settled)
        self._write(identifier, manifest)
        return FullCopy(
            files=sum(1 for entry in kept.values() if entry.kind == FILE),
            bytes=manifest.bytes,
            stored_files=files,
            stored_bytes=written,
            seconds=time.monotonic() - begun,
            method=methods[0],
            findings=tuple(findings),
        )

    def _write(self, identifier: str, manifest: Inventory) -> None:
        path = self.manifest_path(identifier)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_inventory(path, manifest)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_space(0, fs.free_bytes(path)) from error
            raise
        for folder in (self.folder, self.folder.parent):
            fs.fsync_dir(folder)

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
        area = store.folder.parents[1]
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


def _settled(entry: Entry, moment: int) -> Entry:
    """The entry; without a time of change where a write right after we looked could still show the same times.

    A file system's clock ticks (every 10 ms at most on Linux, every 2 s on FAT). Such a file is read again the next
    time, as git does with what it calls racily clean. The time of change alone proves nothing, for a hardlink of
    ours sets it; whoever writes sets the time of the last write too.
    """
    tick = 2_000_000_000 if entry.mtime_ns % 1_000_000_000 == 0 else 20_000_000
    return entry._replace(ctime_ns=0) if entry.kind == FILE and entry.mtime_ns >= moment - tick else entry


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
