"""What a user watching the terminal sees while the work goes on."""

from __future__ import annotations

import threading
from typing import Any

from .console import Console, plain


class TerminalReporter:
    """Stage lines and a bar on stderr when somebody watches; detail lines with --verbose; else nothing."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Any = None
        self._lock = threading.Lock()

    def stage(self, name: str, text: str) -> None:  # noqa: ARG002 - the name is for programs
        """A line for the new stage."""
        with self._lock:
            self._close()
            if self._console.shows_progress or self._console.verbose:
                self._console.note(self._console.err_style("dim", f"{plain(text)} ..."))

    def progress(self, done: int, total: int, unit: str) -> None:
        """A bar where the total is known."""
        if not self._console.shows_progress or total <= 0:
            return
        with self._lock:
            if self._bar is None or self._bar.total != total:
                self._close()
                self._bar = _open_bar(self._console, total, unit)
            if self._bar is not None:
                self._bar.update(done - self._bar.n)
                if done >= total:
                    self._close()

    def log(self, line: str) -> None:
        """A line of what a tool says."""
        if self._console.verbose:
            with self._lock:
                self._console.note(self._console.err_style("dim", f"  {plain(line)}"))

    def close(self) -> None:
        """No bar is left on the screen."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _open_bar(console: Console, total: int, unit: str) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:  # Only decoration: never a reason to stop.
        return None
    return tqdm(total=total, unit=f" {plain(unit)}", file=console.err, leave=False, dynamic_ncols=True)
