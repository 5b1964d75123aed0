"""Running in the interpreter of the environment to manage, with our own libraries behind its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from .options import fail

LIBRARIES = "DEVHOST_LIBRARIES"
"""Environment variable: the site-packages aiohttp and the rest come from when the managed ones have none."""
_MAIN = Path(__file__).resolve().parent / "main.py"
_TOLD = "import sys; print(*sys.version_info[:2])"


def run_in(python: Path | None, arguments: Sequence[str]) -> None:
    """Continue in `python` (this process is replaced, the pid stays), or return when it is this one.

    Afterwards `sys.argv` is a command line that starts all this again from any folder, which is what a restart
    uses. Raises SystemExit when the interpreter cannot be run or is of another minor version: the compiled
    libraries of the development environment fit one alone.
    """
    command = [str(_MAIN), *arguments]
    if python is None or python == Path(sys.executable):
        sys.argv[:] = command
        return
    _require_same_version(python)
    os.environ.setdefault(LIBRARIES, os.pathsep.join(_own_libraries()))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(python, [str(python), *command])


def add_libraries() -> None:
    """Put the development environment's packages at the end of the path, where they hide nothing."""
    for entry in filter(None, os.environ.get(LIBRARIES, "").split(os.pathsep)):
        if entry not in sys.path:
            sys.path.append(entry)


def _own_libraries() -> tuple[str, ...]:
    return tuple(dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))


def _require_same_version(python: Path) -> None:
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", _TOLD], capture_output=True, text=True, check=False, timeout=60
        )
    except OSError as error:
        raise fail(f"--python: {python} cannot be run: {error.strerror or error}.") from error
    told, own = done.stdout.split(), [str(part) for part in sys.version_info[:2]]
    if done.returncode != 0:
        raise fail(f"--python: {python} does not work: {done.stderr.strip() or done.returncode}.")
    if told != own:
        raise fail(
            f"--python: {python} is Python {'.'.join(told)}, and devhost runs on {'.'.join(own)}. "
            "Make the environment with the same minor version."
        )
