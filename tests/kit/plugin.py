"""The pytest plugin loaded by `-p kit.plugin`: our root is no package for pytest, and tables are shown at the end.

pytest takes a folder with `__init__.py` for a Package and imports it, which would run ComfyUI's entry.
Where several processes share the tests (`-n`), each hands its tables to the one that writes the summary.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from .package import ROOT, register_package

register_package()

# A shell that starts us in the background has Ctrl-C ignored, and every child would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A plain folder for the root; pytest's own choice for every other."""
    if path == ROOT:
        return pytest.Dir.from_parent(parent, path=path)
    return None


_TABLES = pytest.StashKey[list[str]]()


@pytest.fixture
def show(request: pytest.FixtureRequest) -> list[str]:
    """What is appended here is printed at the end of the run."""
    return request.config.stash.setdefault(_TABLES, [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the tables of this process over, where it is one of several."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tables"] = session.config.stash.get(_TABLES, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the tables of a process that is done; one that died has none."""
    output = getattr(node, "workeroutput", {})
    node.config.stash.setdefault(_TABLES, []).extend(output.get("tables", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables."""
    for text in config.stash.get(_TABLES, []):
        terminalreporter.section("fault campaign")
        terminalreporter.write_line(text)
