"""Real git repositories, some of which would run a program of theirs if git were let."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """What git prints; its failure fails the test. The user's own configuration does not count."""
    done = subprocess.run(
        ["git", "-c", "user.name=tester", "-c", "user.email=tester@example.invalid",
         "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *arguments],
        cwd=folder, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_repository(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """A new repository in `folder` with one commit of these files (default: those of a small pack)."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    for name, text in (files or {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n"}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=first")
    return folder


def program(folder: Path, proof: Path) -> Path:
    """A program that does nothing but leave `proof`, and hands its input on."""
    script = folder / "program.sh"
    script.write_text(f"#!/bin/sh\ntouch '{proof}'\ncat\n")
    script.chmod(0o755)
    return script


def configure(repository: Path, text: str) -> None:
    """Append to the repository's own configuration."""
    with (repository / ".git" / "config").open("a", encoding="utf-8") as file:
        file.write(f"\n{text}\n")
