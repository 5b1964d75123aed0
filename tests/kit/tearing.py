"""A distribution that is only partly there, as a killed installer leaves it."""

from __future__ import annotations

import subprocess

from uv import find_uv_bin

from .installation import Installation
from .waiting import wait_until


def tear(here: Installation, *, modules: int) -> None:
    """`big` 1.0 of so many modules, whose real `uv pip install` was killed in the middle."""
    files = {f"big/m{number}.py": f"N = {number}\n" for number in range(modules)}
    here.wheel("big", "1.0", files={"big/__init__.py": "", **files})
    info = here.venv.site_packages / "big-1.0.dist-info"
    process = subprocess.Popen(
        [find_uv_bin(), "pip", "install", "-q", "--python", str(here.venv.python),
         "--link-mode", "copy", "big"]
    )  # fmt: skip
    wait_until(lambda: info.exists() or process.poll() is not None)
    process.kill()
    process.wait()
    assert not (info / "INSTALLER").exists()
