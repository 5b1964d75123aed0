"""Right-click menus, the bar above a selected node, commands, the key, settings and the badge, in every front end."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from ..ground import Ground
from .chromium import OLDEST
from .menus import add_node, canvas_menu, item, items, node_menu
from .pages import PANEL, Pages, axe, open_panel, shoot, tab_button

pytestmark = pytest.mark.slow

MODES = pytest.mark.parametrize("nodes2", [False, True], ids=["canvas", "nodes-2.0"])
LABEL = "<img src=x onerror=ran=1> good"
"""What a user may call a snapshot: menus of the host read their words as HTML."""
STRANGER = "stranger <img src=x onerror=ran=1>"
"""The folder of a pack that others put there."""
NOBODY = "Nobody that was asked knows a pack with the node NobodyBringsThis."


@pytest.fixture(scope="module")
def with_pack(ground: Ground) -> Ground:
    """A host that has loaded a pack we installed, with a snapshot of a label, and a pack that nobody knows."""
    # Nothing is asked of the real Registry.
    (ground.state / "settings.toml").write_text(
        "[registry]\noffline = true\n[security]\nallow_git_url_install = true\n", encoding="utf-8"
    )
    ground.wheel("menu-leaf", "1.0")
    stranger = ground.packs / STRANGER
    stranger.mkdir()
    (stranger / "__init__.py").write_text(
        'class Stray:\n    RETURN_TYPES = ()\n    FUNCTION = "x"\n    INPUT_TYPES = classmethod(lambda c: {})\n'
        'NODE_CLASS_MAPPINGS = {"Stray": Stray}\n',
        encoding="utf-8",
    )
    cache = ground.base / "user" / "__manager" / "cache"
    cache.mkdir(parents=True)
    listed = {
        f"https://github.com/o/two-{each}": [["TwoBringThis"], {"title_aux": f"two-{each}"}] for each in "ab"
    }
    (cache / "1_extension-node-map.json").write_text(json.dumps(listed), encoding="utf-8")
    ground.have(ground.pack("menu-pack", "menu-leaf", node="MenuNode"))
    ground.do("snapshot", {"label": LABEL})
    assert ground.host.post("./restart", {}).status == 202
    ground.host.wait_for_restart()
    return ground


def known(page: Page) -> None:
    """Return when the page has read ahead what its menus show."""
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some((each) => each.name.includes('/snapshots?limit=')"
        " && each.responseEnd > 0)"
    )
    page.wait_for_timeout(150)


def hover(menu: Locator, *words: str) -> None:
    """Open the submenus of these items, one in the other; some open when the mouse comes, some by a click."""
    for word in words:
        before = len(items(menu.page))
        item(menu, word).hover()
        menu.page.wait_for_timeout(300)
        if len(items(menu.page)) == before:
            item(menu, word).click()
            menu.page.wait_for_timeout(100)


def toasts(page: Page) -> Locator:
    """What the host says in its corner; with a button, unlike what it says to screen readers only."""
    return page.get_by_role("alert").filter(has=page.get_by_role("button", name="Close"))


def above_node(page: Page, node: int, icon: str) -> Locator:
    """A button of ours in the bar above a node, once that is selected by a click; 1.35.9 names it by a tooltip."""
    page.locator(f"[data-node-id='{node}']").first.click(position={"x": 60, "y": 12})
    return page.locator(f".selection-toolbox button:has(.{icon})").first


@MODES
def test_the_right_click_menus(pages: Pages, with_pack: Ground, *, nodes2: bool) -> None:
    """The canvas's, a node's of ours, of a stranger and a missing one's; 1.35.9 asks none for nodes in Nodes 2.0."""
    page = pages.open(nodes2=nodes2)
    known(page)
    mode = "nodes2" if nodes2 else "canvas"
    by_bar = pages.front_end == OLDEST and nodes2
    done = with_pack.host.get("./transactions").json()["pagination"]["total"]
    from_the_canvas(page, f"{pages.front_end}-canvas-menu-{mode}")
    anew(page)
    from_a_node(page, f"{pages.front_end}-node-menu-ours-{mode}", by_bar=by_bar)
    if not by_bar:
        anew(page)
        from_a_strangers_node(page)
    anew(page)
    from_a_missing_node(page, f"{pages.front_end}-missing-menu-{mode}", by_bar=by_bar)
    assert with_pack.host.get("./transactions").json()["pagination"]["total"] == done
    assert page.evaluate("() => window.ran") is None, "words of others were run"


