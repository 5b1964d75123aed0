"""The options of the command search. Standard library only."""

from __future__ import annotations

import argparse

from .task_options import AddCommand

_LARGEST_PAGE = 100
_LAST_PAGE = 100_000


def add_search(add: AddCommand) -> None:
    """Add the command."""
    search = add(
        "search",
        "look for packs in the Comfy Registry, or show one with its versions",
        "search video",
        "search --node LoadVideo       # packs that have such a node",
        "search --show flux-tools      # one pack: versions, and whether they suit this ComfyUI",
        "install flux-tools@1.2.0      # then install it: ID, ID@latest, ID@1.2.0 or ID@nightly",
    )
    search.add_argument("text", nargs="?", default="", metavar="TEXT", help="words to look for")
    search.add_argument("--show", default="", metavar="ID", help="show this pack with its versions")
    search.add_argument(
        "--node", default="", metavar="TYPE", help="look for packs with a node type of that name"
    )
    search.add_argument("--page", type=_count, default=1, metavar="N", help="which page (default: the first)")
    search.add_argument(
        "--limit",
        type=_count,
        default=20,
        metavar="N",
        help=f"packs to a page, at most {_LARGEST_PAGE} (default: 20)",
    )
    search.add_argument(
        "--refresh", action="store_true", help="ask the Registry again, whatever is remembered"
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _LAST_PAGE:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 on")
    return int(text)
