"""The packs, the why of a package and the conflict map, as a user meets them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ..ground import Ground, lay_ground
from ..witness import write
from .chromium import front_end_root
from .pages import PANEL, Pages, Theme, axe, open_panel, overflowing, shoot, widen_panel

pytestmark = pytest.mark.slow

LONG = "comfyui-a-pack-with-a-rather-long-name-of-its-own"


@pytest.fixture(scope="module")
def ground(kind: str, front_end: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A host with packs that clash (one by decision, one by nobody's), one that fails, and one that is disabled."""
    folder = front_end_root(front_end)
    with lay_ground(kind, tmp_path_factory.mktemp("packs")) as made:
        made.arguments = ("--front-end-root", str(folder))
        for version in ("1.0", "2.0"):
            made.wheel("tool", version)
            made.wheel("leaf", version)
        good = "NODE_CLASS_MAPPINGS = {}\n"
        write(made.packs / "failing", {"__init__.py": "import nothing_of_that_name\n"})
        write(made.packs / "off.disabled", {"__init__.py": good})
        write(made.packs / LONG, {"__init__.py": good, "requirements.txt": "leaf>=9\nshow-core\n"})
        made.start()
        made.have(made.pack("old-timer", "tool<2", "leaf", node="OldTimer"))
        _agree(made, made.pack("new-kid", "tool>=2", "leaf>=1", node="NewKid"))
        made.stop()
        made.start()
        yield made


def _agree(ground: Ground, source: str) -> dict[str, Any]:
    """Install with a yes to what it costs others."""
    task = {"ui_id": "1", "client_id": "", "kind": "install", "params": {"source": source}}
    shown = ground.host.job(ground.host.post("./plan", task))
    assert shown["state"] == "done", shown
    return ground.do("apply", {"plan_id": shown["plan_id"]}, agree=shown["result"]["fingerprint"])


def _tab(page: Page, name: str) -> Locator:
    panel = open_panel(page)
    panel.get_by_role("tab", name=name).click()
    return panel


