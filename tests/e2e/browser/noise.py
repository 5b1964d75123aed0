"""What a page says in its console, and which of it is our doing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import ConsoleMessage, Page
from playwright.sync_api import Error as PageError

_OURS = re.compile(r"safe[-_ ]?install", re.IGNORECASE)
_NOTICE = re.compile(r"\[ComfyUI (Notice|Deprecated)\]", re.IGNORECASE)
_FAILED_LOAD = "Failed to load resource"
_API = "/safe_install/v1/"


@dataclass(slots=True)
class Noise:
    """Everything a page complained about. `allow` what a test provokes."""

    all: list[str] = field(default_factory=list)
    """Every error and warning, ours or not, as `kind text (place)`."""
    ours: list[str] = field(default_factory=list)
    _allowed: list[re.Pattern[str]] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """What matches this is no fault in this test."""
        self._allowed.append(re.compile(pattern))

    def listen(self, page: Page) -> None:
        """From now on."""
        # Playwright writes on a bound method's object, which this one with its slots does not allow.
        page.on("console", lambda message: self._said(message))  # noqa: PLW0108
        page.on("pageerror", lambda error: self._raised(error))  # noqa: PLW0108
        # What was called to say it is told to debuggers alone: the front end's own deprecations are its own affair.
        debugger = page.context.new_cdp_session(page)
        debugger.on("Runtime.consoleAPICalled", lambda call: self._called(call))  # noqa: PLW0108
        debugger.send("Runtime.enable")

    def check(self) -> None:
        """Fail the test where there was noise of our making."""
        left = [line for line in self.ours if not any(each.search(line) for each in self._allowed)]
        assert not left, "in the page's console:\n" + "\n".join(left)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        place = message.location["url"]
        line = f"{message.type} {message.text} ({place})"
        self.all.append(line)
        if message.text.startswith(_FAILED_LOAD) and _API in place:
            return  # The browser's own words about an answer that was no; what we make of it is seen in the panel.
        # A module of the host that says at its import that nobody should: no other pack is there that would.
        if _OURS.search(line) or _NOTICE.search(message.text):
            self.ours.append(line)

    def _called(self, call: dict[str, Any]) -> None:
        places = [frame["url"] for frame in call.get("stackTrace", {}).get("callFrames", [])]
        if call["type"] in ("error", "warning") and any(_OURS.search(place) for place in places):
            words = " ".join(str(each.get("value", each.get("description", ""))) for each in call["args"])
            self.ours.append(f"{call['type']} {words} (called from {', '.join(places)})")

    def _raised(self, error: PageError) -> None:
        line = f"uncaught {error.name}: {error.message}\n{error.stack or ''}"
        self.all.append(line)
        if _OURS.search(line):
            self.ours.append(line)
