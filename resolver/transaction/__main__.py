"""Recovery in a bare interpreter, when nothing else starts any more: no package need be installed.

    python -I <this folder> --state DIR --root DIR [--root DIR ...] [--json]

Exit codes: 0 done (or nothing to do), 5 refused because files are damaged or ambiguous, 4 busy, 2 usage.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PRIVATE_PACKAGE = "_safe_install_recovery"


def main(arguments: Sequence[str] | None = None) -> int:
    """Recover as the arguments say; the exit code. Prints what was done, or why nothing was."""
    parser = argparse.ArgumentParser(
        prog="safe-install-recover", description="Undo or finish what an interrupted Safe Install has left."
    )
    parser.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="the state folder of Safe Install"
    )
    parser.add_argument(
        "--root",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="a folder that may be changed: site-packages, custom_nodes, their hidden neighbours",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    if not options.state.is_dir():
        parser.error(f"there is no folder {options.state}")
    recover, errors = _load("transaction.recover"), _load("errors")
    try:
        report = recover.recover(options.state, options.root)
    except errors.SafeInstallError as error:
        hints = [f"  {hint.text}" for hint in error.hints]
        _show({"ok": False, "error": error.to_dict()}, [error.message, *hints], as_json=options.json)
        return int(error.exit_code)
    lines = report.lines() or ("Nothing to recover.",)
    _show({"ok": True, **report.to_dict()}, lines, as_json=options.json)
    return 0


def _load(name: str) -> Any:
    """A module below `resolver`, whichever way this file was started."""
    if __package__:
        return importlib.import_module(f"..{name}", __package__)
    # Run as a folder. The packages above may not be imported: the root's __init__ is the host's entry and
    # wants aiohttp. So `resolver` is loaded by its path under a name that clashes with nothing.
    if _PRIVATE_PACKAGE not in sys.modules:
        package = types.ModuleType(_PRIVATE_PACKAGE)
        package.__path__ = [str(Path(__file__).resolve().parents[1])]
        sys.modules[_PRIVATE_PACKAGE] = package
    return importlib.import_module(f"{_PRIVATE_PACKAGE}.{name}")


def _show(value: object, lines: Sequence[str], *, as_json: bool) -> None:
    sys.stdout.write(json.dumps(value) if as_json else "\n".join(lines))
    sys.stdout.write("\n")


if __name__ == "__main__":
    sys.exit(main())
