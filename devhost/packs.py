"""The packs of a start: their prestartup scripts, this checkout among them, and ones made to fail."""

from __future__ import annotations

import importlib.util
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from . import checkout
from .options import Options
from .stand_in import folder_paths
from .stand_in.comfy.cli_args import args

_FAILING = '"""A pack that fails."""\n\nraise RuntimeError("this pack fails, as it was asked to")\n'
_CRASHING = '"""A pack that ends the host."""\n\nimport sys\n\nsys.exit(3)\n'
_Timed = tuple[float, str, bool]


def lay_out(base: Path) -> None:
    """Make the folders ComfyUI expects, and a requirements.txt where there is none."""
    for name in ("custom_nodes", "user", "models", "input", "output"):
        (base / name).mkdir(parents=True, exist_ok=True)
    if not (base / "requirements.txt").exists():
        (base / "requirements.txt").write_text("", encoding="utf-8")


def write_bad_packs(options: Options) -> None:
    """The packs of `--fail-pack` and `--crash-pack`."""
    asked = [(name, _FAILING) for name in options.fail_pack] + [
        (name, _CRASHING) for name in options.crash_pack
    ]
    for name, text in asked:
        folder = options.base / "custom_nodes" / name
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text(text, encoding="utf-8")


def link_checkout(base: Path) -> None:
    """Have this checkout among the packs, unless it or a copy of it is in one of the folders already."""
    checkout.put_in(base / "custom_nodes", [Path(folder) for folder in _pack_folders()])


def own_packs() -> list[str]:
    """Every pack that is this product, as the loader will see its path."""
    return [folder for folder in _pack_folders() if checkout.is_ours(Path(folder))]


def _pack_folders() -> list[str]:
    found = []
    for folder in folder_paths.get_folder_paths("custom_nodes"):
        names = os.listdir(folder) if Path(folder).is_dir() else []
        found += [os.path.join(folder, name) for name in names if not name.endswith(".disabled")]
    return found


def run_prestartup_scripts(is_blocked: Callable[[str], bool]) -> None:
    """Run each pack's, in the order the folders list them (main.py of 0.8.0). A script's sys.exit ends us."""
    if args.disable_all_custom_nodes and not args.whitelist_custom_nodes:
        return
    times: list[_Timed] = []
    for folder in folder_paths.get_folder_paths("custom_nodes"):
        times = []  # ComfyUI's table shows only the last folder's, too.
        for name in os.listdir(folder):  # unsorted, as ComfyUI
            path = os.path.join(folder, name)  # its text is the module's name
            script = os.path.join(path, "prestartup_script.py")
            if Path(path).is_file() or path.endswith(".disabled") or is_blocked(path):
                continue
            if not Path(script).exists():
                continue
            if args.disable_all_custom_nodes and name not in args.whitelist_custom_nodes:
                logging.info(
                    "Prestartup Skipping %s due to disable_all_custom_nodes and whitelist_custom_nodes", name
                )
                continue
            before = time.perf_counter()
            worked = _execute(script)
            times.append((time.perf_counter() - before, path, worked))
    _log_times(times)


def _execute(script: str) -> bool:
    name = os.path.splitext(script)[0]
    try:
        spec = importlib.util.spec_from_file_location(name, script)
        if spec is None or spec.loader is None:
            raise ImportError(f"{script} cannot be imported.")
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except Exception as error:  # noqa: BLE001  as ComfyUI, and not BaseException either
        logging.error("Failed to execute startup-script: %s / %s", script, error)
        return False
    return True


def _log_times(times: list[_Timed]) -> None:
    if times:
        logging.info("\nPrestartup times for custom nodes:")
        for seconds, path, worked in sorted(times):
            logging.info("%6.1f seconds%s: %s", seconds, "" if worked else " (PRESTARTUP FAILED)", path)
        logging.info("")
