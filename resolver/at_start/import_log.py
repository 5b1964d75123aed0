"""What ComfyUI's log says of packs that do not load: kept, for it is said nowhere else. Standard library alone."""

from __future__ import annotations

import logging
import re

MARK = "keeps_import_failures_for_safe_install"
"""Attribute of the class by which a keeper is found again among the root logger's handlers, whoever put it there."""

_MOST_PACKS = 500
_MOST_LINES = 100
_LONGEST = 1000
"""Letters of a line."""
_LONGEST_TEXT = _MOST_LINES * _LONGEST

# nodes.py, load_custom_node and init_external_custom_nodes (0.3.64, 0.8.0).
_FAILURES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"Cannot import (?P<path>.+?) module for custom nodes: (?P<why>.*)",
        r"Skip (?P<path>.+?) module for custom nodes due to (?P<why>.+)",
        r"Error while calling comfy_entrypoint in (?P<path>.+?): (?P<why>.*)",
        r"comfy_entrypoint in (?P<path>.+?) (?P<why>(?:is not|did not) .+)",
        r"(?P<why>Blocked by policy): (?P<path>.+)",
    )
)
_BEGINNINGS = (
    "Cannot import ",
    "Skip ",
    "Error while calling comfy_entrypoint",
    "comfy_entrypoint in ",
    "Blocked by",
)


class ImportLog(logging.Handler):
    """Hears the root logger and keeps what is said of packs that did not load, and nothing else.

    Bounded in packs, lines and letters; never raises, whatever is logged.
    """

    keeps_import_failures_for_safe_install = 1

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._failures: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._before: tuple[int | None, str] = (None, "")
        """(thread, text) of the warning before: ComfyUI logs the traceback first, by itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one record. Called for all that is logged: most cost a comparison."""
        try:
            self._hear(record)
        except Exception:  # noqa: BLE001 - a record that cannot be formatted is its author's affair
            return

    def failures(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """{path as ComfyUI loaded it: (why, in one line; the lines of the log)}. From any thread."""
        return dict(self._failures)

    def _hear(self, record: logging.LogRecord) -> None:
        wording = record.msg if isinstance(record.msg, str) else ""
        if not wording.startswith((*_BEGINNINGS, "%")):
            if record.levelno >= logging.WARNING and "Traceback" in wording[:200]:
                self._before = (record.thread, wording[-_LONGEST_TEXT:])
            return
        text = record.getMessage()[:_LONGEST_TEXT]
        thread, before = self._before
        for pattern in _FAILURES:
            found = pattern.fullmatch(text)
            if found:
                traceback = before if thread == record.thread else ""
                self._before = (None, "")
                if len(self._failures) < _MOST_PACKS or found["path"] in self._failures:
                    self._failures[found["path"]] = (_sentence(found["why"]), _lines(f"{traceback}\n{text}"))
                return


def keep_import_failures() -> None:
    """From now on a keeper listens, unless one does already. Where nothing logs yet, it does not come first.

    (`logging.basicConfig`, and the handler of last resort, do nothing once there is any handler.)
    """
    root = logging.getLogger()
    # By the mark, not by the class: another copy of us has loaded this file under another name.
    if root.handlers and not any(getattr(type(each), MARK, None) == 1 for each in root.handlers):
        root.addHandler(ImportLog())


def _sentence(text: str) -> str:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return first[:_LONGEST]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line[:_LONGEST] for line in text.strip("\n").splitlines()[-_MOST_LINES:])
