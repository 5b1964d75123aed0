"""The tables of this run's campaigns, shown at its end."""

from __future__ import annotations

import pytest

_TABLES = pytest.StashKey[list[str]]()


@pytest.fixture
def show(request: pytest.FixtureRequest) -> list[str]:
    """What is appended here is printed at the end of the run."""
    return request.config.stash.setdefault(_TABLES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables."""
    for text in config.stash.get(_TABLES, []):
        terminalreporter.section("fault campaign")
        terminalreporter.write_line(text)
