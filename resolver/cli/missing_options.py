"""The options of the command missing. Standard library only."""

from __future__ import annotations

import argparse

from .options import add_planning_options, add_when, add_yes
from .task_options import AddCommand


def add_missing(add: AddCommand) -> None:
    """Add the command."""
    missing = add(
        "missing",
        "show which packs a workflow needs that are not here, and install them as one change",
        "missing workflow.json",
        "missing picture.png --install --yes",
        'missing workflow.json --install --choose "LoadVideo=comfyui-videohelpersuite"',
    )
    missing.add_argument(
        "file",
        metavar="FILE",
        help="a workflow as ComfyUI saves or exports it, or a PNG or WebP picture of one",
    )
    missing.add_argument("--install", action="store_true", help="install, enable and update what is missing")
    missing.add_argument(
        "--choose",
        type=_choice,
        action="append",
        default=[],
        metavar="TYPE=PACK",
        help="which pack is to bring a node type, where several do; may be given more than once",
    )
    add_planning_options(missing)
    add_yes(missing)
    add_when(missing)


def _choice(text: str) -> tuple[str, str]:
    # Names of nodes may hold an equals sign, names and addresses of packs do not.
    name, equals, pack = text.rpartition("=")
    if not (equals and name and pack):
        raise argparse.ArgumentTypeError(f"{text} is not TYPE=PACK")
    return name, pack
