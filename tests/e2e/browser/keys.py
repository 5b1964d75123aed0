"""Walking through a page by keys alone; every stop must be seen, ringed, and where the user left it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

_STOP = """(wanted) => {
  const at = document.activeElement;
  const box = at.getBoundingClientRect();
  const [left, top] = [Math.max(box.left, 0), Math.max(box.top, 0)];
  const [right, bottom] = [Math.min(box.right, innerWidth), Math.min(box.bottom, innerHeight)];
  const over = right > left && bottom > top ? document.elementFromPoint((left + right) / 2, (top + bottom) / 2) : null;
  const style = getComputedStyle(at);
  return {
    what: at.outerHTML.slice(0, 160),
    there: at === wanted,
    lost: at === document.body || at === document.documentElement,
    ours: at.closest("safe-install-panel") !== null,
    seen: at.contains(over) || Boolean(over && at.closest("label")?.contains(over)),
    over: over?.outerHTML.slice(0, 160) ?? "out of sight",
    ringed: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
  };
}"""


@dataclass(slots=True)
class Keys:
    """The keyboard of a page whose user has no mouse."""

    page: Page

    def press(self, *keys: str) -> None:
        """One after the other; the focus is somewhere afterwards."""
        for key in keys:
            self.page.keyboard.press(key)
        self._look(self.page.locator("body"))

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self.page.keyboard.type(text)

    def walk_to(self, target: Locator, *, back: bool = False, most: int = 90) -> None:
        """Press Tab until this one has the focus; the test fails where it cannot be reached so."""
        expect(target).to_be_visible(timeout=30_000)
        passed: list[str] = []
        for _ in range(most):
            stop = self._look(target, may_be_lost=True)
            if stop["there"]:
                return
            passed.append(stop["what"])
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"Tab does not lead to {target}, but past\n" + "\n".join(passed))

    def is_at(self, target: Locator, *, timeout: float = 30_000) -> None:
        """The focus comes here by itself."""
        expect(target).to_be_focused(timeout=timeout)
        self._look(target)

    def _look(self, target: Locator, *, may_be_lost: bool = False) -> dict[str, Any]:
        """What has the focus. `may_be_lost`: the page's end leads to its beginning by way of nothing."""
        stop: dict[str, Any] = target.evaluate(_STOP)
        assert may_be_lost or not stop["lost"], "the focus is lost"
        if stop["ours"]:
            assert stop["seen"], f"{stop['what']} has the focus and is hidden by {stop['over']}"
            assert stop["ringed"], f"{stop['what']} has the focus and does not show it"
        return stop
