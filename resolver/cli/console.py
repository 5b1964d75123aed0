"""Where words go: results to stdout, everything else to stderr, and never a control character of others."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TextIO

from ..errors import SafeInstallError, one_line, redact, visible

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def plain(text: object) -> str:
    """One line of text from outside, safe to print: no credentials, no control characters, no line breaks."""
    return one_line(str(text))


def paragraph(text: object) -> str:
    """Text of several lines from outside, safe to print."""
    return visible(str(text))


@dataclass(frozen=True, slots=True)
class Style:
    """Colours of one stream; without `enabled` every text comes back as it is."""

    enabled: bool

    def __call__(self, name: str, text: str) -> str:
        """The text in that style. Give it text that is safe already."""
        return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if self.enabled and text else text


@dataclass(slots=True)
class Console:
    """The two streams of one run. Writing never raises: a reader that went away must not stop an undo."""

    as_json: bool = False
    verbose: bool = False
    colour: bool = True
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)

    def __post_init__(self) -> None:
        """Let no name from outside end the run because the terminal's encoding lacks a letter."""
        for stream in (self.out, self.err):
            with suppress(AttributeError, ValueError, OSError):
                stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]

    @property
    def out_style(self) -> Style:
        """The colours of stdout."""
        return Style(self._coloured(self.out))

    @property
    def err_style(self) -> Style:
        """The colours of stderr."""
        return Style(self._coloured(self.err))

    @property
    def shows_progress(self) -> bool:
        """Whether somebody watches stderr."""
        return not self.as_json and is_terminal(self.err)

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody to answer a question."""
        return is_terminal(sys.stdin) and is_terminal(self.err)

    def say(self, lines: Iterable[str]) -> None:
        """Print result lines; nothing with --json, whose only output is the document."""
        if not self.as_json:
            _write(self.out, lines)

    def note(self, *lines: str) -> None:
        """Print lines beside the result, on stderr."""
        _write(self.err, lines)

    def document(self, value: Mapping[str, object]) -> None:
        """Print the one JSON document; nothing without --json."""
        if self.as_json:
            _write(self.out, [json.dumps(_redacted(value), indent=2)])

    def ask(self, question: str) -> bool:
        """Whether the user says yes; anything but y or yes is no. Blocks."""
        with suppress(OSError, ValueError):
            self.err.write(f"{question} [y/N] ")
            self.err.flush()
        try:
            answer = sys.stdin.readline()
        except (OSError, ValueError):
            return False
        if not answer.endswith("\n"):
            self.note("")
        return answer.strip().lower() in ("y", "yes")

    def fail(self, error: SafeInstallError) -> None:
        """Print an error: one document with --json, else lines on stderr."""
        if self.as_json:
            self.document({"ok": False, "error": error.to_dict()})
            return
        style = self.err_style
        self.note(f"{style('red', 'error:')} {plain(error.message)} {style('dim', f'[{error.code}]')}")
        for key, value in error.context.items():
            head, *rest = paragraph(value).splitlines() or [""]
            self.note(f"  {key}: {head}", *(f"    {line}" for line in rest))
        for hint in error.hints:
            self.note(f"{style('cyan', 'hint:')} {plain(hint.text)}")

    def trace(self, error: BaseException) -> None:
        """Print where an unexpected error came from, with --verbose."""
        if self.verbose:
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            self.note(*paragraph(text).splitlines())

    def _coloured(self, stream: TextIO) -> bool:
        # NO_COLOR counts when it is set and not empty (no-color.org). The old Windows console shows them raw.
        able = sys.platform != "win32" or "WT_SESSION" in os.environ or "TERM" in os.environ
        return self.colour and able and not os.environ.get("NO_COLOR") and is_terminal(stream)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sits at the other end."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # It is closed.
        return False


def _write(stream: TextIO, lines: Iterable[str]) -> None:
    try:
        stream.write("".join(f"{line}\n" for line in lines))
        stream.flush()
    except (OSError, ValueError):
        # The reader went away (`| head`). Python would complain once more when it flushes at its end.
        with suppress(OSError, ValueError):
            number = stream.fileno()
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, number)
            os.close(silence)


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): _redacted(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(each) for each in value]
    return value
