"""Bringing the bytes of a full copy back: found, made ready aside, and looked at afterwards."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...core.guard_port import Check, FullPlan, FullStage, Progress
from ...core.guard_restore import Staged
from ...core.inventory import FILE, FOLDER, LINK, PACKS, Entry, Inventory
from ...errors import Hint, SafeInstallError
from ...transaction import fs
from ..inventory import digest_of, read_entry
from .copy import copy_hashed
from .objects import ObjectStore, is_link_object
from .taking import no_space

_WORKERS = min(4, os.cpu_count() or 1)


def find_bytes(
    wanted: Mapping[str, tuple[str, int]],
    stores: Sequence[ObjectStore],
    now: Inventory,
    payload_trees: Callable[[str], Iterable[Path]],
) -> dict[str, str]:
    """{digest: file that holds these bytes}, each hashed right now; those that are nowhere are left out.

    `wanted` is {digest: (path, bytes)}. Looked at in this order: the stores, the live files that had this digest
    in `now`, and `payload_trees(path)`, the places where transactions have put aside what lay at that path.
    """
    live: dict[str, list[str]] = {}
    for path, entry in now.entries.items():
        if entry.kind == FILE and entry.content in wanted:
            live.setdefault(entry.content, []).append(now.place(path))

    def find(digest: str) -> str:
        path, size = wanted[digest]
        for store in stores:
            kept = store.find(digest, size)
            if kept is not None:
                return str(kept)
        elsewhere: list[str] = [*live.get(digest, ()), *map(str, payload_trees(path))]
        for place in elsewhere:
            if os.path.isfile(place) and os.path.getsize(place) == size and digest_of(place) == digest:
                return place
        return ""

    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        return {digest: place for digest, place in zip(wanted, pool.map(find, wanted), strict=True) if place}


@dataclass(slots=True)
class Staging:
    """The stage of one rollback: what comes in waits in `in`, what goes out is moved to `out`."""

    plan: FullPlan
    environment: Path
    """The folder for what belongs to the environment; on its volume."""
    packs: Path
    clone: bool
    """Whether bytes are cloned rather than copied."""
    check: Check | None = None
    progress: Progress | None = None
    _modes: list[tuple[str, int]] = field(default_factory=list)

    def fill(self) -> FullStage:
        """Make everything ready; durable when this returns. What a failure leaves is for the caller to remove."""
        needed = self.plan.moves.bytes
        for folder in {self._home(each) for each in (*self.plan.moves.incoming, *self.plan.moves.outgoing)}:
            for name in ("in", "out"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            if not self.clone and needed > fs.free_bytes(folder):
                raise no_space(needed, fs.free_bytes(folder))
        try:
            self._make_all()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_space(needed, fs.free_bytes(self.environment)) from error
            raise
        for made, mode in reversed(self._modes):  # A folder may be one nobody writes to.
            os.chmod(made, mode)
        if sys.platform == "linux":
            fs.sync_volume()
        else:
            for home in (self.environment, self.packs):
                if home.is_dir():
                    fs.sync_tree(home)
        moves, now = self.plan.moves, self.plan.now
        return FullStage(
            folders=(str(self.environment), str(self.packs)),
            outgoing=tuple(
                (now.place(path), str(self._home(path) / "out" / str(number)))
                for number, path in enumerate(moves.outgoing)
            ),
            incoming=tuple((self._place(path), now.place(path)) for path in moves.incoming),
        )

    def _make_all(self) -> None:
        staged = self.plan.moves.staged
        files = [each for each in staged if each.entry.kind == FILE]
        for each in staged:
            if each.entry.kind == FOLDER:
                place = self._place(each.path)
                os.makedirs(place, mode=0o700)
                self._modes.append((place, each.entry.mode))
            else:
                os.makedirs(os.path.dirname(self._place(each.path)), exist_ok=True)
            if each.entry.kind == LINK:
                self._make_link(each)
        with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
            try:
                for number, _ in enumerate(pool.map(self._make_file, files), start=1):
                    if self.progress is not None and number % 64 == 0:
                        self.progress(number, len(files))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _make_link(self, each: Staged) -> None:
        place = self._place(each.path)
        os.symlink(each.entry.content, place)
        with suppress(OSError, NotImplementedError):
            os.utime(place, ns=(each.entry.mtime_ns, each.entry.mtime_ns), follow_symlinks=False)

    def _make_file(self, each: Staged) -> None:
        if self.check is not None:
            self.check()
        place, entry = self._place(each.path), each.entry
        if each.live:
            source = self.plan.now.place(each.path)
            with suppress(OSError):
                os.link(source, place, follow_symlinks=False)
                return
            self._copy(source, place, entry)
            return
        source = self.plan.sources[entry.content]
        if is_link_object(source) and self._link_kept(source, place, entry):
            return
        self._copy(source, place, entry)

    def _link_kept(self, source: str, place: str, entry: Entry) -> bool:
        """Whether a kept hardlink has become the live file: only where mode and time are right, for it has but one."""
        kept = os.lstat(source)
        if kept.st_mtime_ns != entry.mtime_ns or kept.st_mode & 0o7777 != entry.mode:
            return False
        try:
            os.link(source, place, follow_symlinks=False)
        except OSError:
            return False
        if digest_of(place) != entry.content:
            raise _damaged(source)
        return True

    def _copy(self, source: str, place: str, entry: Entry) -> None:
        try:
            digest = copy_hashed(source, place, clone=self.clone)
        except OSError:
            if not self.clone:
                raise
            digest = copy_hashed(source, place)  # It lies on another volume, say.
        if entry.content and digest != entry.content:
            raise _damaged(source)
        os.chmod(place, entry.mode)
        os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))

    def _home(self, path: str) -> Path:
        return self.packs if path.startswith(PACKS) else self.environment

    def _place(self, path: str) -> str:
        return str(self._home(path) / "in" / path)


def faults_after(plan: FullPlan) -> Iterator[str]:
    """The live places that are not as the plan wanted them; hashes what was brought back."""
    wanted: dict[str, Entry | None] = {each.path: each.before for each in plan.moves.restored}
    wanted |= {each.path: each.entry for each in plan.moves.staged}
    for path, entry in wanted.items():
        if not _is_there(plan.now.place(path), entry):
            yield plan.now.place(path)


def _is_there(place: str, entry: Entry | None) -> bool:
    try:
        found = read_entry(place)
    except (FileNotFoundError, NotADirectoryError):
        return entry is None
    if entry is None or (found.kind, found.mode) != (entry.kind, entry.mode):
        return False
    if entry.kind == LINK:
        return found.content == entry.content
    if entry.kind != FILE:
        return True
    if (found.size, found.mtime_ns) != (entry.size, entry.mtime_ns):
        return False
    return not entry.content or digest_of(place) == entry.content


def _damaged(source: str) -> SafeInstallError:
    return SafeInstallError(
        "guard-object-damaged",
        f"{source} does not hold the bytes it should; it was damaged since the plan was made. Nothing was changed.",
        context={"path": source},
        hints=(Hint("plan-again", "Plan again: what cannot be restored is then said beforehand."),),
    )
