"""Runs something in a process that kills itself right after a chosen operation on the disk.

The hook lives here, never in the product.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import wraps
from typing import Any

_OPERATIONS = (
    "rename",
    "replace",
    "unlink",
    "remove",
    "rmdir",
    "mkdir",
    "chmod",
    "fsync",
    "write",
    "ftruncate",
)
"""What changes the disk, or makes a change last."""


def dies_after(number: int, act: Callable[[], object]) -> bool:
    """Do `act` in a forked process that is killed (SIGKILL) after so many operations; whether it was.

    The test fails where `act` raises. 0 kills before the first.
    """
    child = os.fork()
    if not child:
        try:
            _kill_after(number)
            act()
        except BaseException:  # noqa: BLE001 - a fork must never return into the test
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        return True
    assert os.WEXITSTATUS(status) == 0, "it raised; see stderr"
    return False


def _kill_after(number: int) -> None:
    done = 0
    if not number:
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(act)
        def act_then_die(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            result = act(*arguments, **options)
            done += 1
            if done == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return act_then_die

    for name in _OPERATIONS:
        setattr(os, name, counted(getattr(os, name)))
