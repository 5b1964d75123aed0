# ruff: noqa: T201  prints: that is its work
"""Pictures of one state of the panel, in both themes and at both widths, on a throw-away host: tools/screens."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

# Its package name, as in tests, without running the root's `__init__.py`, which is ComfyUI's entry.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from kit.package import register_package  # type: ignore[import-not-found]

register_package()

from comfyui_safe_install.tests.e2e.browser.chromium import browser, front_end_root, front_ends  # noqa: E402
from comfyui_safe_install.tests.e2e.browser.pages import (  # noqa: E402
    SCREENSHOTS,
    Pages,
    Theme,
    axe,
    open_panel,
    overflowing,
    shoot,
    widen_panel,
)
from comfyui_safe_install.tests.e2e.ground import Ground, lay_ground  # noqa: E402

_THEMES: tuple[Theme, ...] = ("light", "dark")
_WIDE = 700


def main() -> None:
    """Make them; what axe-core, the console and the layout complain about is printed."""
    options = _options()
    os.environ[SCREENSHOTS] = str(options.folder)
    before, state = (compile(text, name, "exec") for text, name in options.snippets)
    with browser() as chromium:
        for version in options.front_end:
            with tempfile.TemporaryDirectory() as root, lay_ground("stand-in", Path(root)) as ground:
                ground.arguments = ("--front-end-root", str(front_end_root(version)))
                ground.start()
                exec(before, {"ground": ground})  # noqa: S102  the developer's own
                pages = Pages(browser=chromium, ground=ground, front_end=version)
                for theme in _THEMES:
                    _shoot(pages, ground, theme, state, options)
                pages.close()


def _shoot(pages: Pages, ground: Ground, theme: Theme, state: Any, options: argparse.Namespace) -> None:
    page = pages.open(theme=theme, language=options.language)
    panel = open_panel(page)
    exec(state, {"ground": ground, "pages": pages, "page": page, "panel": panel})  # noqa: S102
    for width in (0, _WIDE):
        if width:
            widen_panel(page, width)
        name = f"{options.name}-{pages.front_end}-{theme}-{'wide' if width else 'narrow'}"
        print(shoot(page, name))
        for line in [*axe(page), *overflowing(page)]:
            print("   ", line)
    for line in pages.noise.ours:
        print("    console:", line)
    pages.noise.ours.clear()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/screens", description=__doc__)
    parser.add_argument(
        "state", nargs="?", default="", help="Python: statements, or a file; has page, panel, ground, pages"
    )
    parser.add_argument("--before", default="", help="Python that prepares the ground, once; has ground")
    parser.add_argument("--name", default="screen")
    parser.add_argument("--folder", type=Path, default=Path("build/screens"))
    parser.add_argument("--language", default="en")
    parser.add_argument("--front-end", action="append", choices=list(front_ends()), help="default: newest")
    options = parser.parse_args()
    options.front_end = options.front_end or ["newest"]
    options.snippets = [_text(options.before, "--before"), _text(options.state, "STATE")]
    return options


def _text(given: str, name: str) -> tuple[str, str]:
    path = Path(given)
    if given.endswith(".py") and path.is_file():
        return path.read_text(encoding="utf-8"), str(path)
    return given, name


if __name__ == "__main__":
    main()
