"""What every element is built on, in a real page: drawing changes only what differs."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from .pages import Pages

pytestmark = pytest.mark.slow

SETUP = """async () => {
  const loaded = performance.getEntriesByType("resource").map((each) => each.name);
  const address = loaded.find((name) => name.includes("/dom.js"));
  window.dom = await import(address);
  window.element = await import(address.replace("dom.js", "element.js"));
  window.place = document.createElement("div");
  document.body.append(window.place);
}"""


@pytest.fixture(scope="module", params=["newest"])
def front_end(request: pytest.FixtureRequest) -> str:
    """One is enough: nothing of the host's takes part."""
    return str(request.param)


@pytest.fixture
def page(pages: Pages) -> Page:
    """A page with our modules at hand and an empty place."""
    page = pages.open()
    page.evaluate(SETUP)
    return page


def test_what_stays_is_the_same_element(page: Page) -> None:
    """Focus, half-typed text, the caret, what is unfolded and how far it is scrolled outlive a drawing."""
    kept = page.evaluate("""() => {
      const { h, morph } = dom;
      const draw = (n, typed) => morph(place, [
        n > 1 && h("p", null, "a new first one"),
        h("input", { value: typed, "aria-label": "name" }),
        h("details", null, h("summary", null, `more ${n}`)),
        h("ul", { style: "height: 20px; overflow: auto" },
          Array.from({length: 20}, (_, at) => h("li", { key: at }, at + n))),
      ]);
      draw(1, "");
      const [input, details, list] = ["input", "details", "ul"].map((name) => place.querySelector(name));
      input.focus();
      input.value = "half ty";
      input.setSelectionRange(2, 3);
      details.open = true;
      list.scrollTop = 30;
      draw(2, input.value);
      return {
        same: input === place.querySelector("input") && details === place.querySelector("details"),
        focus: document.activeElement === input,
        typed: input.value, caret: [input.selectionStart, input.selectionEnd],
        open: details.open, words: details.textContent, scrolled: list.scrollTop, first: list.firstChild.textContent,
        children: [...place.children].map((each) => each.localName),
      };
    }""")
    assert kept == {
        "same": True,
        "focus": True,
        "typed": "half ty",
        "caret": [2, 3],
        "open": True,
        "words": "more 2",
        "scrolled": 30,
        "first": "2",
        "children": ["p", "input", "details", "ul"],
    }


def test_rows_that_move_keep_who_they_are(page: Page) -> None:
    """Keyed elements are found again in any order, those that are gone go, and the focused one is not lost."""
    told = page.evaluate("""() => {
      const { h, morph } = dom;
      const draw = (names) => morph(place, names.map((name) => h("button", { key: name }, name)));
      draw(["a", "b", "c", "d"]);
      const before = Object.fromEntries([...place.children].map((each) => [each.textContent, each]));
      before.c.focus();
      draw(["c", "d", "e", "a"]);
      const after = Object.fromEntries([...place.children].map((each) => [each.textContent, each]));
      return {
        order: [...place.children].map((each) => each.textContent),
        same: ["a", "c", "d"].map((name) => before[name] === after[name]),
        gone: before.b.isConnected,
        focus: document.activeElement.textContent,
      };
    }""")
    assert told == {"order": ["c", "d", "e", "a"], "same": [True] * 3, "gone": False, "focus": "c"}


def test_what_a_prop_was_is_taken_away(page: Page) -> None:
    """An attribute, a listener and a state that are no longer asked for are gone."""
    told = page.evaluate("""() => {
      const { h, morph } = dom;
      let clicks = 0;
      morph(place, h("button", { disabled: false, title: "x", onclick: () => { clicks += 1; return false; } }, "go"));
      const button = place.firstChild;
      place.addEventListener("click", (event) => { clicks += event.defaultPrevented ? 100 : 0; }, { once: true });
      button.click();
      morph(place, h("button", { disabled: true }, "go"));
      button.disabled = false;
      button.click();
      return [clicks, button.hasAttribute("title"), button === place.firstChild];
    }""")
    assert told == [1, False, True]


def test_text_is_never_read_as_html(page: Page) -> None:
    """What the server or a pack says is shown as it is."""
    told = page.evaluate("""() => {
      dom.morph(place, dom.h("p", { title: '"><img src=x>' }, "<img src=x onerror=alert(1)>"));
      return [place.querySelectorAll("img").length, place.textContent];
    }""")
    assert told == [0, "<img src=x onerror=alert(1)>"]


def test_an_element_draws_once_a_turn_and_only_while_it_is_there(page: Page) -> None:
    """Data set many times is drawn once; what listens beyond the element ends when it leaves; acts bubble up."""
    told = page.evaluate("""async () => {
      const { define, PanelElement, ACT } = element;
      const { h } = dom;
      const seen = [];
      class Probe extends PanelElement {
        attached(signal) { window.addEventListener("probe", () => seen.push("heard"), { signal }); }
        render({ n }) { seen.push(n); return h("button", { onclick: () => this.act("probe.go", { n }) }, n); }
      }
      define("si-probe", Probe);
      define("si-probe", Probe);
      const probe = document.createElement("si-probe");
      probe.data = { n: 0 };
      await Promise.resolve();
      place.addEventListener(ACT, (event) => seen.push(event.detail));
      place.append(probe);
      probe.data = { n: 1 };
      probe.data = { n: 2 };
      await Promise.resolve();
      probe.firstChild.click();
      window.dispatchEvent(new Event("probe"));
      probe.remove();
      window.dispatchEvent(new Event("probe"));
      probe.data = { n: 3 };
      await Promise.resolve();
      return seen;
    }""")
    assert told == [0, 2, {"name": "probe.go", "detail": {"n": 2}}, "heard"]
