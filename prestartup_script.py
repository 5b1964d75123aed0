"""Run by ComfyUI before it loads any pack: heals what a crash has left, applies what waits, marks the start.

A change that was interrupted is finished or undone; one after which ComfyUI died twice at its start is taken back.
Only the standard library, because the crash may have left other packages broken; everything of ours is
loaded by path, because ComfyUI runs this file alone. Nothing here raises or exits: ComfyUI must start.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

_LOG = logging.getLogger("safe_install")
_HERE = Path(__file__).resolve().parent
_PRIVATE = "_safe_install_at_start"
"""Our package's name here; its real name may belong to an installed copy of another version."""
_MANAGED = "SAFE_INSTALL_PYTHON"
"""Names an environment's Python other than the one that runs the host (see `server_routes/host.py`)."""
_PARTS_OF_PYTHON = ("purelib", "platlib", "scripts", "data")
_NEIGHBOUR = ".safe-install"
"""The hidden folder beside site-packages and custom_nodes in which stages and payloads lie."""


def keep_import_failures() -> None:
    """Have kept what ComfyUI logs of packs that do not load; `GET packs` tells it (see `import_log`)."""
    _load("resolver.at_start.import_log").keep_import_failures()


def recover_at_start() -> None:
    """Bring an unfinished transaction to its end, and log what was done. Blocks; mostly for milliseconds."""
    import folder_paths

    state = _state_folder(folder_paths)
    if not (state / "transactions").is_dir():
        return
    report = _load("resolver.transaction.recover").recover(state, _roots(folder_paths))
    for line in report.lines():
        _LOG.warning("Safe Install: %s", line)


def take_back_what_kills() -> None:
    """Judge the last starts; after two that died since our last change, take it back. Blocks; see `healing`."""
    import folder_paths

    state = _state_folder(folder_paths)
    if not (state / "starts").is_dir():
        return
    healing = _load("resolver.at_start.healing")
    healing.heal(
        healing.Place(
            state=state,
            comfyui=Path(folder_paths.__file__).resolve().parent,
            custom_nodes=_packs(folder_paths),
            roots=_roots(folder_paths),
            python=_python(),
            sites=_sites(),
            prefix=_prefix(),
            surroundings=_surroundings(folder_paths),
            entry=_HERE / "__main__.py",
        )
    )


def apply_what_waits() -> None:
    """Apply what waits for this start, and log what came of it. Blocks; not after a recovery that failed."""
    import folder_paths

    state = _state_folder(folder_paths)
    if not (state / "transactions").is_dir() or not _load("resolver.transaction.recover").deferred(state):
        return
    waiting = _load("resolver.transaction.deferred.waiting")
    interpreter = waiting.Interpreter(version="{}.{}".format(*sys.version_info), prefix=_prefix())
    for attempt in waiting.apply_waiting(state, _roots(folder_paths), interpreter):
        _LOG.warning("Safe Install: %s", attempt.line)


def watch_this_start() -> None:
    """Mark that a start is under way. Our entry finds the watch here, and tells it when the server is up."""
    import folder_paths

    state = _state_folder(folder_paths)
    if not (state / "transactions").is_dir() or _will_not_listen():
        return
    watching = _load("resolver.at_start.watching")
    sys.modules[_PRIVATE].watched = watching.watch_start(  # type: ignore[attr-defined]
        state, prefix=_prefix(), surroundings=_surroundings(folder_paths)
    )


def notice_drift() -> None:
    """Log a line where others changed something since we last looked. Blocks; see `resolver/at_start/drift.py`."""
    import folder_paths

    state = _state_folder(folder_paths)
    if (state / "baseline.json").is_file():
        comfyui = Path(folder_paths.__file__).resolve().parent
        _load("resolver.at_start.drift").notice_drift(state, comfyui, _packs(folder_paths))


def _state_folder(folder_paths: Any) -> Path:
    """Our folder among the host's user folders; older hosts do not name it for us."""
    if hasattr(folder_paths, "get_system_user_directory"):
        return Path(folder_paths.get_system_user_directory("safe_install"))
    return Path(folder_paths.get_user_directory()) / "__safe_install"


