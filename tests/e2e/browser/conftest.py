"""Tests of the panel: a real browser, the real front ends, a real host, a real environment.

A test of the panel:

    def test_a_plan_is_shown(pages: Pages, ground: Ground) -> None:
        "What is typed is planned, and the plan says what comes."
        ground.wheel("leaf", "1.0")                                # the ground's own index offers it
        pack = ground.pack("with-leaf", "leaf")                    # a folder to install
        page = pages.open(theme="light", nodes2=False, width=1280) # the front end, ready
        panel = open_panel(page)                                   # a locator: ask by role and name
        panel.get_by_role("textbox", name="...").fill(pack)
        assert axe(page) == []
        assert overflowing(page) == []
        shoot(page, "plan-light")                                  # only with SAFE_INSTALL_SCREENSHOTS=FOLDER

- `pages` is asked for by each test and closes what it opened; a page's console must hold no error, warning or
  deprecation of our making, or the test fails at its end (`pages.noise.allow("...")` for what a test provokes).
- `ground` (tests/e2e/ground.py) is shared by the module, one for each kind of host and front end: a ComfyUI folder, an
  environment and an index of its own, and the host that runs on it. `ground.have(pack)`, `ground.roll_back()` and
  `ground.host.get("./status")` act past the page. A test that breaks it makes its own: `with own_ground() as ground`.
- `front_end` is the version: each test runs in all of them.
- `menus`: `add_node`, `canvas_menu`, `node_menu`, `item`, `items`.
- With SAFE_INSTALL_COMFYUI and SAFE_INSTALL_COMFYUI_PYTHON the same runs on a real ComfyUI.
- tools/screens makes pictures of one state while you work on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ..ground import Ground, lay_ground
from ..hosts import kinds
from .chromium import browser as launched
from .chromium import front_end_root, front_ends
from .pages import Pages

OwnGround = Callable[[], AbstractContextManager[Ground]]

# A front end that draws without a graphics card keeps a processor busy alone; how fast it is, is measured elsewhere.
expect.set_options(timeout=20_000)
_LONGEST = 400
"""Seconds for one test: it starts a host, and walks through many states."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test of this folder its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_LONGEST))


# Not of the session: while Playwright runs, asyncio.run() cannot be called in this thread, which other files' tests do.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module; ask for `pages`."""
    with launched() as running:
        yield running


@pytest.fixture(scope="module", params=kinds())
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of host there is; the stand-in always."""
    return str(request.param)


@pytest.fixture(scope="module", params=list(front_ends()))
def front_end(request: pytest.FixtureRequest) -> str:
    """Each front end: the oldest we work in, and the newest."""
    return str(request.param)


@pytest.fixture(scope="module")
def ground(kind: str, front_end: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A running host of the module's own, for one front end; leave it as you found it, or build on it in order."""
    with _running(kind, front_end, tmp_path_factory.mktemp("ground")) as made:
        yield made


@pytest.fixture
def own_ground(kind: str, front_end: str, tmp_path: Path) -> OwnGround:
    """What makes a host of a test's own."""
    return lambda: _running(kind, front_end, tmp_path)


@contextmanager
def _running(kind: str, front_end: str, root: Path) -> Iterator[Ground]:
    folder = front_end_root(front_end)
    with lay_ground(kind, root) as made:
        made.arguments = ("--front-end-root", str(folder))
        made.start()
        yield made


@pytest.fixture
def pages(browser: Browser, ground: Ground, front_end: str) -> Iterator[Pages]:
    """Opens pages of the module's host; what they complain about because of us fails the test."""
    opened = Pages(browser=browser, ground=ground, front_end=front_end)
    try:
        yield opened
    finally:
        opened.close()
    opened.noise.check()
