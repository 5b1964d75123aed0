"""Full copies of an environment and its packs: every byte kept by digest, and a manifest that says what lay where.

A manifest is an inventory with digests, in `<state>/guard/manifests/<snapshot id>.json.gz`; a snapshot is a full one
when it has a manifest. The bytes lie on the volume they were copied from (`guard_objects`), in a folder of a name
of this state folder's own, since two ComfyUIs may share an environment. Between two full copies only what changed
is read and kept.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..core.guard import AUTO, COPY, MIXED, REFLINK, FullCopy, GuardCost, GuardUsage
from ..core.guard_port import Check, Progress
from ..core.inventory import FILE, PACKS, Entry, Inventory
from ..core.types import Finding
from ..errors import Hint, SafeInstallError
from ..transaction import fs
from . import guard_objects
from .guard_copy import can_clone, can_link
from .guard_objects import ObjectStore
from .guard_taking import Taking, how_of, missing_in, no_space
from .inventory import Grounds, known_digest, read_inventory, take_inventory, write_inventory

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_TOKEN = re.compile(r"[0-9a-f]{12}")
_SUFFIX = ".json.gz"

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
        return ObjectStore(area / "guard" / (self._token() or "none"))

    def _token(self) -> str:
        """The name of our folder of objects; empty where there is none yet."""
        try:
            text = (self.folder / "id").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return ""
        return text if _TOKEN.fullmatch(text) else ""

    def _make_token(self) -> None:
        if not self._token():
            self.folder.mkdir(parents=True, exist_ok=True)
            fs.write_bytes(self.folder / "id", f"{secrets.token_hex(6)}\n".encode())

    @property
    def stores(self) -> tuple[ObjectStore, ...]:
        """Both stores."""
        return self.store_of("data"), self.store_of(PACKS)

    # --- manifests ----------------------------------------------------------------------------------------

    def is_full(self, identifier: str) -> bool:
        """Whether the snapshot of that id has a manifest, readable or not."""
        return bool(_NAME.fullmatch(identifier)) and self.manifest_path(identifier).is_file()

    def manifest(self, identifier: str) -> Inventory:
        """What lay where, by that snapshot. SafeInstallError `full-copy-unreadable` where it is missing or damaged."""
        path = self.manifest_path(identifier)
        try:
            return read_inventory(path)
        except SafeInstallError as error:
            raise SafeInstallError(
                "full-copy-unreadable",
                f"The list of the full copy of {identifier} cannot be read: {error.message}",
                context={"file": path},
                hints=(
                    Hint("remove-snapshot", "Its full copy is lost; what payloads have still comes back."),
                ),
            ) from error

    def manifests(self) -> tuple[str, ...]:
        """The ids of all snapshots with a manifest, newest first."""
        try:
            names = [entry.name for entry in os.scandir(self.folder / "manifests")]
        except FileNotFoundError:
            return ()
        found = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
        return tuple(sorted((name for name in found if _NAME.fullmatch(name)), reverse=True))

    def latest(self) -> Inventory | None:
        """The newest manifest that can be read: whose digests can be taken over, where nothing was written."""
        for name in self.manifests():
            try:
                return self.manifest(name)
            except SafeInstallError:
                continue
        return None

    def manifest_path(self, identifier: str) -> Path:
        """Where the manifest of that snapshot is, or would be."""
        if not _NAME.fullmatch(identifier):
            raise SafeInstallError("full-copy-unreadable", f"{identifier!r} is no name of a snapshot.")
        return self.folder / "manifests" / f"{identifier}{_SUFFIX}"

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
        begun = time.monotonic()
        self.manifest_path(identifier)  # Whether it is a name at all.
        self._make_token()
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
        manifest = Inventory(roots=grounds.roots, entries=kept)
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

    # --- room ---------------------------------------------------------------------------------------------

    def usage(self, wanted: str) -> GuardUsage:
        """The room a full copy takes, on its own and with the others. SafeInstallError `full-copy-unreadable`."""
        mine = self._contents(wanted)
        shared: set[tuple[bool, str]] = set()
        for other in self.manifests():
            if other != wanted:
                with suppress(SafeInstallError):
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

    def total_bytes(self) -> int:
        """Bytes all objects of our own and the manifests take; clones count in full."""
        if not self._token():
            return 0
        lists = sum(self.manifest_path(name).stat().st_size for name in self.manifests())
        return lists + sum(sum(store.sizes().values()) for store in self.stores)

    def sizes(self) -> dict[str, int]:
        """{id of a snapshot: bytes that only its copy keeps}. One that cannot be read has none."""
        if not self._token():
            return {}
        contents: dict[str, dict[tuple[bool, str], int]] = {}
        for name in self.manifests():
            try:
                contents[name] = self._contents(name)
            except SafeInstallError:
                continue
        uses = Counter(key for each in contents.values() for key in each)
        present = {
            (packs, digest): size
            for packs, store in zip((False, True), self.stores, strict=True)
            for digest, size in store.sizes().items()
        }
        return {
            name: sum(present.get(key, 0) for key in each if uses[key] == 1)
            for name, each in contents.items()
        }

    def _contents(self, name: str) -> dict[tuple[bool, str], int]:
        entries = self.manifest(name).entries
        return {
            (path.startswith(PACKS), entry.content): entry.size
            for path, entry in entries.items()
            if entry.kind == FILE and entry.content
        }

    def collect(self, keep: Collection[str]) -> int:
        """Remove the copies of all snapshots but those of these ids; bytes freed.

        Can be killed at any instant, and called again: first what names goes, then what is named. When one that is
        to be kept cannot be read, nothing is removed, for it may name anything.
        """
        present = set(self.manifests())
        if not self._token():
            return 0
        needed: dict[bool, set[str]] = {False: set(), True: set()}
        for name in present & set(keep):
            try:
                for packs, digest in self._contents(name):
                    needed[packs].add(digest)
            except SafeInstallError:
                return 0
        for name in present - set(keep):
            self.manifest_path(name).unlink(missing_ok=True)
        if present:
            fs.fsync_dir(self.folder / "manifests")
        return sum(
            store.collect(needed[packs]) for packs, store in zip((False, True), self.stores, strict=True)
        )


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