def _pack(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("list", name="Installed packs").get_by_role(
        "button", name=re.compile(f"^{name}")
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_can_be_read_in_both_themes(pages: Pages, theme: Theme) -> None:
    """Packs, closed and opened, narrow and wide; the map, small, large and as a table; the why. Axe finds nothing."""
    page = pages.open(theme=theme)

    def look(name: str, part: str = PANEL) -> None:
        assert axe(page) == [], name
        assert overflowing(page, part) == [], name
        shoot(page, f"{pages.front_end}-{name}-{theme}")

    panel = _tab(page, "Packs")
    _pack(panel, "old-timer").click()
    _pack(panel, "failing").click()
    expect(panel.get_by_role("button", name="Why tool?")).to_be_visible()
    look("packs")
    panel.get_by_role("button", name="Why tool?").click()
    expect(page.get_by_role("dialog", name="Why is tool as it is?")).to_contain_text("Chosen: 2.0")
    look("why", "dialog[open]")
    page.keyboard.press("Escape")
    panel.get_by_role("tab", name="Conflicts").click()
    expect(panel.get_by_role("gridcell").first).to_be_visible()
    look("map")
    panel.get_by_role("button", name="Enlarge").click()
    expect(page.get_by_role("dialog", name="Conflict map").get_by_role("grid")).to_be_visible()
    look("map-large", "dialog[open]")
    page.keyboard.press("Escape")
    panel.get_by_role("button", name="Show as table").click()
    expect(panel.get_by_role("row").filter(has_text="leaf>=9")).to_contain_text("broken")
    look("map-table")


def test_packs_say_how_they_are_and_what_can_be_done(pages: Pages) -> None:
    """State, reason, lines not met and who else wants that; counted and filtered; what is not possible says why."""
    page = pages.open()
    panel = _tab(page, "Packs")
    expect(_pack(panel, "failing")).to_contain_text("failed to load")
    expect(panel.get_by_text("No module named 'nothing_of_that_name'").first).to_be_visible()
    expect(_pack(panel, "off")).to_contain_text("disabled")
    expect(_pack(panel, LONG)).to_contain_text("1 line not met")
    _pack(panel, "old-timer").click()
    lines = panel.get_by_role("list", name="What it asks for").first
    expect(lines.get_by_role("listitem").filter(has_text="tool<2")).to_contain_text(
        re.compile(r"overruled.*requirements\.txt:1.*Also wanted by new-kid \(tool>=2\)", re.DOTALL)
    )
    expect(panel.get_by_role("button", name="Roll back its install")).to_be_enabled()
    _pack(panel, "old-timer").click()
    _pack(panel, "failing").click()
    button = panel.get_by_role("button", name="Roll back its install")
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description(re.compile("did not bring this pack"))
    heads = panel.get_by_role("list", name="Installed packs").get_by_role("heading", level=3)
    panel.get_by_role("button", name="failed to load: 1").click()
    expect(heads).to_have_count(1)
    panel.get_by_role("button", name=re.compile("^all")).click()
    panel.get_by_role("searchbox", name="Filter packs").fill("tool")
    expect(heads).to_have_count(2)
    panel.get_by_role("searchbox", name="Filter packs").fill("no such thing")
    expect(panel.get_by_text("No pack is like that.")).to_be_visible()
    widen_panel(page, 760)
    panel.get_by_role("searchbox", name="Filter packs").fill("")
    assert overflowing(page) == []
    shoot(page, f"{pages.front_end}-packs-wide")


def test_the_why_and_the_map_by_keyboard(pages: Pages) -> None:
    """The why of a word typed, closed with Esc, gives the focus back; cells are moved through, and asked by Enter."""
    page = pages.open()
    panel = _tab(page, "Packs")
    box = panel.get_by_role("combobox", name="Why is a package as it is?")
    box.fill("Tool")
    box.press("Enter")
    dialog = page.get_by_role("dialog", name="Why is tool as it is?")
    expect(dialog.get_by_role("listitem").filter(has_text="tool<2")).to_contain_text("overruled")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(box).to_be_focused()
    box.fill("nobody-wants-this")
    box.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("nothing here asks for it")
    page.get_by_role("dialog").get_by_role("button", name="Close").press("Enter")
    panel.get_by_role("tab", name="Packs").press("ArrowRight")
    panel.get_by_role("combobox", name="Show").select_option("contested")
    grid = panel.get_by_role("grid")
    expect(grid.locator("[tabindex='0']")).to_have_count(1)
    first = grid.get_by_role("gridcell", name=re.compile("^old-timer wants leaf"))
    first.focus()
    expect(first).to_be_focused()
    page.keyboard.press("ArrowRight")
    cell = grid.get_by_role("gridcell", name=re.compile("^old-timer wants tool<2: overruled"))
    expect(cell).to_be_focused()
    page.keyboard.press("Enter")
    marked = dialog.locator("[aria-current=true]")
    expect(marked).to_contain_text(re.compile("tool<2.*This is the line you chose", re.DOTALL))
    page.keyboard.press("Escape")
    expect(cell).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(grid.get_by_role("gridcell", name=re.compile("^new-kid wants tool>=2: met"))).to_be_focused()
    panel.get_by_role("button", name="Enlarge").press("Enter")
    large = page.get_by_role("dialog", name="Conflict map")
    large.get_by_role("gridcell").first.click()
    expect(page.get_by_role("dialog", name=re.compile("^Why"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(large.get_by_role("grid")).to_be_visible()
    page.keyboard.press("Escape")
    expect(large).to_have_count(0)


def test_what_does_not_come_says_so_and_is_tried_again(pages: Pages) -> None:
    """An error in place of the list, with what the server said; the list once it is there again."""
    page = pages.open()
    pages.noise.allow("wishes|packs")
    broken = re.compile(r"/safe_install/v1/(packs|wishes)$")
    page.route(broken, lambda route: route.fulfill(status=500, body="{}"))
    panel = _tab(page, "Packs")
    expect(panel.get_by_role("alert")).to_have_count(2)
    page.unroute(broken)
    panel.get_by_role("button", name="Try again").first.click()
    expect(_pack(panel, "failing")).to_be_visible()
