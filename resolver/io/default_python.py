"""Finding the interpreter a user most likely means. Standard library only: recovery asks this too."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPython:
    """The interpreter we take when the user names none, and why."""

    executable: Path
    reason: str


def default_python(comfyui: Path, *, env: Mapping[str, str] | None = None) -> ChosenPython:
    """The interpreter a user most likely means when none is named, with the reason to show.

    In this order: a `venv` or `.venv` inside the ComfyUI folder, the embedded Python of the Windows
    package beside it, the activated virtual or conda environment, and last the Python running us.
    """
    environ = os.environ if env is None else env
    for name in ("venv", ".venv"):
        found = _python_in(comfyui / name)
        if found is None and (comfyui / name / "pyvenv.cfg").is_file():
            # Its Python is gone (an upgrade of the system's): to be said, never replaced by another environment.
            found = comfyui / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if found is not None:
            return ChosenPython(executable=found, reason=f"ComfyUI has its own environment in {name}")
    for name in ("python_embeded", "python_embedded"):  # The Windows package really spells it so.
        if (found := _python_in(comfyui.parent / name)) is not None:
            return ChosenPython(executable=found, reason=f"the embedded Python in {name} lies beside ComfyUI")
    for variable, words in (("VIRTUAL_ENV", "virtual"), ("CONDA_PREFIX", "conda")):
        if (value := environ.get(variable)) and (found := _python_in(Path(value))) is not None:
            return ChosenPython(executable=found, reason=f"it is the activated {words} environment")
    return ChosenPython(executable=Path(sys.executable), reason="it is the Python that runs Safe Install")


def _python_in(folder: Path) -> Path | None:
    candidates = (
        folder / "bin" / "python",
        folder / "bin" / "python3",
        folder / "Scripts" / "python.exe",
        folder / "python.exe",
    )
    return next((path for path in candidates if path.is_file()), None)
