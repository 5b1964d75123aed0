"""Snapshots as they were read from their files, for a server that lists hundreds of them again and again.

A file counts as the same while its size, times and inode are: snapshots are written whole, under a new inode.
What many snapshots have in common is kept once, so that all of them take little more room than one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TypeVar

from ..core.snapshot import Snapshot

_Value = TypeVar("_Value", bound=Hashable)
Stamp = tuple[int, int, int, int]

_MOST = 1000


class SnapshotMemory:
    """Snapshots by file. Safe to share between threads; what it gives is never changed by anybody."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Stamp, Snapshot]] = {}
        self._shared: dict[Hashable, Hashable] = {}

    def get(self, path: str, stamp: Stamp, read: Callable[[], Snapshot]) -> Snapshot:
        """The snapshot in that file, read anew where the stamp is another; raises what `read` raises."""
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        found = read()
        with self._lock:
            if len(self._known) >= self._most:
                self._known.clear()
                self._shared.clear()
            kept = self._sharing(found)
            self._known[path] = (stamp, kept)
        return kept

    def _sharing(self, snapshot: Snapshot) -> Snapshot:
        return replace(
            snapshot,
            freeze=self._one(snapshot.freeze),
            distributions=tuple(self._one(each) for each in snapshot.distributions),
            unowned=tuple(self._one(each) for each in snapshot.unowned),
            packs=tuple(self._one(each) for each in snapshot.packs),
            decisions=tuple(self._one(each) for each in snapshot.decisions),
        )

    def _one(self, value: _Value) -> _Value:
        return self._shared.setdefault(value, value)  # type: ignore[return-value]


REMEMBERED = SnapshotMemory()
"""Of this process."""
