"""Starting a tool, timing it, and leaving nothing of it behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..resolver.io.child_environment import clean_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command that ended or was ended."""

    seconds: float
    returncode: int | None
    """None when the time limit ended it."""
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with success."""
        return self.returncode == 0

    @property
    def complaint(self) -> str:
        """Why it failed, in a line or two; empty when it did not."""
        if self.ok:
            return ""
        if self.returncode is None:
            return f"no answer within {self.seconds:.0f} s"
        said = [line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        return " / ".join(said[-2:])[:300] or f"exit code {self.returncode}"


def run(
    argv: Sequence[object],
    *,
    cwd: Path,
    variables: Mapping[str, str] | None = None,
    time_limit: float = 600.0,
) -> Ran:
    """Run a command with empty input and a cleaned environment; all its group ends at `time_limit`."""
    start = time.perf_counter()
    with subprocess.Popen(
        [str(part) for part in argv],
        cwd=cwd,
        env=clean_environment(dict(variables or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        try:
            stdout, stderr = child.communicate(timeout=time_limit)
        except subprocess.TimeoutExpired:
            _end_group(child)
            stdout, stderr = child.communicate()
            return Ran(seconds=time.perf_counter() - start, returncode=None, stdout=stdout, stderr=stderr)
        except BaseException:
            _end_group(child)
            raise
    return Ran(seconds=time.perf_counter() - start, returncode=child.returncode, stdout=stdout, stderr=stderr)


def _end_group(child: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
