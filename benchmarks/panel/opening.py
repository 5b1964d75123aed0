"""How long the panel takes to be there, in Chromium, on a ComfyUI with very much in it."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass

from ...tests.e2e.browser.chromium import browser
from ...tests.e2e.hosts import Running

VIEWS = ("install", "history", "packs", "map")
_ROUNDS = 7
_READY = """() => window.app?.graph &&
  app.extensionManager?.getSidebarTabs?.().some((tab) => tab.id === "safe-install")"""
_OPEN = """async () => {
  const tabs = app.extensionManager.sidebarTab;
  const drawn = () => document.querySelector("safe-install-panel .si-view > *")?.childElementCount > 0;
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  tabs.activeSidebarTabId = null;
  while (document.querySelector("safe-install-panel")) await frame();
  await frame();
  const begun = performance.now();
  tabs.activeSidebarTabId = "safe-install";
  while (!drawn()) await frame();
  // Until what was drawn has been laid out, too.
  document.querySelector("safe-install-panel").getBoundingClientRect();
  await frame();
  return performance.now() - begun;
}"""
_SHOW = """async (view) => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const begun = performance.now();
  document.querySelector(`#si-tab-${view}`).click();
  const place = () => document.querySelector(`#si-view-${view} > *`);
  const here = () => place()?.querySelectorAll("[aria-busy=true]").length === 0 && place().childElementCount > 0;
  while (!here()) await frame();
  place().getBoundingClientRect();
  await frame();
  return performance.now() - begun;
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One view of the panel."""

    view: str
    first: float
    """Milliseconds from the click to the picture, the first time: with what the server has to be asked."""
    again: float
    """The median of later times."""
    opening: float
    """The median of opening the panel while this view is the one shown: the host makes our elements anew."""

    def to_dict(self) -> dict[str, object]:
        """The row as a JSON object."""
        return asdict(self)


def bench_opening(host: Running) -> list[Opened]:
    """Each view, first and again, on a page of this host."""
    settings = {"Comfy.TutorialCompleted": True, "Comfy.Release.Status": "skipped"}
    host.post("/settings", settings)
    with browser() as running:
        page = running.new_page(viewport={"width": 1280, "height": 900})
        page.goto(host.url)
        page.wait_for_function(_READY, timeout=60_000)
        page.wait_for_timeout(2000)  # What the host does after its start.
        page.evaluate(_OPEN)
        rows = []
        for view in VIEWS:
            page.evaluate(_SHOW, VIEWS[VIEWS.index(view) - 1] if view == VIEWS[0] else VIEWS[0])
            first = page.evaluate(_SHOW, view)
            again = []
            for _ in range(_ROUNDS):
                page.evaluate(_SHOW, VIEWS[1] if view == VIEWS[0] else VIEWS[0])
                again.append(page.evaluate(_SHOW, view))
            opening = [page.evaluate(_OPEN) for _ in range(_ROUNDS)]
            rows.append(
                Opened(
                    view=view,
                    first=first,
                    again=statistics.median(again),
                    opening=statistics.median(opening),
                )
            )
        return rows


def opening_table(rows: list[Opened]) -> str:
    """The figures as a table in Markdown."""
    lines = ["| view | first, ms | again, ms | opening the panel on it, ms |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {row.view} | {row.first:.0f} | {row.again:.0f} | {row.opening:.0f} |" for row in rows]
    return "\n".join(lines)
