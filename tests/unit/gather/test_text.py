"""Bytes become text and text becomes logical lines by pip's rules."""

from __future__ import annotations

import codecs

import pytest

from comfyui_safe_install.resolver.core.text import decode, foreign_kind, logical_lines

TEXT = "# Größe\nnumpy>=1.25\n"


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16-be"),
        (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), "utf-32-le"),
        (codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"), "utf-32-be"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_every_encoding_gives_the_same_text(raw: bytes, encoding: str) -> None:
    """A file says the same in UTF-8, UTF-16 and UTF-32, with a byte-order mark or (UTF-16) without."""
    decoded = decode(raw)
    assert (decoded.text, decoded.encoding, decoded.guessed) == (TEXT, encoding, False)


def test_what_is_not_utf8_is_guessed_as_windows_1252() -> None:
    """A Latin-1 file is read, and it is said that its encoding is a guess."""
    decoded = decode(TEXT.encode("latin-1"))
    assert (decoded.text, decoded.encoding, decoded.guessed) == (TEXT, "cp1252", True)


def test_a_coding_comment_is_followed() -> None:
    """PEP 263 comments count in requirements files, as for pip."""
    text = "# -*- coding: koi8-r -*-\n# \N{CYRILLIC SMALL LETTER YA}\nnumpy\n"
    decoded = decode(text.encode("koi8-r"))
    assert (decoded.text, decoded.guessed) == (text, False)


@pytest.mark.parametrize("name", ["klingon", "cp1259", "unicode_escape", "zlib", "idna", "utf-7"])
def test_a_strange_coding_comment_is_named_and_passed_over(name: str) -> None:
    """A declared encoding that is unknown, or no encoding of text, does not decide how the file is read."""
    decoded = decode(f"# coding: {name}\nnumpy\n".encode())
    assert decoded.encoding == "utf-8"
    assert decoded.unknown_encoding == name.replace("-", "_")


def test_bytes_that_break_their_own_mark_are_still_read() -> None:
    """An odd byte at the end of a UTF-16 file costs that byte, not the file."""
    decoded = decode(codecs.BOM_UTF16_LE + "numpy\n".encode("utf-16-le") + b"x")
    assert decoded.text.startswith("numpy\n")
    assert decoded.guessed


def lines(text: str) -> list[tuple[int, str]]:
    """The logical lines as pairs."""
    return [(line.line, line.text) for line in logical_lines(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n", [(1, "a"), (2, "b")]),
        ("a\r\nb\rc", [(1, "a"), (2, "b"), (3, "c")]),
        ("\n  a  \n\n", [(2, "a")]),
        ("a # why\n#b\n  # c\nd", [(1, "a"), (4, "d")]),
        ("a#b\n", [(1, "a#b")]),
        ("a@git+https://x#egg=y # z", [(1, "a@git+https://x#egg=y")]),
        ("a \\\n  >=1\nb", [(1, "a   >=1"), (3, "b")]),
        ("a \\\n# b\nc", [(1, "a"), (3, "c")]),
        ("# a \\\nb", [(2, "b")]),
        ("a # why \\\nb", [(1, "a"), (2, "b")]),
        ("a \\ \nb", [(1, "a \\"), (2, "b")]),
        ("\\\n\\\na", [(1, "a")]),
        ("a\\", [(1, "a")]),
        ("", []),
    ],
)
def test_logical_lines(text: str, expected: list[tuple[int, str]]) -> None:
    """Comments go, continued lines join, and each line keeps the number where it began."""
    assert lines(text) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<!DOCTYPE html>\n<html><body>numpy</body></html>", "an HTML page"),
        ("\n<html>\n", "an HTML page"),
        ('{\n"a": 1}', "a JSON file"),
        ("[project]\nname = 'x'\n", "a TOML or INI file"),
        ("import os\n\ndef install():\n    pip.main(['install', 'torch'])\n", "Python source"),
        ("from setuptools import setup\nsetup(\n    name='x',\n)\n", "Python source"),
        ("PK\x03\x04" + "\x00\x01\x02" * 50, "a binary file"),
    ],
)
def test_a_file_of_another_kind_is_recognised(text: str, kind: str) -> None:
    """A page, a program or an archive saved under the name requirements.txt is known for what it is."""
    assert foreign_kind(text, logical_lines(text)) == kind


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "numpy\nimport torch\nscipy\nrequests\n", "numpy\x00\n" + "scipy\n" * 20, "-r x\n"],
)
def test_requirements_with_a_fault_are_still_requirements(text: str) -> None:
    """One strange line among good ones does not make the whole file something else."""
    assert foreign_kind(text, logical_lines(text)) == ""
