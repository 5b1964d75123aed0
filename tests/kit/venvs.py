"""Real virtual environments, made by uv in milliseconds."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin


@dataclass(frozen=True, slots=True, kw_only=True)
class Venv:
    """One virtual environment."""

    root: Path
    python: Path
    site_packages: Path
    scripts: Path


def make_venv(path: Path, *, python: str = sys.executable) -> Venv:
    """Make an empty virtual environment at `path`, without pip."""
    _uv("venv", "--quiet", "--python", python, str(path))
    scripts = path / ("Scripts" if os.name == "nt" else "bin")
    executable = scripts / ("python.exe" if os.name == "nt" else "python")
    (site_packages,) = (
        [path / "Lib" / "site-packages"] if os.name == "nt" else path.glob("lib/python*/site-packages")
    )
    return Venv(root=path, python=executable, site_packages=site_packages, scripts=scripts)


def install(venv: Venv, *wheels: Path) -> None:
    """Install these wheels, offline and without their dependencies; files are copies, never hard links."""
    _uv(
        "pip", "install", "--quiet", "--offline", "--no-deps", "--no-cache", "--link-mode", "copy",
        "--python", str(venv.python), *(str(wheel) for wheel in wheels),
    )  # fmt: skip


def run_python(venv: Venv, code: str) -> str:
    """What `code` prints in a fresh interpreter of the environment; its failure fails the test."""
    done = subprocess.run(
        [str(venv.python), "-I", "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _uv(*arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    done = subprocess.run(
        [find_uv_bin(), *arguments, "--no-config"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    if done.returncode != 0:
        raise AssertionError(
            f"uv {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )
