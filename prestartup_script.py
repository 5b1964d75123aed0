"""Run by ComfyUI before it loads any pack: finishes or undoes what a crash interrupted, applies what waits.

Only the standard library, because the crash may have left other packages broken; everything of ours is
loaded by path, because ComfyUI runs this file alone. Nothing here raises or exits: ComfyUI must start.
"""

from __future__ import annotations

import importlib
import logging
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

_LOG = logging.getLogger("safe_install")
_PRIVATE = "_safe_install_at_start"
"""Our package's name here; its real name may belong to an installed copy of another version."""
_PARTS_OF_PYTHON = ("purelib", "platlib", "scripts", "data")
_NEIGHBOUR = ".safe-install"
"""The hidden folder beside site-packages and custom_nodes in which stages and payloads lie."""


def recover_at_start() -> None:
    """Bring an unfinished transaction to its end, and log what was done. Blocks; mostly for milliseconds."""
    import folder_paths

    state = _state_folder(folder_paths)
    if not (state / "transactions").is_dir():
        return
    report = _load("resolver.transaction.recover").recover(state, _roots(folder_paths))
    for line in report.lines():
        _LOG.warning("Safe Install: %s", line)


def apply_what_waits() -> None:
    """Apply what waits for this start, and log what came of it. Blocks; not after a recovery that failed."""
    import folder_paths

    state = _state_folder(folder_paths)
    if not (state / "transactions").is_dir() or not _load("resolver.transaction.recover").deferred(state):
        return
    waiting = _load("resolver.transaction.deferred.waiting")
    for attempt in waiting.apply_waiting(state, _roots(folder_paths), waiting.Interpreter.running()):
        _LOG.warning("Safe Install: %s", attempt.line)


def notice_drift() -> None:
    """Log a line where others changed something since we last looked. Blocks; see `resolver/at_start.py`."""
    import folder_paths

    state = _state_folder(folder_paths)
    if (state / "baseline.json").is_file():
        comfyui = Path(folder_paths.__file__).resolve().parent
        packs = [Path(folder) for folder in folder_paths.get_folder_paths("custom_nodes")]
        _load("resolver.at_start").notice_drift(state, comfyui, packs)


def _state_folder(folder_paths: Any) -> Path:
    """Our folder among the host's user folders; older hosts do not name it for us."""
    if hasattr(folder_paths, "get_system_user_directory"):
        return Path(folder_paths.get_system_user_directory("safe_install"))
    return Path(folder_paths.get_user_directory()) / "__safe_install"


def _roots(folder_paths: Any) -> tuple[Path, ...]:
    """The folders in which recovery may move things: this Python's, the host's, and their neighbours."""
    python = [Path(sysconfig.get_path(part)) for part in _PARTS_OF_PYTHON]
    packs = [Path(folder) for folder in folder_paths.get_folder_paths("custom_nodes")]
    folders = [*python, *packs]
    return tuple(dict.fromkeys([*folders, *(folder.parent / _NEIGHBOUR for folder in folders)]))


def _load(module: str) -> Any:
    """A module of ours by its dotted name from this folder, without running the folder's entry."""
    if _PRIVATE not in sys.modules:
        package = ModuleType(_PRIVATE)
        package.__path__ = [str(Path(__file__).resolve().parent)]
        sys.modules[_PRIVATE] = package
    return importlib.import_module(f"{_PRIVATE}.{module}")


def _explain(error: BaseException) -> None:
    """Log why that did not finish: our own errors in their words, others with their traceback."""
    if hasattr(error, "code") and hasattr(error, "hints"):
        hints = " ".join(hint.text for hint in error.hints)
        _LOG.error("Safe Install: %s %s", error, hints)
    else:
        _LOG.error("Safe Install: the check for interrupted and waiting changes failed.", exc_info=error)


try:
    recover_at_start()
    apply_what_waits()
except KeyboardInterrupt:
    raise
except BaseException as error:  # noqa: BLE001  even a SystemExit from below must not keep ComfyUI from starting
    _explain(error)

try:
    notice_drift()
except KeyboardInterrupt:
    raise
except BaseException as error:  # noqa: BLE001  the same: only a warning is lost
    _LOG.debug("Safe Install: the look for changes of others failed.", exc_info=error)
