"""Pages of a running host, as a user sees them: opened with settings, the panel, accessibility, pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from comfyui_safe_install.tests.kit.package import ROOT

from ..ground import Ground
from .noise import Noise

Theme = Literal["light", "dark"]

SCREENSHOTS = "SAFE_INSTALL_SCREENSHOTS"
"""Environment variable: the folder `shoot` writes its pictures to; without it nothing is written."""
PANEL = "safe-install-panel"
TAB = "safe-install"
_AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_READY = f"""() => {{
  const app = window.app;
  if (!app?.graph || !app.canvas || !app.extensionManager) return false;
  if (app.vueAppReady === false) return false;
  return app.extensionManager.getSidebarTabs().some((tab) => tab.id === "{TAB}");
}}"""
_QUIET = {
    "Comfy.TutorialCompleted": True,  # else the templates cover the canvas
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.Release.Status": "skipped",
    "Comfy.Validation.Workflows": False,
    "Comfy.Workflow.ConfirmDelete": False,
    "Comfy.Workflow.ShowMissingNodesWarning": False,  # 1.35.9's dialog covers the canvas
}

# In the tab that is open: without the last argument another one opens.
_LOAD = """(workflow) =>
  app.loadGraphData(workflow, true, false, app.extensionManager.workflow?.activeWorkflow)"""
_EMPTY: dict[str, Any] = {
    "version": 0.4, "last_node_id": 0, "last_link_id": 0,
    "nodes": [], "links": [], "groups": [], "config": {}, "extra": {},
}  # fmt: skip


@dataclass(slots=True)
class Pages:
    """Opens pages of one host, and hears all they complain about."""

    browser: Browser
    ground: Ground
    front_end: str
    """Its version."""
    noise: Noise = field(default_factory=Noise)
    _open: list[BrowserContext] = field(default_factory=list)

    def open(
        self,
        *,
        theme: Theme = "dark",
        nodes2: bool = False,
        width: int = 1280,
        height: int = 800,
        language: str = "en",
        settings: dict[str, Any] | None = None,
        workflow: dict[str, Any] | None = None,
        ready: bool = True,
    ) -> Page:
        """A page of its own (own storage, own websocket) with the app ready, and `workflow` or nothing on the canvas.

        `settings` are more of the host's. `ready=False`: return as soon as the document is there.
        """
        chosen = {
            **_QUIET,
            "Comfy.ColorPalette": theme,
            "Comfy.VueNodes.Enabled": nodes2,
            "Comfy.Locale": language,
            **(settings or {}),
        }
        assert self.ground.host.post("/settings", chosen).status == 200
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce", color_scheme=theme
        )
        self._open.append(context)
        context.set_default_timeout(30_000)
        context.route(lambda address: not address.startswith(self.ground.host.url), _refuse)
        page = context.new_page()
        self.noise.listen(page)
        page.goto(self.ground.host.url, wait_until="load" if ready else "commit")
        if ready:
            wait_until_ready(page)
            # The host loads its own first workflow, whose nodes would lie under those of the tests.
            page.wait_for_function("() => app.graph.nodes.length > 0")
            page.evaluate(_LOAD, workflow or _EMPTY)
            page.evaluate("() => app.canvas.ds.reset()")
        return page

    def close(self) -> None:
        """Every page that was opened."""
        while self._open:
            self._open.pop().close()


def _refuse(route: Route) -> None:
    """Nothing beyond the host is asked: a test sees the same without a network."""
    assert urlsplit(route.request.url).hostname
    route.abort()


def wait_until_ready(page: Page) -> None:
    """Return when the app runs and our extension is in it; for after a reload too."""
    page.wait_for_function(_READY, timeout=40_000)
    # What covers the page while it starts.
    page.wait_for_function("() => !document.querySelector('.p-blockui-mask, #splash-loader')", timeout=30_000)


def open_panel(page: Page) -> Locator:
    """The panel, opened by a click on its tab in the sidebar, once it is drawn."""
    panel = page.locator(PANEL)
    if not panel.count():
        tab_button(page).click()
    expect(panel.get_by_role("tablist")).to_be_visible()
    return panel


def tab_button(page: Page) -> Locator:
    """The button of our tab in the sidebar."""
    # By class in 1.35.9, by test id in 1.58.1; its name is translated.
    return page.locator(f".{TAB}-tab-button, [data-testid='{TAB}-tab-button']")


def widen_panel(page: Page, width: int) -> None:
    """Make the sidebar panel about this wide, by its splitter, as a user does; 310 is what it opens with."""
    gutter = page.locator(".p-splitter-gutter:visible, [data-resize-handle]:visible").first
    at = gutter.bounding_box()
    panel = page.locator(PANEL).bounding_box()
    assert at is not None
    assert panel is not None
    y = at["y"] + at["height"] / 2
    page.mouse.move(at["x"] + at["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(at["x"] + at["width"] / 2 + width - panel["width"], y, steps=4)
    page.mouse.up()


def axe(page: Page, selector: str = PANEL) -> list[str]:
    """What axe-core finds wrong below `selector`, one line a violation with the elements; empty is good."""
    if not _AXE.is_file():
        pytest.skip("axe-core is not here (tools/setup brings it)")
    if page.evaluate("() => !window.axe"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "async (selector) => (await window.axe.run(selector, {resultTypes: ['violations']})).violations",
        selector,
    )
    return [
        f"{each['id']} ({each['impact']}): {each['help']}\n    "
        + "\n    ".join(f"{node['html'][:200]} {node['failureSummary']}" for node in each["nodes"])
        for each in found
    ]


def overflowing(page: Page, selector: str = PANEL) -> list[str]:
    """Elements of ours that are wider than their place or stick out of the panel sideways; empty is good."""
    found: list[str] = page.evaluate(
        """(selector) => {
          const root = document.querySelector(selector);
          const right = root.getBoundingClientRect().right + 1;
          const scrolls = (element) => /auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX);
          const inside = (element) => {
            for (let up = element.parentElement; up && root.contains(up) && up !== root; up = up.parentElement)
              if (scrolls(up)) return true;
            return false;
          };
          return [...root.querySelectorAll("*")]
            .filter((element) => element.getBoundingClientRect().width > 0 && !inside(element))
            .filter((element) => element.getBoundingClientRect().right > right
              || (element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1 && !scrolls(element)))
            .map((element) => element.outerHTML.slice(0, 160));
        }""",
        selector,
    )
    return found


def shoot(target: Page | Locator, name: str) -> Path | None:
    """A picture of a page, or of one element, as NAME.png in the folder SAFE_INSTALL_SCREENSHOTS; None without one."""
    folder = os.environ.get(SCREENSHOTS)
    if not folder:
        return None
    path = Path(folder).expanduser() / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    target.screenshot(path=str(path), animations="disabled")
    return path
