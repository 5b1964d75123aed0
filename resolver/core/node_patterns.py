"""Patterns of node names that come from outside, held to what cannot run away. Pure.

ComfyUI-Manager's map names some packs' nodes by a regular expression (`nodename_pattern`). Python's `re` has no time
limit, and one such as `(a+)+$` takes years for a name of a hundred letters. So only patterns of a small language are
taken, in which the number of steps can be told beforehand; all 33 patterns of Manager 4.3 are in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST_PATTERN = 200
_MOST_REPEATS = 3
_MOST_BRANCHES = 8
_MOST_STEPS = 20_000_000
"""Of one search; a tenth of a second at worst. The estimate is far above what real patterns need."""

_TOKEN = re.compile(
    r"""
      (?P<literal> [^\\\[\](){}|^$.*+?] | \\[^A-Za-z0-9] )
    | (?P<class>   \\[dDwWsS] | \. | \[ \^? \]? (?: [^\\\]\[] | \\[^A-Za-z0-9] | \\[dDwWsS] )* \] )
    | (?P<open>    \( (?: \?: )? (?!\?) )
    | (?P<close>   \) )
    | (?P<branch>  \| )
    | (?P<place>   \^ | \$ | \\b )
    | (?P<repeat>  [*+?] \?? )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class NodePattern:
    """A pattern whose cost is known."""

    expression: re.Pattern[str]
    repeats: int
    branches: int
    anchored: bool
    """Whether it says how a name begins or ends. One that does not, such as `Smart`, fits many a stranger's node."""

    def fits(self, name: str) -> bool:
        """Whether the pattern is somewhere in the name; False also where to find out would take too long."""
        steps = (len(name) + 1) ** (self.repeats + 1) << self.branches
        return steps <= _MOST_STEPS and self.expression.search(name) is not None


def node_pattern(text: str) -> NodePattern | None:
    r"""The pattern; None for one that is too long, is not of the small language, or makes no sense.

    Of the language are letters, escapes, classes, groups, alternatives, and up to three of `*`, `+` and `?`, each
    behind one letter or class. What repeats a group, refers back or looks around is not.

    >>> node_pattern(r" \(rgthree\)$").fits("Seed (rgthree)")
    True
    >>> node_pattern("(a+)+$") is None
    True
    """
    if not text or len(text) > _LONGEST_PATTERN:
        return None
    repeats = branches = place = 0
    before = ""
    while place < len(text):
        token = _TOKEN.match(text, place)
        kind = token.lastgroup if token else None
        if token is None or kind is None:
            return None
        if kind == "repeat":
            repeats += 1
            if before not in ("literal", "class"):
                return None
        branches += kind == "branch"
        before, place = kind, token.end()
    if repeats > _MOST_REPEATS or branches > _MOST_BRANCHES:
        return None
    try:
        expression = re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return None
    anchored = text.startswith("^") or (text.endswith("$") and not text.endswith("\\$"))
    return NodePattern(expression, repeats, branches, anchored)