def anew(page: Page) -> None:
    """The panel closed, nothing on the canvas."""
    page.evaluate("() => { app.extensionManager.sidebarTab.activeSidebarTabId = null; app.graph.clear() }")
    expect(page.locator(PANEL)).to_have_count(0)


def from_the_canvas(page: Page, picture: str) -> None:
    """Right click, Safe Install, Roll back to, a snapshot: the panel shows what that takes; nothing is asked before."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    menu = canvas_menu(page, x=500, y=300)
    hover(menu, "Safe Install", "Roll back to")
    assert [url for url in asked if "safe_install" in url] == [], "a menu asks the server nothing"
    lines = items(page)
    assert {"Install node safely…", "Undo the last change…", "Environment"} <= set(lines), lines
    (labelled,) = [line for line in lines if "good" in line]
    assert "img src=x" in labelled
    assert "<" not in labelled
    shoot(page, picture)
    item(menu, labelled).click()
    panel = page.locator(PANEL)
    expect(panel.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    expect(panel.get_by_role("heading", name=re.compile("back", re.IGNORECASE)).first).to_be_visible()


def from_a_node(page: Page, picture: str, *, by_bar: bool) -> None:
    """By its menu, or by the bar above the selected node: the way back to before its pack is shown."""
    node = add_node(page, "MenuNode")
    if by_bar:
        above_node(page, node, "pi-history").click()
    else:
        menu = node_menu(page, node)
        hover(menu, "Safe Install: menu-pack")
        assert "Why, and what this pack requires" in items(page)
        shoot(page, picture)
        item(menu, "Roll back the install of this pack…").click()
    panel = page.locator(PANEL)
    expect(panel.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    expect(panel).to_contain_text("menu-pack")


def from_a_strangers_node(page: Page) -> None:
    """There is nothing to roll back, in words; the pack itself can be looked at. ComfyUI's own nodes have no entry."""
    # At the left: where a wide menu opens its next one leftwards, a mouse that jumps there closes it (1.58.1).
    menu = node_menu(page, add_node(page, "Stray", x=150))
    # Between look-alikes of the two brackets.
    named = STRANGER.replace("<", "\u2039").replace(">", "\u203a")
    hover(menu, f"Safe Install: {named}")
    assert "Not installed by Safe Install: nothing to roll back" in items(page)
    item(menu, f"Show {named}").click()
    panel = page.locator(PANEL)
    expect(panel.get_by_role("tab", name="Packs")).to_have_attribute("aria-selected", "true")
    expect(panel).to_contain_text(STRANGER)
    anew(page)
    node_menu(page, add_node(page, "KSampler", x=800, y=500))
    assert not [line for line in items(page) if line.startswith("Safe Install")]
    page.keyboard.press("Escape")
    page.mouse.click(900, 700)


def from_a_missing_node(page: Page, picture: str, *, by_bar: bool) -> None:
    """The red node's menu (or bar) asks the server only when it is clicked; what nobody brings is said."""
    node = add_node(page, "NobodyBringsThis")
    expect(tab_button(page)).to_contain_text("1")
    if by_bar:
        above_node(page, node, "pi-download").click()
    else:
        menu = node_menu(page, node)
        hover(menu, "Safe Install: missing node")
        shoot(page, picture)
        item(menu, "Install its pack safely…").click()
    expect(page.locator(PANEL)).to_be_visible()
    expect(page.get_by_text(NOBODY).first).to_be_visible()
    missing = page.locator(PANEL).get_by_role("region", name="This workflow lacks one node type")
    expect(missing).to_contain_text("NobodyBringsThis: no pack is known that brings it")
    assert axe(page) == []


