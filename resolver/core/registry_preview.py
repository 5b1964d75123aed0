"""The dependencies the Registry tells of, beside those of the pack's own files. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ..errors import Hint, one_line
from .types import Finding, Gathered

_MOST_SHOWN = 5
_COMMENT = re.compile(r"(?:^|\s)#.*$")


def dependency_lines(dependencies: Iterable[str]) -> tuple[str, ...]:
    """Those of the lines that ask for something, as one can compare them."""
    lines = (_COMMENT.sub("", text).strip() for text in dependencies)
    return tuple(sorted({_plain(line) for line in lines if line and not line.startswith("-")}))


def differing(pack: str, dependencies: Sequence[str], gathered: Gathered) -> tuple[Finding, ...]:
    """`registry-dependencies-differ` where the Registry told other lines than the files hold; else nothing.

    The Registry keeps what pyproject.toml said at publishing; many packs say it in requirements.txt alone.
    """
    told = set(dependency_lines(dependencies))
    found = {
        _plain(line.text if line.requirement is None else str(line.requirement)) for line in gathered.lines
    }
    more, less = sorted(found - told), sorted(told - found)
    if not more and not less:
        return ()
    parts = [
        f"{words} {_listed(lines)}"
        for words, lines in (("it also asks for", more), ("not for", less))
        if lines
    ]
    return (
        Finding(
            code="registry-dependencies-differ",
            message=f"{pack} asks for other packages than the Registry tells: {'; '.join(parts)}."
            " What its files say counts.",
            pack=pack,
            hints=(Hint("see-plan", "The plan goes by the files that were downloaded."),),
        ),
    )


def _listed(lines: Sequence[str]) -> str:
    shown = ", ".join(one_line(line)[:80] for line in lines[:_MOST_SHOWN])
    rest = len(lines) - _MOST_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def _plain(text: str) -> str:
    """A requirement in one way of writing; what is none as it stands."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return " ".join(text.split())
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)
