"""Files that cannot be renamed, as on Windows while a program uses them; a hook of the tests, never of the product.

    python tests/kit/locked_files.py "*/site-packages/tool" 0 --comfyui DIR install ./pack --yes
    python tests/kit/locked_files.py "*/site-packages/tool" 12 --comfyui DIR install ./pack --yes

Runs the command line while no path that matches the pattern can be moved away; with a number other than 0 the
process kills itself right after so many journal lines, as `kill_after` does.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

SHARING_VIOLATION = 32
"""ERROR_SHARING_VIOLATION: what Windows says of a file that another process has open."""


def refuse_renames(pattern: str) -> None:
    """From now on nothing in this process can rename what matches, as if somebody had it open on Windows."""
    rename = os.rename

    def refusing(source: Any, target: Any, **places: Any) -> None:
        if fnmatch(os.fspath(source), pattern):
            error = PermissionError(errno.EACCES, "The process cannot access the file", str(source))
            error.winerror = SHARING_VIOLATION  # type: ignore[attr-defined]
            raise error
        rename(source, target, **places)

    os.rename = refusing  # type: ignore[assignment]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    package: Any = importlib.import_module("kit.package")
    package.register_package()
    refuse_renames(sys.argv[1])
    if sys.argv[2] != "0":
        killer: Any = importlib.import_module("kit.kill_after")
        killer.kill_after(sys.argv[2])
    cli: Any = importlib.import_module("comfyui_safe_install.resolver.cli")
    sys.exit(cli.main(sys.argv[3:]))
