"""Real processes killed while a transaction comes to wait, or is taken up again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_killed_at_any_instant_it_waits_or_was_never_begun(tmp_path: Path) -> None:
    """Before each call that changes the disk: before and waiting, or before and rolled back; never between."""
    command = [sys.executable, str(HERE / "kill_deferred.py"), str(tmp_path), "11"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["faults"] == []
    assert report["kills"] > 30
    assert report["ends"]["rolled-back"] > 20
    assert report["ends"]["waiting"] > 0
