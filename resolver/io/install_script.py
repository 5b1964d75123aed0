"""Running a pack's install.py: its own code, in the live environment, so only with the user's consent."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from ..core.types import Distribution, PythonInfo
from ..transaction.fs import write_bytes
from .child_environment import clean_environment, without_secrets
from .process import run

SECONDS = 1800.0
"""What a script may take; some download models."""


def run_install_script(
    python: PythonInfo,
    pack: Path,
    installed: Iterable[Distribution],
    constraints: Path,
    *,
    cancel: threading.Event | None = None,
    on_line: Callable[[str], None] | None = None,
) -> int:
    """The exit code of the pack's install.py, run by `python` in the pack's folder as ComfyUI-Manager does.

    Whatever pip or uv it starts is held to what is installed, by the file `constraints`, which is written.
    Blocks. Raises SafeInstallError `process-timeout`, CancelledError.
    """
    pins = [f"{dist.name}=={dist.version}\n" for dist in installed if dist.version]
    write_bytes(constraints, "".join(pins).encode("utf-8"))
    environment = {
        **without_secrets(clean_environment(), indexes=True),
        "PIP_CONSTRAINT": str(constraints),
        "UV_CONSTRAINT": str(constraints),
        "PATH": f"{Path(python.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    done = run(
        [python.executable, "-s", "install.py"],
        env=environment,
        cwd=pack,
        cancel=cancel,
        on_line=on_line,
        timeout=SECONDS,
    )
    return done.returncode
