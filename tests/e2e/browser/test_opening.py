"""The extension in the page: it loads in silence, its tab opens and closes, menus open over it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .menus import add_node, canvas_menu, items, node_menu
from .pages import PANEL, Pages, Theme, axe, open_panel, overflowing, shoot, tab_button

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_tab_opens_the_panel_and_closes_it(pages: Pages, theme: Theme) -> None:
    """One click shows the panel, accessible and within its place; another hides it; a third shows it again."""
    page = pages.open(theme=theme)
    panel = open_panel(page)
    expect(panel.get_by_role("heading").first).to_be_visible()
    assert axe(page) == []
    assert overflowing(page) == []
    shoot(page, f"{pages.front_end}-opening-{theme}")
    tab_button(page).click()
    expect(page.locator(PANEL)).to_have_count(0)
    open_panel(page)


@pytest.mark.parametrize("nodes2", [False, True], ids=["canvas", "nodes-2.0"])
def test_right_clicks_open_the_menus_of_canvas_and_node(pages: Pages, *, nodes2: bool) -> None:
    """The helpers other tests build on open what a user opens."""
    page = pages.open(nodes2=nodes2)
    canvas_menu(page)
    assert "Add Node" in items(page)
    page.keyboard.press("Escape")
    page.mouse.click(900, 700)
    node = add_node(page, "KSampler")
    node_menu(page, node)
    words = items(page)
    assert {"Clone", "Duplicate"} & set(words), words
    shoot(page, f"{pages.front_end}-node-menu-{'nodes2' if nodes2 else 'canvas'}")


def test_what_our_files_complain_about_is_heard(pages: Pages) -> None:
    """A warning called from one of our modules counts though it names nobody; the front end's own do not."""
    page = pages.open()
    address = "/extensions/safe-install.v1/probe.js"
    script = "export const old = () => console.warn('x is deprecated'); old();"
    page.route(f"**{address}", lambda route: route.fulfill(body=script, content_type="text/javascript"))
    page.evaluate("(address) => import(address)", address)
    page.evaluate("() => console.warn('y is deprecated')")
    page.evaluate("() => console.error('Safe Install: z')")
    pages.close()
    heard = "\n".join(pages.noise.ours)
    assert "x is deprecated" in heard
    assert "z" in heard
    assert "y is deprecated" not in heard
    pages.noise.allow(r"x is deprecated|Safe Install: z")
