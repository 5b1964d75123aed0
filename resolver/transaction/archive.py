"""Old transactions: their folders go, and one line of each stays in `<state>/history.jsonl` for the history.

Otherwise every start would look into more journals than the one before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import SafeInstallError
from . import folder, fs
from .history import ARCHIVE, TransactionRecord, last_committed, read_archive, read_transaction
from .journal import last_body

_THROWN = ".old-"
"""A folder of this name is a transaction that was archived; only its bytes are still there."""
_ELSEWHERE = frozenset({"decisions", "in_force"})
"""Parts of a summary that the archive leaves out: the record file holds them, and only the newest are in force."""

_APPENDING = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def prunable(state_dir: Path, keep: int, spare: Collection[str] = ()) -> tuple[str, ...]:
    """The transactions that need no folder any more, oldest first: all but the newest `keep`.

    Never the newest of all nor the last committed one, none in `spare`, none that is open, not cleaned up yet
    or damaged. Reads one line of each candidate.
    """
    known = folder.identifiers(state_dir)
    old = known[: max(len(known) - max(keep, 1), 0)]
    if not old:
        return ()
    last = last_committed(state_dir)
    kept = {*spare, *([last.id] if last else [])}
    return tuple(each for each in old if each not in kept and _is_settled(state_dir, each))


def prune(state_dir: Path, keep: int, spare: Collection[str] = ()) -> tuple[str, ...]:
    """Archive those of `prunable` and throw their folders away; which these were.

    The caller holds the lock of the state folder. May be killed at any instant and called again: a line is on
    the disk before its folder goes, and a folder goes by one rename. Raises OSError, SafeInstallError.
    """
    for left in folder.transactions_dir(state_dir).glob(f"{_THROWN}*"):
        _delete(left)
    found = prunable(state_dir, keep, spare)
    if not found:
        return ()
    records = [read_transaction(state_dir, each) for each in found]
    records = [each for each in records if each.state is not None and each.state.is_final]
    archived = {each.id for each in read_archive(state_dir)}
    _append(state_dir, [each for each in records if each.id not in archived])
    parent = folder.transactions_dir(state_dir)
    thrown = []
    for record in records:
        thrown.append(parent / f"{_THROWN}{record.id}")
        fs.rename(parent / record.id, thrown[-1])
    fs.fsync_dir(parent)
    for each in thrown:
        _delete(each)
    return tuple(record.id for record in records)


def _is_settled(state_dir: Path, identifier: str) -> bool:
    path = folder.journal_path(folder.transactions_dir(state_dir) / identifier)
    return last_body(path).get("kind") == "cleaned"


def _append(state_dir: Path, records: Iterable[TransactionRecord]) -> None:
    lines = [json.dumps(_shortened(each), ensure_ascii=True, separators=(",", ":")) for each in records]
    if not lines:
        return
    path = state_dir / ARCHIVE
    descriptor = os.open(path, _APPENDING, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        # A full disk may have torn the last line; what follows must not be lost with it.
        torn = size and os.pread(descriptor, 1, size - 1) != b"\n" if hasattr(os, "pread") else size
        data = (("\n" if torn else "") + "\n".join(lines) + "\n").encode("ascii")
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fs.fsync_dir(state_dir)


def _shortened(record: TransactionRecord) -> dict[str, object]:
    summary = {key: value for key, value in record.summary.items() if key not in _ELSEWHERE}
    return {**record.to_dict(), "summary": summary}


def _delete(place: Path) -> None:
    with suppress(OSError, SafeInstallError):  # It harms nobody; the next call tries again.
        fs.remove_tree(place)
