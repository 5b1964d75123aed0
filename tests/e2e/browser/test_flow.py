"""Installing from the panel, clicked through: looking, pasting, dropping; the plan, progress, every end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from comfyui_safe_install.tests.kit.index import Fault
from comfyui_safe_install.tests.kit.registry_server import Fault as Broken
from comfyui_safe_install.tests.kit.registry_server import RegistryServer, make_archive, pack_files

from ..ground import Ground
from .chromium import OLDEST
from .pages import Pages, Theme, axe, open_panel, overflowing, shoot, wait_until_ready

pytestmark = pytest.mark.slow

NEWEST = pytest.mark.parametrize("front_end", ["newest"], indirect=True)
"""For what is ours alone: no front end has a part in it."""

_DROP = """([name, bytes]) => {
  const files = new DataTransfer();
  files.items.add(new File([Uint8Array.from(bytes)], name, {type: "application/zip"}));
  const panel = document.querySelector("safe-install-panel");
  for (const kind of ["dragenter", "dragover", "drop"])
    panel.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: files}));
}"""


@pytest.fixture(scope="module")
def registry(ground: Ground) -> Iterator[RegistryServer]:
    """A Registry with three packs; the host's settings name it. The index has what packs want."""
    with RegistryServer() as server:
        for version in ("1.0.0", "1.1.0"):
            server.publish("flux-tools", version, pack_files("flux-tools", version))
        server.publish("flux-lights", "2.0.0", pack_files("flux-lights", "2.0.0"))
        server.publish(
            "flux-shady", "1.0.0", pack_files("flux-shady", "1.0.0"), status="NodeVersionStatusFlagged"
        )
        (ground.state / "settings.toml").write_text(f'[registry]\nurl = "{server.url}"\n', encoding="utf-8")
        for version in ("1.0", "2.0"):
            ground.wheel("shared-lib", version)
        ground.wheel("leaf", "1.0")
        ground.have(ground.pack("old-timer", "shared-lib<2"))
        yield server


def box(panel: Locator) -> Locator:
    """The one box for words and sources."""
    return panel.get_by_role("textbox", name="Search, or paste a source")


def heading(panel: Locator, words: str) -> Locator:
    """The heading of a step."""
    return panel.get_by_role("heading", name=words, exact=True)


def plan(panel: Locator, source: str) -> None:
    """Paste a source and have it planned, by the keyboard alone."""
    box(panel).fill(source)
    box(panel).press("Enter")
    expect(heading(panel, "The plan")).to_be_focused(timeout=30_000)


def looks_well(page: Page, name: str) -> None:
    """Accessible, nothing sticks out, and a picture."""
    assert axe(page) == []
    assert overflowing(page) == []
    shoot(page, name)


