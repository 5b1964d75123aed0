"""What the author of a broken requirement most likely meant. For hints; nothing is repaired here."""

from __future__ import annotations

import re
import unicodedata

from packaging.requirements import Requirement
from packaging.version import Version

from ..errors import Hint, redact
from .poetry import poetry_specifier

_LOOKALIKES = str.maketrans(
    {
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
        "\N{LESS-THAN OR EQUAL TO}": "<=",
        "\N{NOT EQUAL TO}": "!=",
        "\N{HYPHEN}": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "\N{EN DASH}": "-",
        "\N{ZERO WIDTH SPACE}": "",
        "\N{WORD JOINER}": "",
        "\N{ZERO WIDTH NO-BREAK SPACE}": "",
    }
)
_OPERATOR = r"(?:~=|===?|!=|<=?|>=?)"
_VERSION = r"v?\d[\w.*+!-]*"
_NAME = r"[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?"
_MARKER_VARIABLES = (
    "os_name, sys_platform, platform_machine, platform_python_implementation, platform_release, "
    "platform_system, platform_version, python_version, python_full_version, implementation_name, "
    "implementation_version, extra"
)


def hints_for(text: str) -> tuple[Hint, ...]:
    """What to do about the text, which packaging refuses as a requirement; may be empty."""
    hints = []
    strange = next((character for character in text if not character.isascii()), "")
    if strange:
        name = unicodedata.name(strange, "without a name")
        hints.append(
            Hint("strange-character", f"It holds U+{ord(strange):04X} ({name}); retype it in ASCII.")
        )
    intended = likely_intended(text)
    several = _several(text)
    if intended:
        hints.append(Hint("likely-intended", f"Probably meant: {redact(intended)}"))
    elif several:
        hints.append(Hint("one-per-line", f"Write one requirement per line: {' | '.join(several)}"))
    if text.endswith("\\"):
        hints.append(
            Hint("blank-after-backslash", "A backslash joins lines only as the very last character.")
        )
    if re.search(r"[<>~]=?\s*[\d.]+\+", text):
        hints.append(Hint("local-version", "A local version (+cu118) goes with == or != only."))
    head, semicolon, _ = text.partition(";")
    if semicolon and not intended and is_requirement(head.strip()):
        hints.append(
            Hint(
                "check-marker",
                f"The part before the semicolon is fine; what follows is no marker. Values need quotes; "
                f"names are {_MARKER_VARIABLES}.",
            )
        )
    return tuple(hints)


def likely_intended(text: str) -> str:
    """A valid requirement near the text, or "" where there is none to be sure of.

    Example: `numpy<1.24>=1.18` gives `numpy<1.24,>=1.18`.
    """
    candidate = text
    for rewrite in _REWRITES:
        candidate = rewrite(candidate)
        if candidate != text and is_requirement(candidate):
            return candidate
    return ""


def is_requirement(text: str) -> bool:
    """Whether packaging takes the text as a requirement."""
    try:
        Requirement(text)
    except (ValueError, RecursionError):
        return False
    return True


def _plain_ascii(text: str) -> str:
    # NFKC turns full-width signs and no-break blanks into the plain ones; keyboards for Chinese type those.
    return unicodedata.normalize("NFKC", text).translate(_LOOKALIKES).strip()


def _unwrapped(text: str) -> str:
    """Without list syntax: `"numpy>=1",` and `- numpy`; and without a comment that lacks its blank."""
    text = text.partition("#")[0] if "://" not in text else text
    text = text.strip().rstrip(",;:").removeprefix("- ").removeprefix("* ").strip()
    for quote in ("'", '"', "`"):
        if len(text) > 1 and text.startswith(quote) and text.endswith(quote):
            text = text[1:-1].strip().rstrip(",;")
    return text


def _one_operator(text: str) -> str:
    """`=>` and `=<` the right way round, and `> =` without the blank."""
    text = re.sub(r"(?<![<>=!~])=([<>])(?!=)", r"\1=", text)
    return re.sub(r"([<>=!~])\s+=", r"\1=", text)


def _one_equals_sign(text: str) -> str:
    """`numpy=1.24` and conda's `numpy=1.24=py310_0`."""
    match = re.fullmatch(rf"({_NAME})\s*=\s*({_VERSION})(?:=\w+)?", text)
    return f"{match.group(1)}=={match.group(2)}" if match else text


def _with_commas(text: str) -> str:
    """A comma before each further operator."""
    head, semicolon, marker = text.partition(";")
    head = re.sub(rf"([\w.*])\s*(?={_OPERATOR}\s*\d)", r"\1,", head)
    # The first operator follows the name and wants no comma.
    return re.sub(rf"^({_NAME}),", r"\1", head) + semicolon + marker


def _no_wildcard(text: str) -> str:
    """`>=1.*` is what `>=1` says."""
    return re.sub(r"((?:~=|<=?|>=?)\s*\d[\d.]*?)\.\*", r"\1", text)


def _with_operator(text: str) -> str:
    """`numpy 1.24`, `numpy: 1.24`, `numpy-1.24` do not say which versions; most mean that one."""
    match = re.fullmatch(rf"({_NAME})\s*[\s:]\s*({_VERSION})", text)
    if not match:
        return text
    try:
        return f"{match.group(1)}=={Version(match.group(2))}"
    except ValueError:
        return text


def _caret_and_tilde(text: str) -> str:
    """`numpy^1.24` and `numpy~1.24`, which are Poetry's and npm's way of writing."""
    match = re.fullmatch(rf"({_NAME})\s*([\^~])>?\s*({_VERSION})", text)
    if not match:
        return text
    try:
        return match.group(1) + poetry_specifier(match.group(2) + match.group(3))
    except ValueError:
        return text


def _quoted_marker(text: str) -> str:
    """`; python_version < 3.9` with the quotes its value needs."""
    head, semicolon, marker = text.partition(";")
    return head + semicolon + re.sub(rf"({_OPERATOR})\s*(\d[\w.]*)", r'\1 "\2"', marker)


_REWRITES = (
    _plain_ascii,
    _unwrapped,
    _one_operator,
    _one_equals_sign,
    _with_commas,
    _no_wildcard,
    _with_operator,
    _caret_and_tilde,
    _quoted_marker,
)


def _several(text: str) -> tuple[str, ...]:
    """The words, where each is a requirement and the whole does not read like a sentence."""
    words = tuple(word for word in re.split(r"[\s,]+", text) if word)
    listed = len(words) <= 3 or "," in text or re.search(_OPERATOR, text)  # noqa: PLR2004
    return words if 1 < len(words) < 20 and listed and all(map(is_requirement, words)) else ()  # noqa: PLR2004
