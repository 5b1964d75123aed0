"""What we do beside ComfyUI-Manager once ComfyUI is up: publish, and take over where the user wants it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import ModuleType

from ...resolver.engine import protecting
from ..desk import desk
from . import environment
from .take_over import take_over, undo

_LOG = logging.getLogger("safe_install")


def settle(cores: Sequence[ModuleType]) -> None:
    """Bring protection and take-over in line with the settings. Blocks; may be called again.

    Raises what opening a session raises, and OSError.
    """
    at = desk()
    settings = at.settings().manager
    if settings.protect:
        protecting.publish(at.open_session().site)
        environment.protect(at.state, at.host.comfyui / "requirements.txt")
    else:
        environment.expose()
        protecting.withdraw(at.state)
    for core in cores:
        if settings.take_over:
            take_over(core, at.host.custom_nodes)
        else:
            undo(core)
