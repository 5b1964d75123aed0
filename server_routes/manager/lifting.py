"""While ComfyUI-Manager updates ComfyUI itself, what core needed until now must hold nobody up.

Its update pulls a newer ComfyUI and then installs the requirements of that one, under constraints that speak of the
old one. So for that time nothing is constrained; and when the requirements are other ones afterwards, nothing is
until we have looked at them anew.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from . import environment

UPDATES = ("update_path", "update_to_stable_comfyui", "switch_comfyui")
"""What the servers of 4.3 (glob and legacy) call on their core to update ComfyUI."""
_MARK = "_safe_install_lifts"
_NOTHING = b"# Nothing is constrained while ComfyUI is updated; Safe Install writes this anew after its next start.\n"


def lift_for_updates(core: Any) -> None:
    """Have each such function of Manager's core run without our constraints. Twice does no harm."""
    for name in UPDATES:
        act = getattr(core, name, None)
        if callable(act) and not hasattr(act, _MARK) and not inspect.iscoroutinefunction(act):
            setattr(core, name, _lifted(act))


def put_back(core: Any) -> None:
    """Manager's own functions again."""
    for name in UPDATES:
        original = getattr(getattr(core, name, None), _MARK, None)
        if original is not None:
            setattr(core, name, original)


def _lifted(act: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(act)
    def run(*arguments: Any, **named: Any) -> Any:
        path = environment.in_force()
        before = b""
        if path is not None:
            with suppress(OSError):
                before = path.read_bytes()
                path.write_bytes(_NOTHING)
        try:
            return act(*arguments, **named)
        finally:
            if path is not None and before and environment.is_of_now(before):
                with suppress(OSError):
                    # A change of ours may have published anew meanwhile.
                    if path.read_bytes() == _NOTHING:
                        path.write_bytes(before)

    setattr(run, _MARK, act)
    return run