@pytest.mark.usefixtures("registry")
def test_a_conflict_is_shown_settled_otherwise_agreed_to_and_installed(pages: Pages, ground: Ground) -> None:
    """Who wants what, and by which rule; the user follows the other; says yes; and it is done as the plan said."""
    theme: Theme = "light" if pages.front_end == OLDEST else "dark"
    page = pages.open(theme=theme)
    panel = open_panel(page)
    name = f"new-kid-{theme}"
    plan(panel, ground.pack(name, "shared-lib>=2", "leaf"))
    expect(panel.get_by_text(re.compile(r"^Installs 1 pack, changes \d packages"))).to_be_visible()
    card = panel.get_by_role("article", name="Conflict about shared-lib")
    expect(card).to_contain_text("chosen: 2.0")
    expect(card.get_by_role("listitem").filter(has_text="old-timer")).to_contain_text("broken")
    expect(card.get_by_role("listitem").filter(has_text=name)).to_contain_text("met")
    expect(card).to_contain_text("The newest wins")
    install = panel.get_by_role("button", name="Install", exact=True)
    expect(install).to_be_disabled()
    looks_well(page, f"{pages.front_end}-plan-{theme}")

    card.get_by_role("button", name="Follow old-timer").click()
    expect(card).to_contain_text("chosen: 1.0")
    expect(card).to_contain_text("Your choice")
    expect(panel.get_by_role("button", name="Leave shared-lib to the rules")).to_be_visible()
    expect(install).to_be_disabled()
    panel.get_by_role("checkbox", name=re.compile("shared-lib becomes 1.0")).check()
    install.click()
    expect(heading(panel, "Done")).to_be_focused(timeout=30_000)
    expect(panel.get_by_text("1 pack was installed")).to_be_visible()
    expect(panel.get_by_role("button", name="Restart ComfyUI").last).to_be_visible()
    looks_well(page, f"{pages.front_end}-done-{theme}")
    assert ground.versions()["shared-lib"] == "1.0"
    assert (ground.packs / name).is_dir()
    panel.get_by_role("button", name="Undo…").click()
    expect(panel.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    expect(panel.get_by_role("tabpanel")).to_contain_text(name)
    panel.get_by_role("tab", name="Install").click()
    panel.get_by_role("button", name="Install more").click()
    expect(heading(panel, "What do you want to install?")).to_be_focused()
    ground.roll_back()


@pytest.mark.usefixtures("registry")
def test_what_runs_is_seen_in_every_window_found_again_after_a_reload_and_cancelled(
    pages: Pages, ground: Ground
) -> None:
    """The page is loaded anew in the middle; another window sees it; cancelling leaves everything as it was."""
    wheel = ground.wheel("slow-lib", "1.0")
    source = ground.pack("slow-pack", "slow-lib")
    before = ground.picture()
    page = pages.open()
    panel = open_panel(page)
    with ground.index.hold(wheel):
        plan(panel, source)
        panel.get_by_role("button", name="Install", exact=True).click()
        expect(heading(panel, "Being done…")).to_be_visible()
        assert ground.index.asked.wait(20)
        expect(panel.locator("[aria-current=step]")).to_contain_text("ready aside")
        looks_well(page, f"{pages.front_end}-progress")

        other = open_panel(pages.open())
        expect(other.get_by_text("Asked for elsewhere: an install is running")).to_be_visible()

        page.reload()
        wait_until_ready(page)
        panel = open_panel(page)
        expect(heading(panel, "Being done…")).to_be_visible()
        panel.get_by_role("button", name="Cancel").click()
        expect(heading(panel, "Cancelled")).to_be_visible(timeout=30_000)
        expect(panel.get_by_text("Nothing was changed.", exact=True)).to_be_visible()
        looks_well(page, f"{pages.front_end}-cancelled")
        expect(other.get_by_text("Asked for elsewhere")).to_have_count(0)
    assert ground.picture() == before


@NEWEST
@pytest.mark.usefixtures("registry")
def test_what_fails_says_why_and_keeps_what_was_collected(pages: Pages, ground: Ground) -> None:
    """A wheel that does not come: the fault, that nothing was changed, and the same again, which then works.

    What was collected and what was planned are there again after a reload.
    """
    wheel = ground.wheel("brittle-lib", "1.0")
    pages.noise.allow("500")
    panel = open_panel(page := pages.open(theme="light"))
    for name in ("brittle-one", "brittle-two"):
        box(panel).fill(ground.pack(name, "brittle-lib"))
        panel.get_by_role("button", name="Collect", exact=True).click()
    expect(panel.get_by_role("heading", name="2 packs collected")).to_be_visible()
    page.reload()
    wait_until_ready(page)
    panel = open_panel(page)
    expect(panel.get_by_role("heading", name="2 packs collected")).to_be_visible()
    panel.get_by_role("button", name="Plan them as one change").click()
    expect(heading(panel, "The plan")).to_be_visible(timeout=30_000)
    page.reload()
    wait_until_ready(page)
    panel = open_panel(page)
    expect(heading(panel, "The plan")).to_be_visible(timeout=30_000)
    ground.index.break_down(wheel.name, Fault.SERVER_ERROR)
    try:
        panel.get_by_role("button", name="Install", exact=True).click()
        expect(heading(panel, "It did not work")).to_be_focused(timeout=30_000)
        expect(panel.get_by_role("alert")).to_be_visible()
        expect(panel.get_by_text("Nothing was changed.", exact=True)).to_be_visible()
        looks_well(page, f"{pages.front_end}-failed")
    finally:
        ground.index.repair()
    panel.get_by_role("button", name="Back", exact=True).click()
    expect(panel.get_by_role("heading", name="2 packs collected")).to_be_visible()
    panel.get_by_role("button", name="Take brittle-two out").click()
    panel.get_by_role("button", name="Plan it").click()
    expect(heading(panel, "The plan")).to_be_visible(timeout=30_000)
    panel.get_by_role("button", name="Back", exact=True).click()


@pytest.mark.usefixtures("registry")
def test_a_zip_is_dropped_and_what_is_none_is_said(pages: Pages, tmp_path: Path) -> None:
    """Let go anywhere on the panel; or chosen as a file; it lies in the basket, and can be planned."""
    panel = open_panel(page := pages.open())
    page.evaluate(_DROP, ["notes.txt", [1, 2, 3]])
    expect(panel.get_by_role("alert")).to_contain_text("notes.txt is not a zip.")
    content = make_archive(pack_files("dropped-pack", "1.0.0"))
    page.evaluate(_DROP, ["dropped-pack.zip", list(content)])
    expect(panel.get_by_role("heading", name="1 pack collected")).to_be_visible()
    expect(panel.get_by_role("alert")).to_have_count(0)
    broken = tmp_path / "broken-pack.zip"
    broken.write_bytes(b"no zip at all")
    panel.locator("input[type=file]").set_input_files(broken)
    expect(panel.get_by_role("alert")).to_be_visible()
    looks_well(page, f"{pages.front_end}-zip")
    panel.get_by_role("button", name="Plan it").click()
    expect(panel.get_by_text("Installs 1 pack")).to_be_visible(timeout=30_000)
    panel.get_by_role("button", name="Back", exact=True).click()


@NEWEST
def test_packs_are_found_with_their_versions_and_what_is_not_allowed_is_said(
    pages: Pages, registry: RegistryServer
) -> None:
    """Words find packs; another version is chosen; a git URL is refused in words; a Registry that is down is told."""
    panel = open_panel(page := pages.open(width=1600))
    box(panel).fill("flux")
    expect(panel.get_by_role("heading", name="3 packs for “flux”")).to_be_visible()
    pack = panel.get_by_role("article", name="flux-tools")
    pack.get_by_role("button", name="Versions of").click()
    pack.get_by_role("combobox", name="Version").select_option("1.0.0")
    looks_well(page, f"{pages.front_end}-found")
    pack.get_by_role("button", name="Install flux-tools 1.0.0").click()
    expect(heading(panel, "The plan")).to_be_focused(timeout=30_000)
    expect(panel.get_by_text("Installs 1 pack")).to_be_visible()
    panel.get_by_role("button", name="Back", exact=True).click()

    box(panel).fill("https://git.example/a/Pack@v1")
    offer = panel.get_by_role("region", name="Install from this git URL")
    expect(offer.get_by_role("button", name="Install…")).to_be_disabled()
    expect(offer).to_contain_text("allow_git_url_install")
    looks_well(page, f"{pages.front_end}-forbidden")

    registry.break_down("/nodes.*", Broken.BUSY_FOR_LONG)
    box(panel).fill("flux nowhere")
    expect(panel.get_by_role("heading", name="The Registry could not be searched")).to_be_visible(
        timeout=30_000
    )
    expect(panel.get_by_text("can be installed all the same")).to_be_visible()
    looks_well(page, f"{pages.front_end}-registry-down")
    registry.repair()


@NEWEST
def test_a_flagged_version_needs_to_be_allowed(pages: Pages, registry: RegistryServer) -> None:
    """It is refused; what would answer it is asked; ticked, it is planned again, and can be done."""
    del registry
    panel = open_panel(page := pages.open(theme="light"))
    box(panel).fill("flux-shady@1.0.0")
    box(panel).press("Enter")
    expect(heading(panel, "Refused")).to_be_focused(timeout=30_000)
    expect(panel.get_by_role("alert")).to_contain_text("found something in flux-shady")
    looks_well(page, f"{pages.front_end}-refused")
    panel.get_by_role("checkbox", name=re.compile("flagged")).check()
    expect(heading(panel, "The plan")).to_be_visible(timeout=30_000)
    expect(panel.get_by_role("button", name="Install", exact=True)).to_be_enabled()
    expect(panel.get_by_role("checkbox", name=re.compile("flagged"))).to_be_checked()