def _packs(folder_paths: Any) -> tuple[Path, ...]:
    return tuple(Path(folder) for folder in folder_paths.get_folder_paths("custom_nodes"))


def _python() -> str:
    """The interpreter whose environment is managed: nearly always the one that runs this."""
    return os.environ.get(_MANAGED) or sys.executable


def _prefix() -> str:
    return str(Path(_python()).absolute().parents[1]) if os.environ.get(_MANAGED) else sys.prefix


def _python_folder(part: str) -> str:
    if not os.environ.get(_MANAGED):
        return sysconfig.get_path(part)
    return sysconfig.get_path(part, vars={"base": _prefix(), "platbase": _prefix()})


def _sites() -> tuple[str, ...]:
    return tuple(dict.fromkeys(_python_folder(part) for part in ("purelib", "platlib")))


def _surroundings(folder_paths: Any) -> str:
    surroundings: str = _load("resolver.transaction.starts").surroundings(_sites(), _packs(folder_paths))
    return surroundings


def _roots(folder_paths: Any) -> tuple[Path, ...]:
    """The folders in which recovery may move things: this Python's, the host's, and their neighbours."""
    python = [Path(_python_folder(part)) for part in _PARTS_OF_PYTHON]
    folders = [*python, *_packs(folder_paths)]
    return tuple(dict.fromkeys([*folders, *(folder.parent / _NEIGHBOUR for folder in folders)]))


def _load(module: str) -> Any:
    """A module of ours by its dotted name from this folder, without running the folder's entry."""
    if _PRIVATE not in sys.modules:
        package = ModuleType(_PRIVATE)
        package.__path__ = [str(_HERE)]
        sys.modules[_PRIVATE] = package
    return importlib.import_module(f"{_PRIVATE}.{module}")


def _is_a_worker() -> bool:
    """Whether a child of `multiprocessing` runs the host's main module again, as it does where it cannot fork.

    The host is up then, and nothing may be moved under it.
    """
    return "__mp_main__" in sys.modules


def _is_second_copy() -> bool:
    """Whether another copy of us among the packs was here first; one is enough."""
    first = getattr(sys.modules.get(_PRIVATE), "__path__", None)
    return first is not None and [Path(each).resolve() for each in first] != [_HERE]


def _will_not_listen() -> bool:
    """Whether this process only loads everything: told so (`--quick-test-for-ci`), or a program of somebody's.

    Such a program imports the host's main module, which then runs prestartup scripts, and ends when it is done.
    """
    args = getattr(sys.modules.get("comfy.cli_args"), "args", None)
    is_imported = hasattr(sys.modules.get("main"), "execute_prestartup_script")
    return is_imported or bool(getattr(args, "quick_test_for_ci", False))


def _explain(error: BaseException) -> None:
    """Log why that did not finish: our own errors in their words, others with their traceback."""
    if hasattr(error, "code") and hasattr(error, "hints"):
        hints = " ".join(hint.text for hint in error.hints)
        _LOG.error("Safe Install: %s %s", error, hints)
    else:
        _LOG.error("Safe Install: the check for interrupted and waiting changes failed.", exc_info=error)


def _forgo_watch(error: BaseException) -> None:
    _LOG.warning(
        "Safe Install: this start cannot be watched (%s: %s). Should ComfyUI die before it is up, that will not be "
        "noticed.",
        type(error).__name__,
        error,
    )


def _forgo_import_log(error: BaseException) -> None:
    _LOG.debug("Safe Install: why packs do not load is not kept.", exc_info=error)


def _forgo_drift(error: BaseException) -> None:
    _LOG.debug("Safe Install: the look for changes of others failed.", exc_info=error)


def _try(*acts: Callable[[], None], otherwise: Callable[[BaseException], None]) -> None:
    """The acts, one after the other until one fails; then why."""
    try:
        for act in acts:
            act()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  even a SystemExit from below must not keep ComfyUI from starting
        otherwise(error)


if not _is_a_worker() and not _is_second_copy():
    _try(keep_import_failures, otherwise=_forgo_import_log)
    _try(recover_at_start, take_back_what_kills, apply_what_waits, otherwise=_explain)
    _try(watch_this_start, otherwise=_forgo_watch)
    _try(notice_drift, otherwise=_forgo_drift)
