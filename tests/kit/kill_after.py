"""Runs the command line in a process that kills itself right after a chosen journal line is on disk.

    python tests/kit/kill_after.py 7 --comfyui DIR install ./pack --yes
    python tests/kit/kill_after.py 7:SIGTERM --comfyui DIR install ./pack --yes
    python tests/kit/kill_after.py verifying:SIGINT --comfyui DIR install ./pack --yes

The line is chosen by its number, or by the state it enters; the signal is SIGKILL unless another is named. The
hook lives here, never in the product. Where there is no such line, the run ends as usual.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import wraps
from pathlib import Path
from typing import Any

SLOW = "KIT_SECONDS_BEFORE_EACH_LINE"
"""Environment variable: how long to wait before each journal line, so that others come in between."""

NO_LOCKS = "KIT_NO_LOCKS"
"""Environment variable: set, the kernel refuses locks to this process and its children."""


def kill_after(when: str) -> None:
    """Let this process send itself a signal when the chosen journal line is durably written."""
    line, _, name = when.partition(":")
    number = signal.Signals[name or "SIGKILL"]
    journal: Any = importlib.import_module("comfyui_safe_install.resolver.transaction.journal").Journal
    append = journal.append
    written = 0

    pause = float(os.environ.get(SLOW, "0"))

    @wraps(append)
    def append_then_die(self: object, body: object) -> object:
        nonlocal written
        time.sleep(pause)
        result: object = append(self, body)
        written += 1
        state = body.get("state") if isinstance(body, Mapping) else None
        if line in (str(written), state):
            os.kill(os.getpid(), number)
        return result

    journal.append = append_then_die


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    package: Any = importlib.import_module("kit.package")
    package.register_package()
    if os.environ.get(NO_LOCKS):
        importlib.import_module("kit.contention").refuse_flock()
    kill_after(sys.argv[1])
    cli: Any = importlib.import_module("comfyui_safe_install.resolver.cli")
    sys.exit(cli.main(sys.argv[2:]))
