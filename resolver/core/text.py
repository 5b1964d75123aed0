"""From the bytes of a requirements file to its logical lines, by pip's rules.

The reference is pip's `req_file.py` (`preprocess`) and `auto_decode`; where we differ, the reason stands.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LINES = 5000
"""Physical lines of one requirements file; a file with more is not read."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # UTF-32 before UTF-16: the little-endian mark of the one begins with that of the other.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
# Only codecs that read text a line at a time in linear time: not idna, punycode, unicode_escape, utf-7.
_DECLARABLE = re.compile(
    r"utf_?8(_sig)?|ascii|latin_?1|l1|iso_?8859_?\d+|(cp|windows_?)(125\d|437|850|866|932|936|949|950)"
    r"|gbk|gb2312|gb18030|big5(hkscs)?|shift_?jis|sjis|euc_?(jp|kr)|koi8_?[ru]|mac_?roman"
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedText:
    """The text of a file and how it was read."""

    text: str
    encoding: str
    guessed: bool = False
    """True where nothing in the file says the encoding and it is not UTF-8, or it breaks what it says."""
    unknown_encoding: str = ""
    """The name in a `coding:` comment that is no encoding we read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalLine:
    """One line after continuations are joined and comments taken off; never empty.

    `line` is the 1-based physical line on which it begins.
    """

    line: int
    text: str


def decode(raw: bytes) -> DecodedText:
    """The text of the bytes; always succeeds.

    In order: byte-order mark, `coding:` comment in the first two lines (PEP 263, as pip does), UTF-16 that
    lost its mark, UTF-8, Windows-1252 (what Windows editors call ANSI; covers Latin-1).
    """
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            return _strictly(raw[len(bom) :], encoding)
    unknown = ""
    for first in raw[:1000].splitlines()[:2]:
        coding = _CODING.match(first)
        if coding:
            name = coding.group(1).decode("ascii", "replace").lower().replace("-", "_")
            if _DECLARABLE.fullmatch(name) and _exists(name):
                return _strictly(raw, codecs.lookup(name).name)
            unknown = name
    encoding = _unmarked_utf16(raw)
    if encoding:
        return _strictly(raw, encoding)
    try:
        return DecodedText(text=raw.decode("utf-8"), encoding="utf-8", unknown_encoding=unknown)
    except UnicodeDecodeError:
        return DecodedText(
            text=raw.decode("cp1252", "replace"), encoding="cp1252", guessed=True, unknown_encoding=unknown
        )


def _strictly(raw: bytes, encoding: str) -> DecodedText:
    try:
        return DecodedText(text=raw.decode(encoding), encoding=encoding)
    except UnicodeDecodeError:
        return DecodedText(text=raw.decode(encoding, "replace"), encoding=encoding, guessed=True)


def _exists(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True


def _unmarked_utf16(raw: bytes) -> str:
    """The kind of UTF-16, where nearly every second byte is NUL, as for ASCII letters; else empty."""
    half = len(raw) // 2
    if half < 2 or len(raw) % 2:  # noqa: PLR2004 - fewer bytes prove nothing
        return ""
    if raw[1::2].count(0) > 0.8 * half and raw[::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if raw[::2].count(0) > 0.8 * half and raw[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return ""


def logical_lines(text: str) -> tuple[LogicalLine, ...]:
    r"""The lines that say something, in order.

    `#` at the start or after a blank begins a comment, which ends with its physical line; a backslash at
    the very end of what is no comment joins the next line on. Example: "a \\\n>=1 # why" is "a >=1".
    """
    logical = []
    start, parts = 0, list[str]()
    for number, physical in enumerate(text.splitlines(), start=1):
        start = start if parts else number
        comment = _comment_start(physical)
        if comment < 0 and physical.endswith("\\"):
            parts.append(physical.rstrip("\\"))
            continue
        # pip joins `a # why \` with the next line, which so vanishes in the comment; uv and we do not.
        logical.append((start, "".join([*parts, physical if comment < 0 else physical[:comment]]).strip()))
        parts = []
    if parts:
        logical.append((start, "".join(parts).strip()))
    return tuple(LogicalLine(line=number, text=line) for number, line in logical if line)


def _comment_start(line: str) -> int:
    """Where the comment begins, or -1."""
    # pip's `(^|\s+)#.*$` takes quadratic time on a long run of blanks; this looks at each `#` once.
    position = line.find("#")
    while position > 0 and not line[position - 1].isspace():
        position = line.find("#", position + 1)
    return position


def count_lines(text: str) -> int:
    """The number of physical lines, as pip and editors count them."""
    return len(text.splitlines())


def has_control_characters(text: str) -> bool:
    """Whether the text holds NUL or other characters that are no part of any text."""
    return _CONTROL.search(text) is not None


_MARKUP = re.compile(r"<(!doctype|html|head|body|\?xml|svg)\b", re.IGNORECASE)
_PYTHON = re.compile(
    r"import\s+[\w.]+|from\s+[\w.]+\s+import\b|(async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[(:]"
    r"|if\s+__name__\b|@[\w.]+|print\s*\(|\"\"\"|'''"
)
_LIKE_A_REQUIREMENT = re.compile(r"-|[\w.-]+\s*(\[[^\]]*\])?\s*([<>=!~;@(].*)?$|[\w+]+://")


def foreign_kind(text: str, lines: Sequence[LogicalLine]) -> str:
    """What the file is in truth, such as "an HTML page"; empty for a requirements file.

    Only a file that is plainly something else counts: one Python line among requirements does not.
    """
    if not lines:
        return ""
    if len(_CONTROL.findall(text)) > max(8, 0.1 * len(text)):
        return "a binary file"
    first = lines[0].text
    if _MARKUP.match(first):
        return "an HTML page"
    if first in {"{", "["} or first.startswith(('{"', '["', "[{")):
        return "a JSON file"
    if re.fullmatch(r"\[\[?[\w.\" -]+\]\]?", first):
        return "a TOML or INI file"
    python = sum(1 for line in lines if _PYTHON.match(line.text[:200]))
    if python and 2 * sum(1 for line in lines if _LIKE_A_REQUIREMENT.match(line.text[:200])) <= len(lines):
        return "Python source"
    return ""
