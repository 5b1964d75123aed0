"""The environment core is installed in: made once, and only read by planning."""

from __future__ import annotations

import sys
from pathlib import Path

from ..tests.kit.wheels import make_wheel
from .processes import run
from .workshop import BenchError, Workshop

TORCH = "2.13.0"
LIMITS = ("transformers<5",)
"""An environment from the days of this core: the next transformers came later, and brings others with it."""
PATIENCE = 60
"""Seconds torch may take to come; after that a made-up wheel stands in, which resolves the same."""


def make_core_environment(
    workshop: Workshop, core: Path, *, name: str = "core", wheels: Path | None = None
) -> Path:
    """The interpreter of an environment with core's requirements, pip, setuptools and uv. Raises BenchError.

    `wheels`: a folder with all that core needs, torch included; by default torch is fetched by pip, the way
    users get a build of their own, and the rest by uv.
    """
    recipe = [core.read_text(encoding="utf-8"), TORCH, LIMITS, sys.version, workshop.uv_version()]
    venv = workshop.once(("environments", name), recipe, lambda path: _make(workshop, path, core, wheels))
    return venv / "bin" / "python"


def _make(workshop: Workshop, venv: Path, core: Path, wheels: Path | None) -> None:
    python = workshop.make_venv(venv)
    # Who installs one of the peers has uv in this environment: it is a requirement of theirs, and of ours.
    workshop.install(python, "pip", "setuptools", "wheel", f"uv=={workshop.uv_version()}")
    if wheels is not None:
        workshop.install(python, "-r", str(core), "--no-index", "--find-links", str(wheels))
        return
    folder = workshop.folder("torch", fresh=True)
    torch = _torch(workshop, python, folder)
    lines = [line.strip() for line in core.read_text(encoding="utf-8").splitlines()]
    wanted = folder / "core.txt"
    for left_out in ((), ("torchaudio",), ("torchaudio", "torchvision")):
        texts = [line for line in lines if line and not line.startswith("#") and line not in left_out]
        wanted.write_text("\n".join([*texts, torch, *LIMITS]) + "\n", encoding="utf-8")
        if workshop.install(python, "-r", str(wanted), "--find-links", str(folder), check=False).ok:
            if left_out:
                # Not every torch has all its companions on the index; users then lack them too.
                print(f"core environment: without {', '.join(left_out)}, as none fits {torch}")
            return
    raise BenchError("core's requirements cannot be installed here")


def _torch(workshop: Workshop, python: Path, folder: Path) -> str:
    """The requirement for torch, with its wheel in the folder."""
    command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, f"torch=={TORCH}"]
    fetched = run(command, cwd=workshop.folder(), time_limit=PATIENCE)
    for wheel in folder.glob("torch-*.whl"):
        version = wheel.name.split("-")[1]
        if fetched.ok and "+" in version:
            return f"torch=={version}"
        # The plain build of the public index brings gigabytes that say nothing about planning.
        wheel.unlink()
    made = make_wheel(folder, "torch", f"{TORCH}+cpu", requires=("filelock", "typing-extensions", "sympy"))
    print(f"core environment: torch is a made-up wheel ({made.name})")
    return f"torch=={TORCH}+cpu"