def test_of_several_packs_for_a_missing_node_one_is_chosen(pages: Pages, with_pack: Ground) -> None:
    """What may bring it is offered as a choice; what was chosen can be planned, and chosen otherwise again."""
    page = pages.open()
    known(page)
    add_node(page, "TwoBringThis")
    expect(toasts(page).filter(has_text="The workflow lacks one node type")).to_contain_text("TwoBringThis")
    group = open_panel(page).get_by_role("group", name="Several packs may bring TwoBringThis. Which one?")
    expect(group.get_by_role("radio")).to_have_count(2)
    expect(group.get_by_role("radio", checked=True)).to_have_count(0)
    assert axe(page) == []
    group.get_by_role("radio", name=re.compile("two-b")).check()
    missing = page.locator(PANEL).get_by_role("region", name="This workflow lacks one node type")
    expect(missing.get_by_role("button", name="Plan this pack")).to_be_visible()
    expect(missing).to_contain_text("your choice")
    missing.get_by_role("button", name="Choose otherwise").click()
    expect(group.get_by_role("radio", checked=True)).to_have_count(0)


def test_how_a_change_ended_is_told_once(pages: Pages, with_pack: Ground) -> None:
    """Done with what is still needed, or failed with why; plans are not told of."""
    page = pages.open()
    known(page)
    told = toasts(page)
    source = with_pack.pack("toast-pack", node="ToastNode")
    task = {"ui_id": "t", "client_id": "", "kind": "install", "params": {"source": source}}
    assert with_pack.host.job(with_pack.host.post("./plan", task))["state"] == "done"
    with_pack.have(source)
    expect(told.filter(has_text="Done: ")).to_contain_text("Restart ComfyUI for it to count.")
    nowhere = with_pack.root / "nowhere"
    job = with_pack.host.job(with_pack.install(str(nowhere)))
    assert job["state"] == "failed", job
    expect(told.filter(has_text="Failed: ")).to_contain_text(job["error"]["message"])
    expect(told).to_have_count(2)


def test_key_and_commands_open_what_they_say(pages: Pages, with_pack: Ground) -> None:
    """The key opens and closes the panel; commands are in the menu of the host, in its words, and do what they say."""
    page = pages.open()
    known(page)
    page.mouse.click(900, 650)
    page.keyboard.press("i")
    expect(page.locator(PANEL)).to_be_visible()
    page.keyboard.press("i")
    expect(page.locator(PANEL)).to_have_count(0)
    run = "(id) => { void app.extensionManager.command.execute(id) }"
    page.evaluate(run, "SafeInstall.Environment")
    expect(page.locator(PANEL).get_by_role("tab", name="Packs")).to_have_attribute("aria-selected", "true")
    page.evaluate(run, "SafeInstall.UndoLast")
    expect(page.locator(PANEL).get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    with page.context.expect_page() as opened:
        page.evaluate(run, "SafeInstall.Help")
    help_page = opened.value
    expect(help_page.get_by_role("heading", level=1)).to_contain_text("Safe Install")
    assert axe(help_page, "html") == []
    shoot(help_page, f"{pages.front_end}-help")


def test_the_badge_counts_and_can_be_switched_off(pages: Pages, ground: Ground) -> None:
    """A pack that does not load is counted on the tab; a setting takes the number away at once."""
    page = pages.open()
    known(page)  # Else it does not know the start before.
    broken = ground.packs / "badge-broken"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('broken')\n", encoding="utf-8")
    assert ground.host.post("./restart", {}).status == 202
    ground.host.wait_for_restart()
    panel = open_panel(page)
    expect(panel.get_by_role("heading", name="ComfyUI was restarted")).to_be_visible()
    expect(tab_button(page)).to_contain_text(re.compile(r"[1-9]"), timeout=20_000)
    page.evaluate("() => app.extensionManager.setting.set('SafeInstall.Badge', false)")
    expect(tab_button(page)).not_to_contain_text(re.compile(r"[1-9]"))


def test_the_hosts_lists_speak_french(pages: Pages, with_pack: Ground) -> None:
    """Commands and menus are in the language of the front end."""
    page = pages.open(language="fr")
    known(page)
    labels = page.evaluate(
        "() => (app.extensionManager.command.commands ?? []).filter((each) => each.id.startsWith('SafeInstall'))"
        ".map((each) => typeof each.label === 'function' ? each.label() : each.label)"
    )
    assert "Redémarrer ComfyUI" in labels
    menu = canvas_menu(page, x=500, y=300)
    hover(menu, "Safe Install")
    assert "Revenir à" in items(page)
