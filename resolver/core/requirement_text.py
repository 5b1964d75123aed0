"""One requirement as text: taken as a RequirementLine, or refused with a Finding that says why."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement

from ..errors import Hint, redact
from .likely import hints_for
from .marker import refuse_marker
from .place import Place, shown
from .requirement_url import URL_START, local_path, read_url, refuse_url
from .text import has_control_characters
from .types import Finding, RequirementLine

MAX_REQUIREMENT = 2000
"""Characters of one requirement without a URL; more is no requirement, and slow to look at."""
MAX_URL_REQUIREMENT = 8000
MAX_PARENTHESES = 32
"""Parsers recurse into parentheses."""

_NAMED_URL = re.compile(r"[A-Za-z0-9][\w.\-]*\s*(?:\[[^\]]*\])?\s*@")
_LOCAL = re.compile(r"[.~/\\]|[A-Za-z]:[\\/]|[^<>=!~;@\[\s(]*[/\\]")
_ARCHIVE = re.compile(
    r"[^<>=!~;@\[\s(]+\.(whl|zip|egg|tgz|tbz|txz|tlz|tar(\.(gz|bz2|xz|lzma))?)\s*(;.*)?", re.IGNORECASE
)
_TEXT_FILE = re.compile(r"[\w.\-]+\.txt", re.IGNORECASE)
_COMMAND = re.compile(
    r"(?:[!%$>]\s*)*(?:sudo\s+)?(?:(?:python[\d.]*|py|\S*[/\\]python[\d.]*(?:\.exe)?)\s+(?:-\w+\s+)*?-m\s+)?"
    r"(?:uv\s+)?(?:pip[\d.]*|conda|mamba|micromamba|apt|apt-get|brew|yum|npm|poetry|uv)\s+(?:install|add|uninstall)\b",
    re.IGNORECASE,
)
_CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})($|\s)")
# What pip would replace by the variable's value.
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def read_requirement(
    text: str, place: Place, *, hashes: tuple[str, ...] = (), constraint: bool = False
) -> RequirementLine | Finding:
    """The requirement the text asks for, by PEP 508 and by pip's forms of a URL; or why it is refused.

    `text` has neither comment nor options. A URL without a name gets the name of its wheel or its `#egg=`.
    """
    limit = MAX_URL_REQUIREMENT if "://" in text else MAX_REQUIREMENT
    if len(text) > limit or text.count("(") > MAX_PARENTHESES:
        return line_too_long(len(text), place)
    if URL_START.match(text):
        return read_url(text, place, hashes=hashes, constraint=constraint)
    written = text
    if _NAMED_URL.match(text):
        # pip takes `name @ https://...; marker` although PEP 508 wants a blank before the semicolon.
        text = re.sub(r"(?<=\S);(?=\s)", " ;", text, count=1)
    elif _LOCAL.match(text) or _ARCHIVE.fullmatch(text):
        return local_path(text, place)
    elif _TEXT_FILE.fullmatch(text):
        return place.finding(
            "file-name-as-requirement",
            f"{text} is the name of a file, not of a package.",
            Hint("include-file", f"To read that file too, the line would be: -r {text}"),
        )
    try:
        requirement = Requirement(text)
    except (ValueError, RecursionError) as error:
        return invalid_requirement(written, place, error)
    refused = refuse_url(requirement.url, written, place) if requirement.url is not None else None
    refused = refused or refuse_marker(requirement.marker, written, place)
    return refused or RequirementLine(
        pack=place.pack,
        file=place.file,
        line=place.line,
        text=redact(written),
        requirement=requirement,
        url=requirement.url or "",
        hashes=hashes,
        constraint=constraint,
    )


def line_too_long(length: int, place: Place) -> Finding:
    """The finding for a line no parser should be troubled with."""
    return place.finding(
        "line-too-long",
        f"A line of {length} characters is not read as a requirement.",
        Hint("fix-line", "Look at the file: something else than requirements may have got into it."),
    )


def invalid_requirement(text: str, place: Place, error: BaseException | None = None) -> Finding:
    """The finding for text that is no requirement, with what its author probably meant."""
    reason = str(error).partition("\n")[0] if isinstance(error, InvalidRequirement) else ""
    detail = f": {reason}" if reason else ""
    return place.finding(
        "invalid-requirement", f"{shown(text)} is no valid requirement{detail}.", *hints_for(text)
    )


def refuse_plainly(text: str, place: Place) -> Finding | None:
    """What a whole line is, with its options, when it is plainly no requirement; else None."""
    if has_control_characters(text):
        return place.finding(
            "control-character",
            f"The line holds characters that are no text: {shown(ascii(text))}",
            Hint("fix-line", "Save the file as plain UTF-8 text."),
        )
    if _CONFLICT.match(text):
        return place.finding(
            "merge-conflict-marker",
            f"A merge of two versions of the file was never finished here: {shown(text)}",
            Hint(
                "finish-merge", "Keep one of the two sides and remove the marker lines. Both sides count now."
            ),
        )
    if _COMMAND.match(text):
        rest = redact(_COMMAND.sub("", text, count=1).strip())
        return place.finding(
            "install-command",
            f"{shown(text)} is a command, not a requirement.",
            Hint("write-names-only", f"Write each requirement alone on a line, without the command: {rest}"),
        )
    variable = _VARIABLE.search(text)
    if variable:
        return place.finding(
            "environment-variable",
            f"{shown(text)} wants the environment variable {variable.group(1)}, which is never put in.",
            Hint("write-value", "Write the value itself; keep secrets in the installer's own settings."),
        )
    return None
