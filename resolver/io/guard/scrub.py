"""Hashing everything that is kept: what is damaged goes, and is kept anew where the live tree has the bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from ...core.guard import GuardCheck
from ...core.guard_port import Check, Progress
from ...core.inventory import FILE, PACKS, Entry, Inventory
from ...errors import SafeInstallError
from .making import GuardStore
from .objects import Intake, ObjectStore
from .taking import how_of


@dataclass(frozen=True, slots=True)
class _Needed:
    """One content that some manifest names."""

    path: str
    size: int
    snapshots: tuple[str, ...]


def scrub(
    guard: GuardStore,
    now: Inventory,
    strategy: str,
    *,
    check: Check | None = None,
    progress: Progress | None = None,
) -> GuardCheck:
    """Hash every content a manifest names. `now` is the live tree with digests. The caller holds the lock; blocks."""
    needed, unreadable = _needed(guard)
    total = sum(len(each) for each in needed.values())
    healed = done = size = 0
    lost: list[tuple[str, str]] = []
    for packs, store in zip((False, True), guard.stores, strict=True):
        contents = needed[packs]
        live = {
            entry.content: path
            for path, entry in now.entries.items()
            if entry.kind == FILE and entry.content in contents and path.startswith(PACKS) == packs
        }
        gone: list[str] = []
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            found = pool.map(lambda item, at=store: at.find(item[0], item[1].size), contents.items())
            for digest, place in zip(contents, found, strict=True):
                done, size = done + 1, size + contents[digest].size
                if check is not None:
                    check()
                if progress is not None and done % 64 == 0:
                    progress(done, total)
                if place is None:
                    gone.append(digest)
        method = guard.method(store.folder.parents[1], strategy) if gone else ""
        mended = _heal(store, method, now, {digest: live[digest] for digest in gone if digest in live})
        healed += len(mended)
        for digest in gone:
            if digest not in mended:
                lost += [(identifier, contents[digest].path) for identifier in contents[digest].snapshots]
    return GuardCheck(
        objects=total, bytes=size, healed=healed, lost=tuple(sorted(lost)), unreadable=unreadable
    )


def _needed(guard: GuardStore) -> tuple[dict[bool, dict[str, _Needed]], tuple[str, ...]]:
    needed: dict[bool, dict[str, _Needed]] = {False: {}, True: {}}
    unreadable = []
    for name in guard.manifests():
        try:
            entries = guard.manifest(name).entries
        except SafeInstallError:
            unreadable.append(name)
            continue
        for path, entry in _files(entries):
            group = needed[path.startswith(PACKS)]
            known = group.get(entry.content)
            snapshots = (*known.snapshots, name) if known and name not in known.snapshots else (name,)
            group[entry.content] = _Needed(
                path, entry.size, known.snapshots if known and name in known.snapshots else snapshots
            )
    return needed, tuple(unreadable)


def _files(entries: object) -> Iterator[tuple[str, Entry]]:
    if isinstance(entries, dict):
        yield from ((path, each) for path, each in entries.items() if each.kind == FILE and each.content)


def _heal(store: ObjectStore, method: str, now: Inventory, found: dict[str, str]) -> frozenset[str]:
    """Keep the live files that have those digests; the digests that are whole again."""
    if not found:
        return frozenset()
    intake = Intake(store)
    mended = set()
    try:
        for digest, path in found.items():
            entry = now.entries[path]
            with suppress(OSError, SafeInstallError):
                taken = intake.take(now.place(path), entry, how_of(path, entry, method, now.place(path)))
                if taken.content == digest:
                    mended.add(digest)
        intake.publish()
    finally:
        intake.close()
    return frozenset(mended)
