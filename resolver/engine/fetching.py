"""Distributions of known versions brought into a stage again, without the network where that is possible."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from ..core.swap_types import Arrival
from ..errors import CancelledError, SafeInstallError
from ..ports import Site


def fetch_again(
    site: Site,
    folder: Path,
    versions: Mapping[str, str],
    hashes: Mapping[str, tuple[str, ...]],
    cancel: threading.Event | None,
) -> Arrival:
    """These {name: version}, from uv's cache where it has them, else from the index; never built. Blocks.

    `hashes` pin the files of those whose artefact is known. Raises what filling a stage raises.
    """
    known = {name: hashes[name] for name in versions if hashes.get(name)}

    def fill(*, offline: bool) -> Arrival:
        lock = site.lock_pins(versions, known, offline=offline, cancel=cancel)
        place = folder / ("from-cache" if offline else "from-index")
        return site.fill_stage(lock, place, versions, allow_builds=False, offline=offline, cancel=cancel)

    try:
        return fill(offline=True)
    except CancelledError:
        raise
    except SafeInstallError:
        return fill(offline=False)
