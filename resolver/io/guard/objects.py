"""Bytes kept by their digest, in a hidden folder on the volume of what they are copies of.

<area>/guard/<id>/objects/ab/<sha256>   bytes of our own: copied or cloned
<area>/guard/<id>/links/ab/<sha256>     hardlinks: the same file as a live one, so anybody may damage it
<area>/guard/<id>/incoming/<random>/    being written; nothing in here counts

An object gets its name only after its bytes have been hashed and are on the disk, so a kill or a power cut
leaves no half-written one. All the same no object is believed: whoever uses one hashes it first.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...core.inventory import FILE, Entry
from ...errors import Hint, SafeInstallError
from ...transaction import fs
from ..inventory import digest_of, read_entry
from .copy import copy_hashed

CLONE, COPY, LINK = "clone", "copy", "link"

_TRIES = 3
_SYNCS_ALL = sys.platform == "linux"
"""Only Linux promises that sync(2) returns when all is written; elsewhere each file is synced by itself."""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The objects in one area. All methods block; writers hold the lock of the state folder."""

    folder: Path
    """`<area>/guard/<id>`; it need not exist yet."""

    def path(self, digest: str, *, linked: bool = False) -> Path:
        """Where an object lies, or would."""
        return self.folder / ("links" if linked else "objects") / digest[:2] / digest

    def sizes(self, *, linked: bool = False) -> dict[str, int]:
        """{digest: bytes} of every object of that kind."""
        return {name: info.st_size for name, _, info in self._listed(linked=linked)}

    def room(self) -> dict[str, int]:
        """{digest: bytes} of what takes room: our own copies, and hardlinks whose live file is gone."""
        left = {name: info.st_size for name, _, info in self._listed(linked=True) if info.st_nlink == 1}
        return {**left, **self.sizes()}

    def links(self) -> dict[str, tuple[int, int]]:
        """{digest: (device, inode)} of the hardlinks; a file that was edited has several names."""
        return {name: (info.st_dev, info.st_ino) for name, _, info in self._listed(linked=True)}

    def find(self, digest: str, size: int) -> Path | None:
        """The object, hashed and found whole; our own copy before a hardlink. None where there is none."""
        for linked in (False, True):
            path = self.path(digest, linked=linked)
            try:
                if os.lstat(path).st_size != size:
                    continue
            except OSError:
                continue
            if digest_of(str(path)) == digest:
                return path
        return None

    def drop(self, digest: str) -> None:
        """No hardlink of that name any more, because its bytes are not what its name says."""
        self.path(digest, linked=True).unlink(missing_ok=True)

    def collect(self, keep: Collection[str]) -> int:
        """Remove what is not in `keep`, hardlinks that a copy has made needless, and what a kill left; bytes freed.

        Can be killed at any instant: it removes only what nothing needs.
        """
        freed = 0
        with suppress(OSError):
            fs.remove_tree(self.folder / "incoming")
        own = self.sizes()
        for linked in (False, True):
            for name, place, info in list(self._listed(linked=linked)):
                if name in keep and not (linked and own.get(name) == info.st_size):
                    continue
                with suppress(FileNotFoundError):
                    os.unlink(place)
                    freed += info.st_size if info.st_nlink == 1 else 0
                with suppress(OSError):
                    os.rmdir(os.path.dirname(place))
        for folder in ("objects", "links"):
            with suppress(OSError):
                (self.folder / folder).rmdir()
        for empty in (self.folder, *self.folder.parents[:2]):
            with suppress(OSError):
                empty.rmdir()
        return freed

    def _listed(self, *, linked: bool) -> Iterator[tuple[str, str, os.stat_result]]:
        top = self.folder / ("links" if linked else "objects")
        try:
            shards = [entry.path for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return
        for shard in shards:
            with os.scandir(shard) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        yield entry.name, entry.path, os.lstat(entry.path)


def is_link_object(place: str) -> bool:
    """Whether a file is one of the hardlinks of a store."""
    above = Path(place).parents
    return len(above) > 3 and above[1].name == "links" and above[3].name == "guard"  # noqa: PLR2004


@dataclass(slots=True)
class Intake:
    """Objects on their way into a store: none counts before `publish`, and `close` leaves no trace of the rest."""

    store: ObjectStore
    folder: Path = field(init=False)
    count: int = 0
    """Contents taken that the store did not have."""
    bytes: int = 0
    """Written for them; clones and hardlinks take no room."""
    _known: dict[str, int] = field(default_factory=dict)
    _taken: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """{digest: (waiting file, whether it is a hardlink)}."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0

    def __post_init__(self) -> None:
        """Make the folder for what is being written."""
        self.folder = self.store.folder / "incoming" / secrets.token_hex(6)
        self.folder.mkdir(parents=True)
        self._known = self.store.sizes(linked=True) | self.store.sizes()

    def take(self, place: str, entry: Entry, how: str) -> Entry:
        """The file's entry as it is now, with the digest of the bytes that were taken. Threads may share this.

        SafeInstallError `guard-file-changing` for a file that is being written all the time; OSError as it comes.
        """
        with self._lock:
            self._number += 1
            waiting = str(self.folder / str(self._number))
        for _ in range(_TRIES):
            if how == LINK:
                os.link(place, waiting, follow_symlinks=False)
                digest = digest_of(waiting)
            else:
                digest = copy_hashed(place, waiting, clone=how == CLONE, durable=not _SYNCS_ALL)
            now = read_entry(place)
            if now.kind == FILE and digest and _undisturbed(entry, now, how):
                self._keep(digest, waiting, how, now.size)
                return now._replace(content=digest)
            os.unlink(waiting)
            entry = now
        raise SafeInstallError(
            "guard-file-changing",
            f"{place} is being written while it should be kept.",
            context={"path": place},
            hints=(Hint("stop-writer", "Stop ComfyUI or whatever writes it, then try again."),),
        )

    def _keep(self, digest: str, waiting: str, how: str, size: int) -> None:
        with self._lock:
            is_new = digest not in self._taken
            if is_new:
                self._taken[digest] = (waiting, how == LINK)
                if self._known.get(digest) != size:
                    self.count += 1
                    self.bytes += size if how == COPY else 0
        if not is_new:
            os.unlink(waiting)

    def publish(self) -> None:
        """All of them in the store, durable; a copy replaces whatever bore its name."""
        if not self._taken:
            return
        if _SYNCS_ALL:
            fs.sync_volume()
        shards: set[Path] = set()
        for digest, (waiting, linked) in self._taken.items():
            target = self.store.path(digest, linked=linked)
            if target.parent not in shards:
                target.parent.mkdir(parents=True, exist_ok=True)
                shards.add(target.parent)
            os.replace(waiting, target)
            # Renaming one name of a file over another of the same file does nothing (POSIX).
            with suppress(FileNotFoundError):
                os.unlink(waiting)
        for folder in [
            *shards,
            *{shard.parent for shard in shards},
            self.store.folder,
            self.store.folder.parent,
        ]:
            fs.fsync_dir(folder)

    def close(self) -> None:
        """Nothing is left of what was not published."""
        with suppress(OSError):
            fs.remove_tree(self.folder)
        with suppress(OSError):
            self.folder.parent.rmdir()


def _undisturbed(before: Entry, after: Entry, how: str) -> bool:
    """Whether nobody wrote the file meanwhile. A new name of it sets its time of change, which is our own doing."""
    if how == LINK:
        return (before.size, before.mtime_ns, before.inode) == (after.size, after.mtime_ns, after.inode)
    return before.identity == after.identity
