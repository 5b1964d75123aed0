"""What follows the commit of a transaction that had waited: the record, and what is remembered of its files.

For one that did not wait the engine does it. Here it must work at a start where every package may be broken.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from ...errors import SafeInstallError
from .. import folder, fs
from .note import load_note

RECORD = "record.jsonl"
"""File of the state folder: every automatic decision of every applied plan, one JSON line each."""

ARTEFACTS = "artefacts.json"
"""File of the state folder: where installed files came from."""


def settle(state_dir: Path, directory: Path) -> bool:
    """Whether everything is done that follows the commit; True at once for a transaction that never waited.

    Can be killed and called again. A note that cannot be read costs its entries and nothing else.
    """
    if not folder.note_path(directory).exists():
        return True
    try:
        note = load_note(directory)
    except SafeInstallError:
        return True
    try:
        entries = read_entries(state_dir)
        if not any(entry.get("transaction") == directory.name for entry in entries):
            at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            append_entries(
                state_dir, [{"at": at, **entry, "transaction": directory.name} for entry in note.record]
            )
        if note.artefacts:
            _remember(state_dir, note.artefacts)
    except (OSError, SafeInstallError):
        return False
    return True


def read_entries(state_dir: Path) -> list[dict[str, object]]:
    """The lines of the record, oldest first; one that cannot be read is passed over. OSError."""
    try:
        text = fs.read_regular(state_dir / RECORD).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def append_entries(state_dir: Path, entries: Sequence[Mapping[str, object]]) -> None:
    """Lines appended to the record, durable when this returns. OSError."""
    if not entries:
        return
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(state_dir / RECORD, flags, 0o644)
    try:
        data = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode(
            errors="replace"
        )
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remember(state_dir: Path, artefacts: Mapping[str, object]) -> None:
    path = state_dir / ARTEFACTS
    try:
        known = fs.read_json(path)
    except SafeInstallError:
        known = {}
    fs.write_json(path, {**(known if isinstance(known, dict) else {}), **artefacts})
