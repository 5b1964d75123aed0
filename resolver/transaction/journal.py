"""The append-only file that says what a transaction meant to do and what it has done.

One JSON object a line: `{"body": ..., "crc": ..., "seq": ...}`. A line is on the disk before `append`
returns, so a power cut can damage only the last one; damage anywhere else is refused.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import Hint, RecoveryNeededError, SafeInstallError
from .fs import fsync_dir, open_regular, read_regular

_TAIL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a journal. `seq` counts from 1 without gaps."""

    seq: int
    body: Mapping[str, object]


class Journal:
    """Appends to one journal file. One writer at a time: the holder of the state folder's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._length: int | None = None
        """Bytes of whole lines; None while the file has not been read, or after a failed append."""
        self._seq = 0

    def append(self, body: Mapping[str, object]) -> None:
        """One more line, durable when this returns. Blocks for one fsync, two when the file is new.

        The first append cuts off a torn last line. When writing fails (disk full, interrupted), the line
        is taken back: SafeInstallError `journal-unwritable`. RecoveryNeededError `journal-changed` when
        someone else wrote meanwhile.
        """
        try:
            self._append(body)
        except OSError as error:
            raise SafeInstallError(
                "journal-unwritable",
                f"The journal {self.path} cannot be written: {error.strerror or error}",
                context={"path": self.path},
                hints=(Hint("free-space", "See that the disk is not full and that the folder is writable."),),
            ) from error

    def _append(self, body: Mapping[str, object]) -> None:
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NOFOLLOW", 0)
        is_new = not self.path.exists()
        known = self._length
        if known is None:
            entries, known = _parse(b"" if is_new else read_regular(self.path), self.path)
            self._seq = len(entries)
        line = _encode(self._seq + 1, body)
        descriptor = os.open(self.path, flags | os.O_CREAT, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if self._length is None and size > known:
                os.ftruncate(descriptor, known)
                os.fsync(descriptor)
            elif size != known:
                raise _changed(self.path)
            self._write(descriptor, line, known)
            if is_new:
                fsync_dir(self.path.parent)
        finally:
            os.close(descriptor)
        self._length = known + len(line)
        self._seq += 1

    def _write(self, descriptor: int, line: bytes, known: int) -> None:
        self._length = None
        try:
            written = 0
            while written < len(line):
                written += os.write(descriptor, line[written:])
            os.fsync(descriptor)
        except BaseException:
            # The caller is told that the line does not count, so no later reader may find it. If even this
            # fails, the next append reads the file again and goes by what is in it.
            os.ftruncate(descriptor, known)
            os.fsync(descriptor)
            raise


def read_journal(path: Path) -> tuple[Entry, ...]:
    """The whole lines of a journal, oldest first; a torn last line (a power cut) is left out.

    RecoveryNeededError `journal-damaged` when there is no journal, no whole line, or damage before the last.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise damaged(path, f"it cannot be read ({error.strerror})") from error
    entries, _ = _parse(data, path)
    if not entries:
        raise damaged(path, "it holds no whole line")
    return entries


def last_body(path: Path) -> Mapping[str, object]:
    """The body of the last line without reading the whole file; empty when that line is not whole."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read().split(b"\n")
    except OSError:
        return {}
    entry = _decode(lines[-2]) if len(lines) > 1 and not lines[-1] else None
    return entry.body if entry else {}


def damaged(path: Path, why: str) -> RecoveryNeededError:
    """The error for a journal that must not be acted on."""
    return RecoveryNeededError(
        "journal-damaged",
        f"The journal {path} is damaged: {why}. Nothing was touched.",
        context={"path": path, "reason": why},
        hints=(
            Hint(
                "inspect-journal",
                "Look at this folder and at the files its steps.json names, put them where they belong, "
                "then move the folder away.",
            ),
        ),
    )


def _changed(path: Path) -> RecoveryNeededError:
    return RecoveryNeededError(
        "journal-changed",
        f"Something else wrote into the journal {path} while this transaction was at work.",
        context={"path": path},
        hints=(Hint("recover", "Run `safe-install recover`, or restart ComfyUI."),),
    )


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _encode(seq: int, body: Mapping[str, object]) -> bytes:
    content = {"body": dict(body), "seq": seq}
    return _canonical({**content, "crc": zlib.crc32(_canonical(content))}) + b"\n"


def _decode(line: bytes) -> Entry | None:
    try:
        value = json.loads(line)
        body, seq = value["body"], value["seq"]
        whole = len(value) == 3 and value["crc"] == zlib.crc32(_canonical({"body": body, "seq": seq}))  # noqa: PLR2004 (body, crc, seq)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Entry(seq=seq, body=body) if whole and type(seq) is int and isinstance(body, dict) else None


def _parse(data: bytes, path: Path) -> tuple[tuple[Entry, ...], int]:
    """The whole entries and their length in bytes."""
    *lines, tail = data.split(b"\n")
    entries: list[Entry] = []
    length = 0
    for number, line in enumerate(lines, start=1):
        entry = _decode(line)
        # Each line was durable before the next was begun: only the very last can be torn.
        if entry is None and number == len(lines) and not tail:
            break
        if entry is None or entry.seq != number:
            raise damaged(path, f"line {number} is not as it was written")
        entries.append(entry)
        length += len(line) + 1
    return tuple(entries), length
