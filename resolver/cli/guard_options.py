"""The options of the command guard. Standard library only."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .options import Parser

STRATEGIES = ("auto", "copy", "mixed")


def add_guard(command: Callable[..., Parser]) -> None:
    """Add the command; `command` makes a parser of a name, words and examples."""
    guard = command(
        "guard",
        "keep a full copy with every automatic snapshot, so that damage by others can be undone too",
        "guard on",
        "guard status",
        "guard on --strategy mixed     # hardlink large libraries: little room, but edits in place are lost",
    )
    kinds: argparse._SubParsersAction[Parser] = guard.add_subparsers(
        dest="action", metavar="ACTION", required=True, title="actions"
    )
    on = command("on", "from now on every automatic snapshot is a full one", "guard on", within=kinds)
    on.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default="",
        help="auto: share blocks where the file system can, else copy; mixed: hardlink large libraries "
        "(default: as it was, at first auto)",
    )
    command(
        "off",
        "automatic snapshots keep no full copy any more; those that exist stay",
        "guard off",
        within=kinds,
    )
    command(
        "status",
        "show whether it is on, and what a full snapshot would cost now",
        "guard status",
        within=kinds,
    )
    command(
        "check",
        "hash everything full snapshots keep, and mend what the live files can mend",
        "guard check",
        within=kinds,
    )
