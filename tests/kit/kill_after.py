"""Runs the command line in a process that kills itself right after the Nth journal line is on disk.

    python tests/kit/kill_after.py 7 --comfyui DIR install ./pack --yes

The hook lives here, never in the product. With N larger than the number of lines, the run ends as usual.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from functools import wraps
from pathlib import Path
from typing import Any


def kill_after(lines: int) -> None:
    """Let this process die by SIGKILL when `lines` journal lines were durably written."""
    journal: Any = importlib.import_module("comfyui_safe_install.resolver.transaction.journal").Journal
    append = journal.append
    written = 0

    @wraps(append)
    def append_then_die(*arguments: object, **named: object) -> object:
        nonlocal written
        result: object = append(*arguments, **named)
        written += 1
        if written == lines:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    journal.append = append_then_die


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    package: Any = importlib.import_module("kit.package")
    package.register_package()
    kill_after(int(sys.argv[1]))
    cli: Any = importlib.import_module("comfyui_safe_install.resolver.cli")
    sys.exit(cli.main(sys.argv[2:]))
