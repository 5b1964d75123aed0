"""Runs the command line in a process that kills itself while a full copy is made.

    python tests/integration/guard/kill_in_copy.py taken:5 --comfyui DIR snapshot create --full

`taken:N` right after the Nth file was taken, `published:N` after the Nth object got its name, `listed` when the
list is written and the snapshot is not. The hooks live here, never in the product.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from functools import wraps
from pathlib import Path
from typing import Any


def die_after(owner: Any, name: str, times: int) -> None:
    """Let this process kill itself when that function has returned so many times."""
    act = getattr(owner, name)
    done = 0

    @wraps(act)
    def act_then_die(*arguments: object, **more: object) -> object:
        nonlocal done
        result: object = act(*arguments, **more)
        done += 1
        if done == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, act_then_die)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    package: Any = importlib.import_module("kit.package")
    package.register_package()
    where, _, count = sys.argv[1].partition(":")
    room = "comfyui_safe_install.resolver.io"
    objects = importlib.import_module(f"{room}.guard.objects")
    if where == "taken":
        die_after(objects.Intake, "take", int(count))
    elif where == "published":
        die_after(objects.os, "replace", int(count))
    else:
        die_after(importlib.import_module(f"{room}.guard.making"), "write_inventory", 1)
    cli: Any = importlib.import_module("comfyui_safe_install.resolver.cli")
    sys.exit(cli.main(sys.argv[2:]))
