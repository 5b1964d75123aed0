"""Filling one store of objects with what it lacks of an inventory."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from ...core.guard import LARGE, MIXED, REFLINK, is_weight
from ...core.guard_port import Check, Progress
from ...core.inventory import FILE, OTHER, PACKS, Entry, Inventory
from ...core.types import Finding
from ...errors import Hint, RefusedError
from ..inventory import read_entry
from . import objects as guard_objects
from .copy import is_binary
from .objects import Intake, ObjectStore


@dataclass(slots=True)
class Taking:
    """One store being filled with what it lacks."""

    store: ObjectStore
    method: str
    inventory: Inventory
    check: Check | None
    progress: Progress | None
    entries: dict[str, Entry] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    count: int = 0
    written: int = 0

    def run(self) -> None:
        """Take what is missing; `entries` then has the digest of every file, and all bytes are in the store."""
        self.entries = dict(self.inventory.entries)
        missing = missing_in(self.store, self.entries)
        if missing:
            with ExitStack() as stack:
                intake = Intake(self.store)
                stack.callback(intake.close)
                linked = self._take_all(intake, missing)
                self._go_on()
                intake.publish()
                self.count, self.written = intake.count, intake.bytes
            for path in linked:  # A new name sets the time of change, and renaming it once more.
                self._note_now(path)
        self._drop_damaged()
        self._tell_unreadable()

    def _tell_unreadable(self) -> None:
        for path, entry in self.entries.items():
            place = self.inventory.place(path)
            if entry.kind == OTHER and os.path.isdir(place):
                text = f"{place} may not be listed, so what is in it is not in the full copy."
                self.findings.append(Finding(code="guard-unreadable", message=text, file=place))

    def _take_all(self, intake: Intake, missing: list[str]) -> list[str]:
        linked: list[str] = []
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            try:
                found = pool.map(lambda path: self._take(intake, path), missing)
                for number, (path, (entry, how)) in enumerate(zip(missing, found, strict=True), start=1):
                    if entry is None:
                        del self.entries[path]
                        continue
                    self.entries[path] = entry
                    if how == guard_objects.LINK:
                        linked.append(path)
                    if self.progress is not None and number % 64 == 0:
                        self.progress(number, len(missing))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return linked

    def _take(self, intake: Intake, path: str) -> tuple[Entry | None, str]:
        self._go_on()
        place, entry = self.inventory.place(path), self.entries[path]
        how = how_of(path, entry, self.method, place)
        try:
            try:
                return intake.take(place, entry, how), how
            except OSError as error:
                if how == guard_objects.COPY or error.errno in (errno.ENOENT, errno.ENOSPC, errno.EDQUOT):
                    raise
                # Part of the tree lies where no clone or link reaches, or the file is somebody else's.
                how = guard_objects.COPY
                return intake.take(place, entry, how), how
        except FileNotFoundError:
            return None, how
        except PermissionError as error:
            if error.filename != place:
                raise  # It is the copy that may not be written.
            self.findings.append(
                Finding(
                    code="guard-unreadable",
                    message=f"{place} cannot be read ({error.strerror}), so it is not in the full copy.",
                    file=place,
                )
            )
            return entry._replace(content=""), how

    def _note_now(self, path: str) -> None:
        now = read_entry(self.inventory.place(path))
        before = self.entries[path]
        if (now.size, now.mtime_ns, now.inode) == (before.size, before.mtime_ns, before.inode):
            self.entries[path] = now._replace(content=before.content)

    def _drop_damaged(self) -> None:
        """Hardlinks whose file has been edited in place since: their bytes are gone, and no plan may count on them."""
        links = self.store.links()
        if not links:
            return
        live = {(each.device, each.inode): path for path, each in self.entries.items() if each.kind == FILE}
        for digest, inode in links.items():
            path = live.get(inode, "")
            if path and self.entries[path].content not in ("", digest):
                self.store.drop(digest)
                self.findings.append(
                    Finding(
                        code="guard-object-damaged",
                        message=f"{self.inventory.place(path)} was edited in place, and with it the copy older full "
                        "snapshots had of it, which was a hardlink: they cannot bring it back any more.",
                        file=self.inventory.place(path),
                        hints=(
                            Hint("copy-all", "`safe-install guard on --strategy copy` keeps real copies."),
                        ),
                    )
                )

    def _go_on(self) -> None:
        if self.check is not None:
            self.check()


def missing_in(store: ObjectStore, entries: dict[str, Entry]) -> list[str]:
    """The files whose bytes the store lacks, or has only as a hardlink of which nothing live shows what is in it."""
    objects = store.sizes()
    links = store.links()
    # What was read through any of its live names is what the hardlink holds.
    live = (
        {(each.device, each.inode): each.content for each in entries.values() if each.kind == FILE}
        if links
        else {}
    )
    return [
        path
        for path, entry in entries.items()
        if entry.kind == FILE
        and objects.get(entry.content) != entry.size
        and not (entry.content in links and live.get(links[entry.content]) == entry.content)
    ]


def how_of(path: str, entry: Entry, method: str, place: str | None) -> str:
    """How one file is kept. Without `place` the file is not looked into: large means binary then."""
    if method == REFLINK:
        return guard_objects.CLONE
    if path.startswith(PACKS):
        return guard_objects.LINK if is_weight(path, entry.size) else guard_objects.COPY
    if method == MIXED and entry.size >= LARGE and (place is None or is_binary(place)):
        return guard_objects.LINK
    return guard_objects.COPY


def no_space(needed: int, free: int) -> RefusedError:
    """The refusal for a volume that is too full."""
    wanted = f"{needed / 1e6:.0f} MB more" if needed else "more room"
    return RefusedError(
        "guard-no-space",
        f"A full snapshot needs {wanted}, and {free / 1e6:.0f} MB are free. Nothing was changed.",
        context={"needed": needed, "free": free},
        hints=(
            Hint(
                "free-space",
                "Free some space, or remove old full snapshots with `safe-install snapshot remove`.",
            ),
            Hint(
                "mixed",
                "`safe-install guard on --strategy mixed` hardlinks large libraries instead of copying.",
            ),
            Hint("guard-off", "Or turn full snapshots off: `safe-install guard off`."),
        ),
    )
