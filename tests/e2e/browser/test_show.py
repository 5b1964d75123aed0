"""The whole story by keys alone, and each of its states read in both themes, narrow and wide, and in French."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from ..ground import Ground
from .keys import Keys
from .pages import PANEL, Pages, Theme, axe, overflowing, shoot, widen_panel

pytestmark = pytest.mark.slow

NARROW, WIDE = 312, 640

_SPEAK = """async (language) => {
  const address = performance.getEntriesByType("resource").map((each) => each.name)
    .find((name) => name.endsWith("/words.js") && /safe.install/.test(name));
  (await import(address)).speak(language);
  for (const each of document.querySelectorAll("safe-install-panel, safe-install-panel *")) each.draw?.();
}"""


def look(page: Page, name: str) -> None:
    """Read what is shown now: nothing is done anew, the focus stays. Dark and narrow, light and wide; then French."""
    _paint(page, "dark")
    _read(page, f"{name}-dark")
    page.evaluate(_SPEAK, "fr")
    shoot(page, f"{name}-french")
    assert overflowing(page, _shown(page)) == [], f"{name}, French"
    page.evaluate(_SPEAK, "en")
    _stretch(page, WIDE)
    _paint(page, "light")
    _read(page, f"{name}-light-wide")
    _stretch(page, NARROW)


def _shown(page: Page) -> str:
    """What is to be read: a dialog, where one is open, lies over the panel and is wider."""
    return "dialog[open]" if page.locator("dialog[open]").count() else PANEL


def _stretch(page: Page, width: int) -> None:
    """The host's splitter has only a mouse; where a dialog is, it is out of reach, and nothing depends on it."""
    if page.locator("dialog[open]").count() == 0:
        has_focus = page.evaluate_handle("() => document.activeElement")
        widen_panel(page, width)
        page.mouse.move(1000, 600)
        assert page.evaluate("(it) => it === document.activeElement", has_focus), (
            "the splitter took the focus"
        )


def _paint(page: Page, theme: Theme) -> None:
    page.evaluate("(theme) => app.extensionManager.setting.set('Comfy.ColorPalette', theme)", theme)
    expect(page.locator(PANEL)).to_have_attribute("data-theme", theme)


def _read(page: Page, name: str) -> None:
    shoot(page, name)
    assert overflowing(page, _shown(page)) == [], name
    assert axe(page, _shown(page)) == [], name


def button(panel: Locator, name: str) -> Locator:
    """By its whole name."""
    return panel.get_by_role("button", name=name, exact=True)


def test_the_whole_story_by_keys_alone(pages: Pages, ground: Ground) -> None:
    """Opened, planned, settled otherwise, agreed to, installed, looked at, undone: no mouse, no focus lost."""
    for version in ("1.0", "2.0"):
        ground.wheel("story-lib", version)
    ground.have(ground.pack("old-story", "story-lib<2"))
    source = ground.pack("new-story", "story-lib>=2")
    page = pages.open(height=600)  # low: much lies below, and under what stays at the bottom
    keys, panel, sight = Keys(page), page.locator(PANEL), f"{pages.front_end}-show"

    page.keyboard.press("i")
    box = panel.get_by_role("textbox", name="Search, or paste a source")
    keys.walk_to(box)
    keys.type(source)
    expect(panel.get_by_role("region", name="Install from this folder or archive")).to_be_visible()
    look(page, f"{sight}-1-what")
    keys.press("Enter")
    heading = panel.get_by_role("heading", name="The plan", exact=True)
    keys.is_at(heading)
    look(page, f"{sight}-2-plan")

    keys.walk_to(button(panel, "Follow old-story"))
    keys.press("Enter")
    expect(panel.get_by_role("article", name="Conflict about story-lib")).to_contain_text(
        "Your choice", timeout=30_000
    )
    keys.is_at(heading)
    consent = panel.get_by_role("checkbox", name=re.compile("story-lib"))
    keys.walk_to(consent)
    keys.press("Space")
    expect(consent).to_be_checked()
    look(page, f"{sight}-3-agreed")
    keys.walk_to(button(panel, "Install"))
    keys.press("Enter")
    done = panel.get_by_role("heading", name="Done", exact=True)
    keys.is_at(done, timeout=120_000)
    look(page, f"{sight}-4-done")
    assert ground.versions()["story-lib"] == "1.0"
    assert (ground.packs / "new-story").is_dir()

    _walk_the_tabs(page, panel, keys, sight)

    keys.walk_to(button(panel, "Undo…"))
    keys.press("Enter")
    keys.is_at(panel.get_by_role("heading", name=re.compile("^Roll back to")))
    consents = panel.get_by_role("checkbox")
    expect(consents.first).to_be_visible(timeout=30_000)
    look(page, f"{sight}-9-preview")
    for at in range(consents.count()):
        keys.walk_to(consents.nth(at))
        keys.press("Space")
        expect(consents.nth(at)).to_be_checked()
    keys.walk_to(button(panel, "Roll back"))
    keys.press("Enter")
    keys.is_at(panel.get_by_role("heading", name="Rolled back", exact=True), timeout=120_000)
    look(page, f"{sight}-10-back")
    assert not (ground.packs / "new-story").exists()
    keys.walk_to(button(panel, "Back to the history"))
    keys.press("Enter")
    expect(panel.get_by_role("heading", name="Rolled back to").first).to_be_visible(timeout=30_000)
    keys.press()
    look(page, f"{sight}-11-history")
    assert ground.versions()["story-lib"] == "1.0"
    ground.do("uninstall", {"node_name": "old-story"})


