"""What stands over all tabs: restarts that are waited for, a server that is away, broken packages, two windows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from ..ground import Ground
from .conftest import OwnGround
from .pages import Pages, axe, open_panel, overflowing, shoot, wait_until_ready

pytestmark = pytest.mark.slow


class Answer:
    """Answers every request with the same."""

    def __init__(self, status: int, body: str) -> None:
        self.status, self.body = status, body

    def __call__(self, route: Route) -> None:
        """Answer it."""
        route.fulfill(status=self.status, body=self.body)


def notice(panel: Locator, words: str) -> Locator:
    """The heading of what is said over all tabs."""
    return panel.get_by_role("region", name="How things stand").get_by_role("heading", name=words)


def settle(page: Page, panel: Locator, name: str) -> None:
    """It is accessible and within its place; its picture is taken."""
    assert axe(page) == []
    assert overflowing(page) == []
    shoot(page, name)
    expect(panel).to_be_visible()


def test_a_restart_is_waited_for_in_every_window(pages: Pages, ground: Ground) -> None:
    """Asked for in one window and confirmed, it is seen in both; both come back, and offer to load the page again."""
    ground.wheel("stand-leaf", "1.0")
    ground.have(ground.pack("stand-pack", "stand-leaf", node="StandNode"))
    first, second = pages.open(), pages.open(theme="light")
    panels = open_panel(first), open_panel(second)
    for panel in panels:
        expect(notice(panel, "Restart ComfyUI to finish")).to_be_visible()
    settle(first, panels[0], f"{pages.front_end}-standing-restart-due-dark")
    settle(second, panels[1], f"{pages.front_end}-standing-restart-due-light")
    panels[0].get_by_role("button", name="Restart ComfyUI").click()
    first.get_by_role("button", name=re.compile("Confirm")).click()
    for panel in panels:
        expect(notice(panel, "ComfyUI is restarting…")).to_be_visible()
    for page, panel in zip((first, second), panels, strict=True):
        expect(notice(panel, "ComfyUI was restarted")).to_be_visible(timeout=30_000)
        settle(page, panel, f"{pages.front_end}-standing-back-{'dark' if page is first else 'light'}")
    panels[0].get_by_role("button", name="Reload the page").click()
    wait_until_ready(first)
    known = first.evaluate("() => 'StandNode' in LiteGraph.registered_node_types")
    assert known
    again = open_panel(first)
    expect(again.get_by_role("tablist")).to_be_visible()
    expect(notice(again, "ComfyUI was restarted")).to_have_count(0)
    ground.host.starts = ground.host.text_of_log().count("To see the GUI go to")
    ground.host.forget_token()


def test_while_prompts_run_a_restart_is_refused_and_can_be_insisted_on(pages: Pages, ground: Ground) -> None:
    """The panel says what runs; only a second button cuts it off."""
    if ground.kind != "stand-in":
        pytest.skip("the pretended prompt is the stand-in's")
    page = pages.open(settings={"SafeInstall.ConfirmRestart": False})
    panel = open_panel(page)
    ground.host.post("/__queue", {"running": 1, "pending": 0})
    page.evaluate("() => { void app.extensionManager.command.execute('SafeInstall.Restart') }")
    expect(notice(panel, "ComfyUI was not restarted")).to_be_visible()
    settle(page, panel, f"{pages.front_end}-standing-refused")
    panel.get_by_role("button", name="Restart anyway").click()
    expect(notice(panel, "ComfyUI is restarting…")).to_be_visible()
    expect(notice(panel, "ComfyUI was restarted")).to_be_visible(timeout=30_000)
    pages.open(settings={"SafeInstall.ConfirmRestart": True})
    ground.host.starts = ground.host.text_of_log().count("To see the GUI go to")
    ground.host.forget_token()


def test_a_server_that_dies_is_said_and_its_return_seen(
    pages: Pages, own_ground: OwnGround, front_end: str
) -> None:
    """What is shown stays, with a word that nobody answers; another server at the same place is taken up by itself."""
    pages.noise.allow("ERR_CONNECTION_REFUSED|WebSocket|Failed to fetch")
    with own_ground() as ground:
        pages.ground = ground
        port = ground.host.url.rpartition(":")[2].strip("/")
        page = pages.open()
        panel = open_panel(page)
        expect(panel.get_by_role("tablist")).to_be_visible()
        ground.host.kill()
        expect(notice(panel, "ComfyUI does not answer")).to_be_visible(timeout=15_000)
        settle(page, panel, f"{front_end}-standing-offline")
        ground.start("--port", port)
        expect(notice(panel, "ComfyUI does not answer")).to_have_count(0, timeout=30_000)
        expect(notice(panel, "ComfyUI was restarted")).to_be_visible()
        pages.close()


def test_broken_packages_and_missing_routes_are_told(pages: Pages, ground: Ground) -> None:
    """A server whose packages cannot be imported, or which runs without us, says so with what can be done."""
    page = pages.open()
    import_fails = "A package Safe Install needs cannot be imported"
    fault = {
        "code": "packages-broken",
        "message": import_fails,
        "context": {"module": "pydantic"},
        "hints": [],
    }
    broken = json.dumps({"error": fault, "status": 503})
    for status, body, words in (
        (503, broken, import_fails),
        (404, "404: Not Found", "ComfyUI runs without Safe Install's routes."),
    ):
        page.route("**/safe_install/v1/status*", Answer(status, body))
        panel = open_panel(page)
        page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
        expect(panel.get_by_role("alert").filter(has_text=words)).to_be_visible()
        settle(page, panel, f"{pages.front_end}-standing-{status}")
        page.unroute("**/safe_install/v1/status*")
    panel = open_panel(page)
    panel.get_by_role("button", name="Try again").first.click()
    expect(panel.get_by_role("alert")).to_have_count(0)


def test_what_others_changed_is_told_and_can_be_kept(pages: Pages, ground: Ground) -> None:
    """Past us a package went: soon after the page opened it is said what changed; as a snapshot it is settled."""
    (site,) = Path(ground.python).parent.parent.glob("lib/python*/site-packages")
    ground.wheel("drift-leaf", "1.0")
    ground.have(ground.pack("drift-pack", "drift-leaf"))
    for each in site.glob("drift_leaf*"):
        if each.suffix == ".dist-info":
            (each / "METADATA").write_text(
                (each / "METADATA").read_text(encoding="utf-8").replace("Version: 1.0", "Version: 1.1"),
                encoding="utf-8",
            )
            each.rename(each.with_name("drift_leaf-1.1.dist-info"))
    page = pages.open(theme="light")
    panel = open_panel(page)
    said = panel.get_by_role("region", name="How things stand").get_by_role(
        "heading", name=re.compile("changed past Safe Install")
    )
    expect(said).to_be_visible(timeout=20_000)
    panel.get_by_text("What changed", exact=True).first.click()
    settle(page, panel, f"{pages.front_end}-standing-drift")
    panel.get_by_role("button", name="Keep as a snapshot").click()
    expect(said).to_have_count(0, timeout=20_000)
