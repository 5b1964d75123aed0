"""`tools/demo`: what it prints works when typed, and nothing is left of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.package import ROOT

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(300)]


@contextmanager
def _demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demo as a process of its own, with its workspace in `folder`; gone after the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.demonstration", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="no curl or no bash here")
def test_the_printed_lines_work_and_the_workspace_goes(tmp_path: Path) -> None:
    """A plan, an install and a rollback pasted into a shell succeed; SIGTERM ends it with 0 and removes all."""
    with _demo(tmp_path) as demo:
        assert demo.stdout is not None
        printed: list[str] = []
        for line in demo.stdout:
            printed.append(line)
            if line.startswith("Ctrl-C ends it"):
                break
        else:
            pytest.fail("".join(printed))
        begin = next(number for number, line in enumerate(printed) if line.startswith("  API="))
        script = "set -euo pipefail\n" + "".join(printed[begin:-1])
        typed = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=200
        )
        assert typed.returncode == 0, typed.stdout + typed.stderr
        assert '"package": "numpy"' in typed.stdout, "the plan tells of the conflict"
        assert '"state": "done"' in typed.stdout
        assert typed.stdout.splitlines()[-1] == "done", "the rollback"
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 0
    assert not list(tmp_path.iterdir())


def test_the_tour_goes_through_everything(tmp_path: Path) -> None:
    """`--tour` ends by itself with 0: installed, rolled back, drift undone, and the same over HTTP."""
    with _demo(tmp_path, "--tour") as demo:
        assert demo.stdout is not None
        told = demo.stdout.read()
        assert demo.wait(60) == 0, told
    assert told.count("Every file of the environment is what it was") == 2
    assert told.count("the node DemoGreeter is there") == 1
    assert not list(tmp_path.iterdir())
