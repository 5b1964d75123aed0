"""Installs clicked in ComfyUI-Manager's own window, with their requirements met by us. Only where the user wants it.

Manager places the pack's files and then calls `unified_manager.execute_install_script` (or the function of that name
of its core), which runs pip line by line. That call is answered here in its place, for folders right in custom_nodes;
everything else goes to Manager's own as before. What has another shape than 4.3 or 3.x is left alone.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...resolver.errors import one_line
from . import twin

NAME = "execute_install_script"
_WANTED = frozenset({"url", "repo_path", "no_deps"})
_MARK = "_safe_install_stands_for"
_BROKEN = frozenset(
    {"internal-error", "no-server", "packages-broken", "settings-invalid", "shutting-down", "uv-missing"}
)
"""What says that we do not work here; then Manager goes on by itself."""
_said: set[str] = set()

_LOG = logging.getLogger("safe_install")


def take_over(core: Any, custom_nodes: Sequence[Path]) -> bool:
    """Stand in for Manager's own on that live core; whether its shape is one we know. Twice does no harm."""
    owners = [owner for owner in (getattr(core, "unified_manager", None), core) if owner is not None]
    fit = [owner for owner in owners if _is_known(getattr(owner, NAME, None))]
    if not fit:
        _say_once(core, "has another shape than is known here, so it is left alone")
        return False
    for owner in fit:
        original = getattr(owner, NAME)
        if not hasattr(original, _MARK):
            setattr(owner, NAME, _standing_for(original, tuple(custom_nodes)))
    _say_once(core, "hands what packs require to Safe Install from now on")
    return True


def undo(core: Any) -> None:
    """Manager's own again."""
    for owner in (getattr(core, "unified_manager", None), core):
        original = getattr(getattr(owner, NAME, None), _MARK, None)
        if original is None:
            continue
        if NAME in vars(type(owner)):
            delattr(owner, NAME)  # The method of its class comes to light again.
        else:
            setattr(owner, NAME, original)


def _is_known(function: object) -> bool:
    if not callable(function):
        return False
    try:
        return inspect.signature(function).parameters.keys() >= _WANTED
    except (TypeError, ValueError):
        return False


def _standing_for(original: Callable[..., Any], custom_nodes: tuple[Path, ...]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def execute(*arguments: Any, **named: Any) -> Any:
        try:
            given = signature.bind(*arguments, **named).arguments
        except TypeError:  # Called as nobody expects: that is between Manager and its own.
            return original(*arguments, **named)
        path = str(given.get("repo_path", ""))
        if given.get("no_deps") or not _is_pack(path, custom_nodes):
            return original(*arguments, **named)
        outcome = twin.post_install(str(given.get("url") or Path(path).name), path)
        if outcome:
            _LOG.info("Safe Install: met what %s requires (%s).", Path(path).name, outcome["msg"])
            return True
        if _is_ours(outcome):
            _LOG.error("Safe Install cannot answer, so ComfyUI-Manager goes on by itself: %s", outcome["msg"])
            return original(*arguments, **named)
        _LOG.error(
            "Safe Install: what %s requires was not installed, and nothing was changed: %s %s",
            Path(path).name,
            one_line(str(outcome.get("msg", ""))),
            _advice(outcome),
        )
        return False

    setattr(execute, _MARK, original)
    return execute


def _is_pack(path: str, custom_nodes: tuple[Path, ...]) -> bool:
    parent = os.path.realpath(Path(os.path.normpath(path)).parent)
    return parent in {os.path.realpath(folder) for folder in custom_nodes} and Path(path).is_dir()


def _is_ours(outcome: twin.Outcome) -> bool:
    """Whether it is we who do not work, and not the plan that was refused or failed."""
    error = outcome.get("error")
    return isinstance(error, dict) and error.get("code") in _BROKEN


def _advice(outcome: twin.Outcome) -> str:
    error = outcome.get("error")
    hints = error.get("hints") if isinstance(error, dict) else None
    if not isinstance(hints, list):
        return ""
    return " ".join(one_line(str(hint.get("text", ""))) for hint in hints if isinstance(hint, dict))


def _say_once(core: Any, words: str) -> None:
    text = f"{getattr(core, '__name__', 'ComfyUI-Manager')} {words}"
    if text not in _said:
        _said.add(text)
        _LOG.info("Safe Install: %s.", text)
