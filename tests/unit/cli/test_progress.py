"""What is seen while the work goes on."""

from __future__ import annotations

import io

from comfyui_safe_install.resolver.cli.console import Console
from comfyui_safe_install.resolver.cli.progress import TerminalReporter


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Somebody watches."""
        return True


def report(err: io.StringIO, *, as_json: bool = False, verbose: bool = False) -> str:
    """What a short piece of work leaves on stderr; stdout must stay empty."""
    out = io.StringIO()
    console = Console(as_json=as_json, verbose=verbose, colour=False, out=out, err=err)
    reporter = TerminalReporter(console)
    reporter.stage("swap", "Swapping\x1b[2J")
    reporter.progress(0, 0, "files")
    for done in range(4):
        reporter.progress(done, 3, "steps")
    reporter.log("uv says\x1b[31m something")
    reporter.stage("verify", "Verifying")
    reporter.progress(1, 2, "files")
    reporter.close()
    reporter.close()
    assert out.getvalue() == ""
    return err.getvalue()


def test_a_terminal_shows_stages_and_a_bar() -> None:
    """Stage lines and a bar with the unit; no detail, and no code of anybody else."""
    said = report(Terminal())
    assert said.startswith("Swapping[2J ...\n")
    assert "0/3" in said
    assert "steps" in said
    assert "Verifying ..." in said
    assert "uv says" not in said
    assert "\x1b[2J" not in said


def test_without_a_terminal_it_is_quiet() -> None:
    """A log file is not filled with progress, nor is a program's stderr."""
    assert report(io.StringIO()) == ""
    assert report(Terminal(), as_json=True) == ""


def test_verbose_tells_what_the_tools_say() -> None:
    """With --verbose stages and details are lines, wherever stderr goes."""
    assert report(io.StringIO(), verbose=True) == "Swapping[2J ...\n  uv says[31m something\nVerifying ...\n"
    assert report(io.StringIO(), verbose=True, as_json=True).count("\n") == 3