def _walk_the_tabs(page: Page, panel: Locator, keys: Keys, sight: str) -> None:
    """Arrows from tab to tab and from cell to cell; Esc closes what opened, and gives the focus back."""
    tab = {name: panel.get_by_role("tab", name=name) for name in ("Install", "History", "Packs", "Conflicts")}
    keys.walk_to(tab["Install"], back=True)
    for name in ("History", "Packs", "Conflicts", "Install"):
        keys.press("ArrowRight")
        keys.is_at(tab[name])
        expect(tab[name]).to_have_attribute("aria-selected", "true")
    keys.press("ArrowLeft", "ArrowLeft")
    keys.is_at(tab["Packs"])
    pack = panel.get_by_role("list", name="Installed packs").get_by_role(
        "button", name=re.compile("^new-story")
    )
    keys.walk_to(pack)
    keys.press("Enter")
    expect(pack).to_have_attribute("aria-expanded", "true")
    look(page, f"{sight}-5-packs")

    keys.walk_to(tab["Packs"], back=True)
    keys.press("End")
    keys.is_at(tab["Conflicts"])
    # What the environment lacks besides is in the map as well.
    keys.walk_to(panel.locator("[data-cell][tabindex='0']"))
    keys.press("Control+Home")
    look(page, f"{sight}-6-map")
    cell = panel.get_by_role("gridcell", name=re.compile("^new-story wants story-lib"))
    other = panel.get_by_role("gridcell", name=re.compile("^old-story wants story-lib"))
    for _ in range(40):
        if cell.evaluate("(it) => it === document.activeElement"):
            break
        keys.press("PageDown", "End")
    keys.is_at(cell)
    keys.press("ArrowDown")
    keys.is_at(other)
    keys.press("ArrowUp")
    keys.is_at(cell)
    keys.press("Enter")
    why = page.get_by_role("dialog", name="Why is story-lib as it is?")
    expect(why).to_contain_text("story-lib")
    keys.walk_to(button(why, "Close"))
    look(page, f"{sight}-7-why")
    keys.press("Escape")
    expect(why).to_have_count(0)
    keys.is_at(cell)
    keys.walk_to(button(panel, "Enlarge"), back=True)
    keys.press("Enter")
    large = page.get_by_role("dialog", name="Conflict map")
    keys.walk_to(large.locator("[data-cell][tabindex='0']"))
    look(page, f"{sight}-8-large")
    keys.press("Escape")
    expect(large).to_have_count(0)
    keys.is_at(button(panel, "Enlarge"))
    keys.walk_to(tab["Conflicts"], back=True)
    keys.press("Home")
    keys.is_at(tab["Install"])
    expect(panel.get_by_role("heading", name="Done", exact=True)).to_be_visible()
