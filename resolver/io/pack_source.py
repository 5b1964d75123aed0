"""What brings an installed pack again, exactly: its id and version in the Registry, with the hash of its archive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..core.pack_origin import NIGHTLY, REGISTRY
from ..core.types import Pack
from ..transaction import fs
from .pack_origin import read_origin

ARCHIVES = "archives.json"
"""In the state folder: {`id@version`: sha256 of the archive}. The Registry itself publishes no hashes."""


def source_again(state: Path, pack: Pack) -> str:
    """As `install` takes it; empty for what is not of the Registry. Reads a few small files."""
    origin = read_origin(pack)
    if origin.kind == REGISTRY and origin.id and pack.version:
        source = f"{origin.id}@{pack.version}"
        known = _read(state).get(source, "")
        return f"{source}#sha256={known}" if known else source
    return f"{origin.id}@{pack.commit}" if origin.kind == NIGHTLY and pack.commit else ""


def remember_archives(state: Path, archives: Mapping[str, str]) -> None:
    """Keep these {`id@version`: sha256} with those that are known. Raises OSError."""
    if archives:
        fs.write_json(state / ARCHIVES, {**_read(state), **archives})


def _read(state: Path) -> dict[str, str]:
    try:
        value = json.loads(fs.read_regular(state / ARCHIVES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {name: digest for name, digest in value.items() if isinstance(digest, str)}
