"""Metadata-only wheels that stand for installed distributions in a solve.

The solver must respect what is installed and kept (`torch 2.5.1+cu121`, a conda build, an editable checkout), which
no index has. A wheel of metadata alone, offered by `--find-links`, lets every library's own bounds on it count.
Stubs are never installed: what they stand for is kept out of every stage.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.types import Distribution


def write_stubs(
    distributions: Sequence[Distribution], requires: Mapping[str, Sequence[str]], cache: Path
) -> Path:
    """A folder with one stub wheel per distribution, remembered by content below `cache`.

    `requires` gives the Requires-Dist lines to declare, by canonical name (those of the distribution if absent).
    """
    entries = sorted(
        (dist.name, dist.version, tuple(requires.get(dist.name, dist.requires)), dist.provides_extras)
        for dist in distributions
    )
    folder = cache / "stubs" / hashlib.sha256(repr(entries).encode()).hexdigest()[:24]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=folder.parent))
    for name, version, lines, extras in entries:
        _write_stub(making, name, version, lines, extras)
    try:
        os.rename(making, folder)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)  # another process made the same folder first
    return folder


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
