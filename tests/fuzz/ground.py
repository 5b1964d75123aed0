"""Where the targets of the fuzzers put their files: a folder of this process, in memory where that can be."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_here: list[Path] = []


def place() -> Path:
    """A folder of this process on the fastest file system there is, made at the first call."""
    if not _here:
        memory = Path("/dev/shm")  # noqa: S108
        _here.append(
            Path(tempfile.mkdtemp(prefix="safe-install-fuzz-", dir=memory if memory.is_dir() else None))
        )
    return _here[0]


def clear() -> None:
    """Remove that folder."""
    while _here:
        shutil.rmtree(_here.pop(), ignore_errors=True)


def put(name: str, raw: bytes) -> Path:
    """That file below `place`, with those bytes."""
    path = place() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def rooted(raw: bytes) -> bytes:
    """With the place of this process's root put in."""
    return raw.replace(b"@ROOT@", os.fsencode(place() / "root"))
