"""The commands for packs that are there: update, fix, enable, disable. Standard library only."""

from __future__ import annotations

from typing import Protocol

from .options import Parser, add_planning_options, add_when, add_yes

_PACK_HELP = "its folder in custom_nodes, its Registry id, or its repository's address"


class AddCommand(Protocol):
    """Adds a command to the command line."""

    def __call__(self, name: str, words: str, *examples: str) -> Parser:
        """The parser of the new command."""


def add_tasks(add: AddCommand) -> None:
    """Every such command."""
    update = add(
        "update",
        "bring packs to their newest version, with what they need",
        "update                    # every pack whose origin is known",
        "update some-pack other-pack@1.2.0",
    )
    update.add_argument("packs", nargs="*", metavar="PACK[@VERSION]", help=f"{_PACK_HELP}; none: every pack")
    fix = add("fix", "meet the requirements of packs anew; their files stay", "fix some-pack")
    enable = add("enable", "bring disabled packs back, with what they need", "enable some-pack")
    disable = add(
        "disable", "keep packs from being loaded; their files and packages stay", "disable some-pack"
    )
    for parser, label in ((fix, "PACK"), (enable, "PACK[@VERSION]"), (disable, "PACK")):
        parser.add_argument("packs", nargs="+", metavar=label, help=_PACK_HELP)
    for parser in (update, fix, enable, disable):
        add_planning_options(parser)
        add_yes(parser)
        add_when(parser)
