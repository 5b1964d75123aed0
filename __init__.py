"""What ComfyUI loads. Standard library only at import, so that a broken package cannot keep us out.

Without a server around (the command line, a loader without one) importing this does nothing at all.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "WEB_DIRECTORY"]

WEB_DIRECTORY: str | None = "./js"
"""Served by the host. A second copy of us has none, or every module would run twice in the page."""

_LOG = logging.getLogger("safe_install")
_CLAIM = "_safe_install_folder"
"""Attribute of the host's server: the folder of the copy of us whose routes it has."""
_AT_START = "_safe_install_at_start"
"""As the prestartup script calls our package; there it leaves the watch over this start."""


def _enter() -> bool:
    """Put our routes on the host's server, if there is one; False where another copy of us did so before.

    Never raises: whatever is wrong with us, ComfyUI goes on.
    """
    watched = getattr(sys.modules.get(_AT_START), "watched", None)
    # Never imported: what is called `server` in a process without one may be anything.
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is None:
        if watched is not None:
            watched.cannot_tell("there is no server")
        return True
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would be an import more
    first = getattr(server, _CLAIM, None)
    if first not in (None, here):
        _LOG.warning(
            "Safe Install is loaded from %s already, so the copy in %s stays quiet. Remove one of the two.",
            first,
            here,
        )
        return False
    if first == here:  # Loaded once more into a server that runs.
        return True
    setattr(server, _CLAIM, here)
    if watched is not None:
        _tell_when_up(server, watched)
    from .server_routes import register

    register(server)
    return True


def _tell_when_up(server: Any, watched: Any) -> None:
    """Have the watch told once the server is about to listen, which is after every pack is loaded."""
    app = getattr(server, "app", None)
    at_startup = getattr(app, "on_startup", None)
    if getattr(app, "frozen", False):
        watched.came_up()
    elif at_startup is None:
        watched.cannot_tell("the server does not say when it starts")
    else:

        async def up(_: Any) -> None:
            watched.came_up()

        at_startup.append(up)


try:
    if not _enter():
        WEB_DIRECTORY = None
except KeyboardInterrupt:
    raise
except BaseException as error:  # noqa: BLE001  even a SystemExit from below must not keep ComfyUI from starting
    _LOG.error(
        "Safe Install: its routes could not be put on ComfyUI's server (%s: %s), so its panel will not work; the "
        "command line does. Install its requirements again: %s -m pip install -r %s",
        type(error).__name__,
        error,
        sys.executable,
        os.path.join(os.path.dirname(os.path.abspath(__file__)), "requirements.txt"),  # noqa: PTH100, PTH118, PTH120
    )
    _LOG.debug("Safe Install: the registration failed.", exc_info=error)
