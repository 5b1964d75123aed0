"""The history, clicked through: what was done, snapshots, comparing, going back with a preview and taking that back."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from ..ground import Ground
from .pages import Pages, axe, open_panel, overflowing, shoot, widen_panel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _two_packs(ground: Ground) -> None:
    """Two packs, installed one after the other over HTTP, each with packages of its own."""
    for version in ("1.0", "2.0"):
        ground.wheel("leaf", version)
    ground.wheel("twig", "1.0")
    ground.have(ground.pack("first-pack", "leaf<2", node="FirstNode"))
    ground.have(ground.pack("second-pack", "twig", "leaf", node="SecondNode"))


def open_history(page: Page) -> Locator:
    """The tab of the history, read."""
    panel = open_panel(page)
    panel.get_by_role("tab", name="History").click()
    expect(panel.get_by_role("listitem").filter(has_text="Installed first-pack")).to_be_visible()
    return panel


def entry(panel: Locator, words: str) -> Locator:
    """One entry of the timeline."""
    return panel.locator(".si-entry").filter(has=panel.page.get_by_role("heading", name=words))


def unfold(within: Locator) -> Locator:
    """The entry with everything that can be done to its snapshot in view."""
    within.get_by_text("More about the snapshot").click()
    return within


def looks_well(page: Page, name: str) -> None:
    """Nothing is wrong by axe-core and nothing sticks out; a picture where somebody wants one."""
    shoot(page, name)
    assert axe(page) == []
    assert overflowing(page) == []


def test_what_was_done_is_told_by_day_with_the_way_back(pages: Pages, ground: Ground) -> None:
    """Each change with its state, its counts and its snapshot; filtered by a pack; a snapshot by hand in between."""
    page = pages.open(theme="light", width=1280)
    panel = open_history(page)
    expect(panel.get_by_role("heading", name="Today")).to_be_visible()
    second = entry(panel, "Installed second-pack")
    expect(second.get_by_text("Done")).to_be_visible()
    expect(second.get_by_text("1 new package")).to_be_visible()
    second.get_by_text("What changed").click()
    expect(second.get_by_text("twig")).to_be_visible()
    looks_well(page, f"{pages.front_end}-history-list-light")
    panel.get_by_role("textbox", name="Label for a new snapshot").fill("by me")
    panel.get_by_role("button", name="Take a snapshot").click()
    mine = entry(panel, "“by me”")
    expect(mine.get_by_text("Snapshot taken by hand")).to_be_visible(timeout=20_000)
    panel.get_by_role("searchbox", name="Filter").fill("second pack")
    expect(panel.locator(".si-entry")).to_have_count(1)
    panel.get_by_role("searchbox", name="Filter").fill("nobody")
    expect(panel.get_by_text("Nothing here has to do with “nobody”.")).to_be_visible()
    panel.get_by_role("searchbox", name="Filter").fill("")
    expect(panel.locator(".si-entry")).to_have_count(3)


def test_a_snapshot_is_labelled_pinned_exported_compared_and_deleted(pages: Pages, ground: Ground) -> None:
    """Everything by the keyboard where it matters: the label with Enter and Esc, the focus back where it was."""
    page = pages.open(width=1280)
    panel = open_history(page)
    second = unfold(entry(panel, "Installed second-pack"))
    looks_well(page, f"{pages.front_end}-history-more-dark")

    second.get_by_role("button", name="Label", exact=True).click()
    field = second.get_by_role("textbox", name="Label")
    expect(field).to_be_focused()
    field.fill("never")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(second.get_by_role("button", name="Label", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    field.fill("before twig")
    field.press("Enter")
    expect(second.locator(".si-tag", has_text="before twig")).to_be_visible()
    second.get_by_role("button", name="Pin", exact=True).click()
    expect(second.get_by_text("Pinned", exact=True)).to_be_visible()
    (kept,) = [each for each in _snapshots(ground) if each["label"] == "before twig"]
    assert kept["pinned"] is True
    second.get_by_role("button", name="Unpin", exact=True).click()
    expect(second.get_by_text("Pinned", exact=True)).to_have_count(0)

    with page.expect_download() as download:
        second.get_by_role("button", name="Export", exact=True).click()
    assert download.value.suggested_filename == f"safe-install-{kept['id']}.json"
    assert json.loads(download.value.path().read_text(encoding="utf-8"))["id"] == kept["id"]

    second.get_by_role("button", name="Compare with now").click()
    title = panel.get_by_role("heading", name="What differs")
    expect(title).to_be_focused()
    expect(panel.get_by_text("second-pack is new")).to_be_visible(timeout=20_000)
    expect(panel.get_by_text("1 new package", exact=True).first).to_be_visible()
    looks_well(page, f"{pages.front_end}-history-diff-dark")
    panel.get_by_role("button", name="Swap sides").click()
    expect(panel.get_by_text("second-pack was removed")).to_be_visible(timeout=20_000)
    panel.get_by_role("button", name="Back", exact=True).click()
    expect(second.get_by_text("More about the snapshot")).to_be_visible()

    unfold(second).get_by_role("button", name="Compare with another").click()
    expect(panel.get_by_text("Choose the snapshot to compare with")).to_be_visible()
    entry(panel, "Installed first-pack").get_by_role("button", name="Compare these two").click()
    expect(panel.get_by_text("first-pack is new")).to_be_visible(timeout=20_000)
    panel.get_by_role("button", name="Back", exact=True).click()

    mine = unfold(entry(panel, "“by me”"))
    mine.get_by_role("button", name="Delete", exact=True).click()
    expect(mine.get_by_role("button", name="Delete it")).to_be_focused()
    looks_well(page, f"{pages.front_end}-history-delete-dark")
    page.keyboard.press("Escape")
    expect(mine.get_by_role("button", name="Delete", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("status").filter(has_text="freed")).to_be_attached()
    expect(panel.get_by_role("heading", name="“by me”")).to_have_count(0)
    assert all(each["label"] != "by me" for each in _snapshots(ground))


def test_going_back_is_previewed_confirmed_done_seen_in_both_windows_and_undone(
    pages: Pages, ground: Ground
) -> None:
    """The files are those of then, byte for byte; and after the undo those of before."""
    before = ground.picture()
    page = pages.open(theme="light", width=1280)
    panel = open_history(page)
    other = open_history(pages.open(width=1280))
    widen_panel(page, 620)
    back = entry(panel, "Installed second-pack").get_by_role("button", name="Go back to before this")
    back.focus()
    page.keyboard.press("Enter")
    title = panel.get_by_role("heading", name="Roll back to")
    expect(title).to_be_focused()
    confirm = panel.get_by_role("button", name="Roll back", exact=True)
    expect(confirm).to_be_disabled(timeout=20_000)
    expect(panel.get_by_text("2 removed").first).to_be_visible()
    expect(panel.get_by_text("so this can itself be undone")).to_be_visible()
    looks_well(page, f"{pages.front_end}-history-preview-light-wide")
    panel.get_by_role("button", name="Cancel").click()
    expect(back).to_be_focused()
    page.keyboard.press("Enter")
    panel.get_by_role("checkbox", name="This pack is removed: second-pack").check(timeout=20_000)
    confirm.click()
    expect(panel.get_by_role("heading", name="Rolled back", exact=True)).to_be_focused(timeout=30_000)
    looks_well(page, f"{pages.front_end}-history-done-light-wide")
    assert "twig" not in ground.versions()
    assert not (ground.packs / "second-pack").exists()
    expect(entry(other, "Installed second-pack").get_by_text("Taken back since")).to_be_visible()
    expect(entry(other, "Rolled back to")).to_be_visible()

    panel.get_by_role("button", name="Undo this").click()
    expect(confirm).to_be_enabled(timeout=20_000)
    confirm.click()
    expect(panel.get_by_role("heading", name="Rolled back", exact=True)).to_be_focused(timeout=30_000)
    assert ground.picture() == before
    panel.get_by_role("button", name="Back to the history").click()
    expect(entry(panel, "Installed second-pack").get_by_text("Done")).to_be_visible()
    looks_well(page, f"{pages.front_end}-history-after-light-wide")

    # Where everything is as it was there is nothing to confirm.
    panel.get_by_role("textbox", name="Label for a new snapshot").fill("here")
    panel.get_by_role("button", name="Take a snapshot").click()
    entry(panel, "“here”").get_by_role("button", name="Roll back to this").click(timeout=20_000)
    expect(panel.get_by_text("You are there already")).to_be_visible(timeout=20_000)
    expect(confirm).to_have_count(0)


def test_an_outdated_preview_is_shown_anew_and_a_failure_says_that_nothing_changed(
    pages: Pages, ground: Ground
) -> None:
    """What changed in between is in the new preview; a snapshot that went in between is told, with what to do."""
    page = pages.open(width=1280)
    panel = open_history(page)
    entry(panel, "Installed second-pack").get_by_role("button", name="Go back to before this").click()
    panel.get_by_role("checkbox", name="second-pack").check(timeout=20_000)
    ground.have(ground.pack("third-pack", node="ThirdNode"))
    before = ground.picture()
    panel.get_by_role("button", name="Roll back", exact=True).click()
    expect(panel.get_by_role("alert").filter(has_text="Something changed since you looked")).to_be_visible(
        timeout=20_000
    )
    both = panel.get_by_role("checkbox", name="third-pack")
    expect(both).not_to_be_checked()
    looks_well(page, f"{pages.front_end}-history-renewed-dark")
    panel.get_by_role("button", name="Cancel").click()

    panel.get_by_role("textbox", name="Label for a new snapshot").fill("gone soon")
    panel.get_by_role("button", name="Take a snapshot").click()
    mine = entry(panel, "“gone soon”").get_by_role("button", name="Roll back to this")
    expect(mine).to_be_visible(timeout=20_000)
    (gone,) = [each["id"] for each in _snapshots(ground) if each["label"] == "gone soon"]

    def meanwhile(route: Route) -> None:
        assert ground.host.delete(f"./snapshots/{gone}", {}).status == 200
        route.continue_()

    page.route("**/restore", meanwhile)
    mine.click()
    expect(panel.get_by_role("heading", name="It was not rolled back")).to_be_focused(timeout=20_000)
    expect(panel.get_by_text("There is no such snapshot.")).to_be_visible()
    expect(panel.get_by_text("Nothing was changed.")).to_be_visible()
    looks_well(page, f"{pages.front_end}-history-failed-dark")
    panel.get_by_role("button", name="Back to the history").click()
    expect(panel.get_by_role("heading", name="History")).to_be_focused()
    assert ground.picture() == before
    ground.roll_back()


def test_what_waits_is_given_up_in_another_language(pages: Pages, ground: Ground) -> None:
    """In French and narrow: a change that waits for the next start, and giving it up."""
    ground.have(ground.pack("later-pack", "leaf", node="LaterNode"), at_next_start=True)
    page = pages.open(theme="light", language="fr", width=1280)
    panel = open_panel(page)
    panel.get_by_role("tab", name="Historique").click()
    waiting = entry(panel, "Installation de later-pack")
    expect(waiting.get_by_text("Attend le prochain démarrage")).to_be_visible()
    looks_well(page, f"{pages.front_end}-history-waiting-fr")
    waiting.get_by_role("button", name="L'abandonner").click()
    expect(panel.get_by_role("button", name="L'abandonner")).to_have_count(0)
    assert ground.host.get("./status").json()["waiting"] == []


def _snapshots(ground: Ground) -> list[dict[str, object]]:
    found: list[dict[str, object]] = ground.host.get("./snapshots").json()["snapshots"]
    return found
