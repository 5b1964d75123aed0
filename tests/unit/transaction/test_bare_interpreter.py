"""Recovery as a program of its own, where nothing is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, lock_path
from comfyui_safe_install.tests.unit.transaction.crashes import (
    applied,
)
from comfyui_safe_install.tests.unit.transaction.workshop import Workshop

RESOLVER = Path(__file__).parents[3] / "resolver"


def bare(workshop: Workshop, *more: str, state: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Recovery in an interpreter without site-packages, as a user would start it by hand."""
    command = [
        sys.executable,
        "-I",
        "-S",
        str(RESOLVER / "transaction"),
        "--state",
        str(state or workshop.state),
    ]
    for folder in workshop.roots:
        command += ["--root", str(folder)]
    return subprocess.run([*command, *more], capture_output=True, text=True, check=False, cwd=workshop.root)


def test_a_bare_interpreter_can_recover(workshop: Workshop) -> None:
    """With no package installed at all, the folder itself is a program that puts everything back."""
    before = workshop.tree()
    transaction = applied(workshop)
    result = bare(workshop)
    assert (result.returncode, result.stderr) == (0, "")
    assert transaction.id in result.stdout
    assert workshop.tree() == before
    again = bare(workshop, "--json")
    assert (again.returncode, json.loads(again.stdout)) == (0, {"ok": True, "recovered": [], "lines": []})
    assert bare(workshop).stdout == "Nothing to recover.\n"


def test_a_bare_interpreter_refuses_and_says_why(workshop: Workshop) -> None:
    """Exit code 5 with the reason and what to do, for humans and as JSON."""
    applied(workshop)
    (workshop.live / "shared").write_text("a stranger's")
    plain = bare(workshop)
    assert plain.returncode == 5
    assert str(workshop.live / "shared") in plain.stdout
    assert "\n  " in plain.stdout
    as_json = bare(workshop, "--json")
    assert as_json.returncode == 5
    assert json.loads(as_json.stdout)["error"]["code"] == "step-ambiguous"


def test_a_bare_interpreter_is_told_that_it_is_busy(workshop: Workshop) -> None:
    """Exit code 4 while another process is at work."""
    applied(workshop)
    with OwnerLock(lock_path(workshop.state), "install alpha"):
        result = bare(workshop)
    assert result.returncode == 4
    assert "install alpha" in result.stdout


def test_a_wrong_call_is_a_usage_error(workshop: Workshop) -> None:
    """A state folder that does not exist is a typing error, not an empty history."""
    result = bare(workshop, state=workshop.root / "nowhere")
    assert result.returncode == 2
    assert "nowhere" in result.stderr


def test_as_a_module_of_the_package_it_works_too(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m ...resolver.transaction` is the same program."""
    from comfyui_safe_install.resolver.transaction.__main__ import main

    before = workshop.tree()
    applied(workshop)
    arguments = ["--state", str(workshop.state), *(f"--root={root}" for root in workshop.roots)]
    assert main(arguments) == 0
    assert workshop.tree() == before
    assert "rolled back" in capsys.readouterr().out
    applied(Workshop(workshop.root / "second").fill())
    assert main(["--state", str(workshop.root / "second" / "state"), "--root", str(workshop.live)]) == 5
