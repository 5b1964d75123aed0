"""Where we meet ComfyUI-Manager in a running ComfyUI. Standard library alone, for it is called at import.

Manager may be absent, disabled, of 4.3 (glob or legacy), or an older one among the custom nodes that is loaded after
us. So everything is looked for by what it has, at import and again once ComfyUI is up; what has another shape is
left alone and said once. Nothing here may keep ComfyUI or Manager from working.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..breathing import loop_breathing
from ..host import Host
from .environment import protect
from .lifting import lift_for_updates

REGISTRIES = ("comfyui_manager.common.cm_global", "cm_global")
"""Manager's registry of functions in 4.x and in 3.x."""
CORES = ("comfyui_manager.glob.manager_core", "comfyui_manager.legacy.manager_core", "manager_core")
"""Where it does its work, in the same order, the last for 3.x."""
TWIN = ("plan", "install", "post_install", "rollback")
AFTER_START = 2.0
"""Seconds between ComfyUI being up and our look at the environment, in which the page loads undisturbed."""

_LOG = logging.getLogger("safe_install")


def join(server: Any) -> None:
    """Protect what pip and uv of others could break, and offer our functions; the rest once ComfyUI is up.

    To be called at import, after Manager's own start. Raises nothing.
    """
    if "folder_paths" not in sys.modules:  # Something that only looks like a host.
        return
    host = Host(server)
    _calmly(lambda: protect(host.state, host.comfyui / "requirements.txt"))
    _calmly(meet)
    _calmly(lambda: _when_up(server, lambda: _calmly(settle_in)))


def meet() -> None:
    """Offer our functions to every Manager there is by now, and lift the protection while it updates ComfyUI."""
    for registry in _modules(REGISTRIES):
        if callable(getattr(registry, "register_api", None)):
            for name in TWIN:
                registry.register_api(f"safe_install.{name}", _late(name))
    for core in _modules(CORES):
        lift_for_updates(core)


def settle_in() -> None:
    """Everything that needs packages: publish what core needs, and take over where the user wants it. Blocks."""
    meet()
    with loop_breathing():
        from .presence import settle

        settle(_modules(CORES))


def _when_up(server: Any, act: Callable[[], None]) -> None:
    """Have `act` called in a thread of its own, a moment after the server is up."""

    def wait() -> None:
        timer = threading.Timer(AFTER_START, act)
        timer.daemon = True
        timer.start()

    at_startup = getattr(getattr(server, "app", None), "on_startup", None)
    if at_startup is None or getattr(at_startup, "frozen", False):
        wait()
        return

    async def up(_: Any) -> None:
        wait()

    at_startup.append(up)


def _modules(names: tuple[str, ...]) -> list[ModuleType]:
    found = (sys.modules.get(name) for name in names)
    return [module for module in found if module is not None]


def _late(name: str) -> Callable[..., Any]:
    """The function of that name of the twin, imported when it is called; never raises."""

    def call(*arguments: Any, **named: Any) -> Any:
        try:
            from . import twin

            return getattr(twin, name)(*arguments, **named)
        except BaseException as error:  # noqa: BLE001 - Manager's `try_call` would pass it on
            _LOG.error("Safe Install cannot answer safe_install.%s: %s", name, error)
            words = f"{type(error).__name__}: {error}"
            return {
                "ok": False, "result": "error", "msg": words, "transaction_id": None, "restart_required": False
            }  # fmt: skip

    call.__name__ = name
    return call


def _calmly(act: Callable[[], object]) -> None:
    """Whatever goes wrong with us, ComfyUI goes on."""
    try:
        act()
    except Exception as error:  # noqa: BLE001
        _LOG.warning("Safe Install: its protection of what ComfyUI needs is not complete now: %s", error)
        _LOG.debug("Safe Install: what did not work.", exc_info=error)
