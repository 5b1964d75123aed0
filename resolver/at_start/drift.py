"""At the start of ComfyUI: whether others changed something since we last looked.

The look itself needs the standard library only and takes less than a tenth of a second. Only where something
differs are the packages imported that tell what, and who did it; where they cannot be, that is left out.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from ..transaction.history import last_committed
from ..transaction.watch import BASELINE, NOTICED, Watch, look_for_code, read_object, watch_of

_LOG = logging.getLogger("safe_install")


def notice_drift(state: Path, comfyui: Path, custom_nodes: Sequence[Path]) -> None:
    """One line in the log where others changed something: a warning the first time. Blocks.

    May raise anything: call it where nothing that fails matters.
    """
    baseline = read_object(state / BASELINE)
    if not baseline:
        return
    watch = watch_of(baseline.get("watch"))
    if os.path.realpath(watch.prefix) != os.path.realpath(sys.prefix):
        return  # Of an environment this ComfyUI does not run in.
    # The state folder may hold anything; nothing but this Python's folders and the packs is walked.
    code = look_for_code(watch) if _are_ours(watch, custom_nodes) else {}
    noticed = read_object(state / NOTICED)
    last = last_committed(state)
    stale = last is not None and last.id != baseline.get("transaction")
    if code == watch.code and not stale and watch.python == platform.python_version():
        return
    if code and noticed.get("code") == code and not stale:
        _LOG.info("Safe Install: what others changed is still so; `safe-install verify` shows it.")
        return
    try:
        from ..core.drift import summary
        from ..engine.drift import check
        from ..wiring import open_site

        site = open_site(comfyui, python=Path(sys.executable), state=state, custom_nodes=custom_nodes)
        report = check(site)
    except Exception as error:  # noqa: BLE001 - others may have broken any package
        if stale:
            return  # A change of ours that had waited was applied just now; nobody can tell the two apart.
        _LOG.warning(
            "Safe Install: others changed the environment or packs since the last look, and what exactly cannot "
            "be told now (%s). Run `safe-install verify`.",
            error,
        )
        return
    if report.is_grave:
        level = logging.WARNING if report.is_new else logging.INFO
        words = summary(report.items)
        _LOG.log(level, "Safe Install: others changed %s. `safe-install verify` shows more.", words)


def _are_ours(watch: Watch, custom_nodes: Sequence[Path]) -> bool:
    """Whether the watched folders belong to this Python and this ComfyUI."""
    prefix = os.path.realpath(sys.prefix) + os.sep
    found = {os.path.realpath(entry) for entry in sys.path if entry}
    packs = {os.path.realpath(folder) for folder in custom_nodes}
    python = [os.path.realpath(folder) for folder in (*watch.sites, watch.scripts) if folder]
    return packs.issuperset(map(os.path.realpath, watch.packs)) and all(
        folder in found or folder.startswith(prefix) for folder in python
    )
