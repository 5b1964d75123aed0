"""What reaches the terminal, and what must not."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from comfyui_safe_install.resolver.cli.console import Console, Style, paragraph, plain
from comfyui_safe_install.resolver.errors import Hint, RefusedError


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Somebody watches."""
        return True


def test_text_from_outside_cannot_command_the_terminal() -> None:
    """Escape sequences, line breaks, invisible and turning characters, and credentials do not get through."""
    evil = "\x1b[2Jname\r\n  error: forged \u202etxt\u200b https://user:secret@example.org/x \x9b31m\x07"
    assert plain(evil) == "[2Jname error: forged txt https://***@example.org/x 31m"
    assert paragraph("one\ntwo\x1b[0m") == "one\ntwo[0m"


def test_an_error_is_laid_out_for_people() -> None:
    """In text mode: message with code, then the context, then the hints; all on stderr."""
    out, err = io.StringIO(), io.StringIO()
    console = Console(out=out, err=err)
    console.fail(
        RefusedError("some-code", "It is\nso.", context={"a": "1\n2"}, hints=(Hint("do-it", "Do\x1b it."),))
    )
    assert err.getvalue() == "error: It is so. [some-code]\n  a: 1\n    2\nhint: Do it.\n"
    assert out.getvalue() == ""


def test_an_error_is_one_document_for_programs() -> None:
    """With --json the error is the document on stdout, and stderr stays empty."""
    out, err = io.StringIO(), io.StringIO()
    Console(as_json=True, out=out, err=err).fail(RefusedError("some-code", "It is so.", context={"a": 1}))
    assert json.loads(out.getvalue()) == {
        "ok": False,
        "error": {"code": "some-code", "message": "It is so.", "context": {"a": "1"}, "hints": []},
    }
    assert err.getvalue() == ""


def test_with_json_nothing_but_the_document_is_on_stdout() -> None:
    """Result lines are not printed with --json; the document is not printed without."""
    for as_json, expected in ((True, '{\n  "url": "https://***@example.org"\n}\n'), (False, "line\n")):
        out = io.StringIO()
        console = Console(as_json=as_json, out=out, err=io.StringIO())
        console.say(["line"])
        console.document({"url": "https://u:p@example.org"})
        assert out.getvalue() == expected


@pytest.mark.parametrize(
    ("stream", "colour", "no_color", "coloured"),
    [
        (Terminal, True, "", True),
        (Terminal, True, "1", False),
        (Terminal, False, "", False),
        (io.StringIO, True, "", False),
    ],
)
def test_colours_only_where_somebody_wants_them(
    stream: type[io.StringIO], colour: bool, no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Colours need a terminal, no NO_COLOR and no --no-color."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    console = Console(colour=colour, out=stream(), err=stream())
    assert console.out_style.enabled is coloured
    assert console.err_style.enabled is coloured


def test_a_style_adds_codes_only_when_enabled() -> None:
    """Plain text stays plain without colours."""
    assert Style(enabled=False)("red", "x") == "x"
    assert Style(enabled=True)("red", "x") == "\x1b[31mx\x1b[0m"
    assert Style(enabled=True)("red", "") == ""


@pytest.mark.parametrize(
    ("typed", "agreed"),
    [("y\n", True), ("Yes\n", True), ("\n", False), ("n\n", False), ("", False), ("yy\n", False)],
)
def test_only_yes_is_yes(typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything but a clear yes, the end of the input included, is a no; the question is on stderr."""
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    out, err = io.StringIO(), io.StringIO()
    assert Console(out=out, err=err).ask("Apply this plan?") is agreed
    assert err.getvalue().startswith("Apply this plan? [y/N] ")
    assert out.getvalue() == ""


def test_asking_needs_two_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked unless both stdin and stderr are terminals."""
    monkeypatch.setattr("sys.stdin", Terminal())
    assert Console(out=io.StringIO(), err=Terminal()).can_ask
    assert not Console(out=Terminal(), err=io.StringIO()).can_ask
    monkeypatch.setattr("sys.stdin", None)
    assert not Console(out=Terminal(), err=Terminal()).can_ask


_FLOOD = """
import sys
sys.path.insert(0, sys.argv[1])
from kit.package import register_package
register_package()
from comfyui_safe_install.resolver.cli.console import Console
console = Console()
for number in range(20000):
    console.say([f"line {number}"])
console.note("still here")
sys.exit(7)
"""


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
def test_a_reader_that_goes_away_stops_nothing(root: object) -> None:
    """`| head -1` neither raises nor changes the exit code, and Python does not complain at its end."""
    child = subprocess.Popen(
        [sys.executable, "-c", _FLOOD, f"{root}/tests"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline() == "line 0\n"
    child.stdout.close()
    assert child.stderr.read() == "still here\n"
    child.stderr.close()
    assert child.wait(30) == 7


def test_a_terminal_that_lacks_a_letter_gets_an_escape() -> None:
    """A name outside the terminal's encoding is printed as an escape and raises nothing."""
    raw = io.BytesIO()
    console = Console(out=io.TextIOWrapper(raw, encoding="ascii"), err=io.StringIO())
    console.say(["n\u00f6de"])
    assert raw.getvalue() == b"n\\xf6de\n"
