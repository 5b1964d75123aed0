"""Where full copies are kept: manifests by snapshot, bytes by digest, the room they take, and what may go.

A manifest is an inventory with digests, in `<state>/guard/manifests/<snapshot id>.json.gz`; a snapshot is a full one
when it has a manifest. The bytes lie on the volume they were copied from (`objects`), in a folder of a name
of this state folder's own, since two ComfyUIs may share an environment.
"""

from __future__ import annotations

import os
import re
import secrets
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...core.guard import GuardUsage
from ...core.inventory import FILE, PACKS, Inventory
from ...errors import Hint, SafeInstallError
from ...transaction import fs
from ..inventory import read_inventory
from .objects import ObjectStore

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_TOKEN = re.compile(r"[0-9a-f]{12}")
_SUFFIX = ".json.gz"


@dataclass(slots=True)
class GuardShelf:
    """The full copies that are kept for one state folder. All blocks; writers hold the lock of the state folder."""

    folder: Path
    """`<state>/guard`."""
    environment_area: Path
    pack_area: Callable[[], Path]
    """Called when packs are to be kept."""

    def store_of(self, path: str) -> ObjectStore:
        """Where the bytes of an entry are kept."""
        area = self.pack_area() if path.startswith(PACKS) else self.environment_area
        return ObjectStore(area / "guard" / (self._token() or "none"))

    def _token(self) -> str:
        """The name of our folder of objects; empty where there is none yet.

        OSError as it comes where there is one that cannot be read: under a new name all copies would be lost.
        """
        try:
            text = (self.folder / "id").read_text(encoding="ascii").strip()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return ""
        return text if _TOKEN.fullmatch(text) else ""

    def make_token(self) -> None:
        """Give our folder of objects its name."""
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
            objects, links = store.room(), store.sizes(linked=True)
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
        return lists + sum(sum(store.room().values()) for store in self.stores)

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
            for digest, size in store.room().items()
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
