"""Metadata-only wheels that stand for installed distributions in a solve.

The solver must respect what is installed and kept (`torch 2.5.1+cu121`, a conda build, an editable
checkout), which no index has. A wheel of metadata alone, offered by `--find-links`, lets every library's own
bounds on it count.
Stubs are never installed: what they stand for is kept out of every stage.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..core.solve import ABSENT, provided_by

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_LONGEST_VERSION = 100
"""Letters; with the name it is that of a file."""


@dataclass(frozen=True, slots=True)
class Stub:
    """One wheel of metadata alone."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


def write_stubs(stubs: Sequence[Stub], cache: Path) -> Path:
    """A folder with these stub wheels, remembered by content below `cache`."""
    entries = sorted(filter(_has_file_name, stubs), key=lambda stub: (stub.name, stub.version))
    folder = cache / "stubs" / hashlib.sha256(repr(entries).encode()).hexdigest()[:24]
    if folder.is_dir():
        with suppress(OSError):
            os.utime(folder)  # In use: sweeping goes by the time of the last change.
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=folder.parent))
    for stub in entries:
        _write_stub(making, stub.name, stub.version, stub.requires, stub.extras)
    try:
        os.rename(making, folder)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)  # another process made the same folder first
    return folder


def _has_file_name(stub: Stub) -> bool:
    """Whether the stub can be a wheel: what is installed may call itself anything, `1/../../x` for instance."""
    return (
        len(stub.version) <= _LONGEST_VERSION
        and _NAME.fullmatch(stub.name) is not None
        and _VERSION.fullmatch(stub.version) is not None
    )


def stand_ins(families: Sequence[Sequence[str]], absent: Iterable[str]) -> tuple[Stub, ...]:
    """Placeholders: for each member of a family in favour of each other, and for what must not come."""
    stubs = [Stub(name, ABSENT) for name in sorted(absent)]
    for members in families:
        stubs += [
            Stub(name, provided_by(chosen), (chosen,))
            for name in members
            for chosen in members
            if name != chosen
        ]
    return tuple(stubs)


def _write_stub(
    folder: Path, name: str, version: str, requires: Sequence[str], extras: Sequence[str]
) -> None:
    stem = f"{name.replace('-', '_')}-{version.replace('-', '_')}"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    metadata += [f"Provides-Extra: {extra}\n" for extra in extras]
    metadata += [f"Requires-Dist: {line}\n" for line in requires]
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", "".join(metadata))
        wheel.writestr(
            f"{stem}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: safe-install\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
