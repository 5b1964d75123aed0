"""The system's Chromium, driven by Playwright, and the front ends it is shown."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from comfyui_safe_install.tests.kit.package import ROOT

REQUIRE = "SAFE_INSTALL_REQUIRE_BROWSER"
"""Environment variable: where it is set, a missing browser or front end fails the tests instead of skipping them."""
OLDEST = "1.35.9"
_PACKAGE = "comfyui_frontend_package"


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium without a window; ended with the block, with everything it opened."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        _missing("there is no Chromium on this computer (Debian: apt-get install chromium)")
    # Chromium refuses to sandbox what root runs; and /dev/shm is small in containers.
    arguments = ["--disable-dev-shm-usage", "--use-gl=angle", "--use-angle=swiftshader"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=arguments)
        try:
            yield running
        finally:
            running.close()


def front_ends() -> dict[str, Path]:
    """{version: folder of its files}: the oldest that we work in, and the one installed for development."""
    oldest = ROOT / ".cache" / "front-ends" / OLDEST / _PACKAGE / "static"
    spec = importlib.util.find_spec(_PACKAGE)
    newest = [Path(each) / "static" for each in (spec.submodule_search_locations or [])] if spec else []
    return {OLDEST: oldest, "newest": newest[0] if newest else Path("comfyui-frontend-package")}


def front_end_root(version: str) -> Path:
    """The folder of a front end; the test is skipped, or fails in CI, where it is not at hand."""
    folder = front_ends()[version]
    if not (folder / "index.html").is_file():
        _missing(f"the front end {version} is not here (tools/setup brings it)")
    return folder


def _missing(what: str) -> None:
    if os.environ.get(REQUIRE):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
