"""The options that several commands share. Standard library only."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from ..errors import Hint, UsageError

CONSENTS = ("builds", "indexes", "urls", "install-py", "flagged")
POLICIES = ("newest", "fewest-broken")
STRATEGIES = ("merged", "one-by-one")
IN_PLACE = "in-place"

_LONGEST_WAIT = 7 * 24 * 3600.0

GLOBAL_DEFAULTS: dict[str, object] = {
    "comfyui": None,
    "python": None,
    "state": None,
    "custom_nodes": None,
    "offline": False,
    "json": False,
    "verbose": False,
    "no_color": False,
    "wait": 0.0,
    "version": False,
}


class Parser(argparse.ArgumentParser):
    """Raises UsageError `usage` where argparse would print and exit."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and which help to read."""
        raise UsageError(
            "usage",
            f"{message[:1].upper()}{message[1:]}.",
            hints=(Hint("see-help", f"See `{self.prog} --help`."),),
        )


def global_options() -> Parser:
    """Options every command takes, before and after its name; set only where they are given."""
    shared = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = shared.add_argument_group("options of every command")
    group.add_argument(
        "--comfyui", type=Path, metavar="DIR", help="the ComfyUI folder (default: found from here)"
    )
    group.add_argument(
        "--python",
        type=Path,
        metavar="EXE",
        help="the Python that starts ComfyUI (default: its venv, or this one)",
    )
    group.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="Safe Install's own folder (default: in ComfyUI's user folder)",
    )
    group.add_argument(
        "--custom-nodes",
        type=Path,
        action="append",
        metavar="DIR",
        help="a folder packs lie in, where ComfyUI is started with another one than its own; may be repeated, "
        "new packs go to the first (default: as extra_model_paths.yaml says)",
    )
    group.add_argument(
        "--offline",
        action="store_true",
        help="ask nobody: make do with what the Registry said before and with what is downloaded already",
    )
    group.add_argument("--json", action="store_true", help="print exactly one JSON document on stdout")
    group.add_argument(
        "--verbose", action="store_true", help="show what uv and git say, all findings, and tracebacks"
    )
    group.add_argument(
        "--wait",
        type=_seconds,
        metavar="SECONDS",
        help="when another is at work, wait for it so long (default: say who it is, and end with 4)",
    )
    group.add_argument("--no-color", action="store_true", help="no colours, as with NO_COLOR set")
    return shared


def add_yes(parser: argparse.ArgumentParser) -> None:
    """The option that stands for the answer to the question."""
    parser.add_argument("--yes", action="store_true", help="agree to the plan and the decisions shown")


def add_when(parser: argparse.ArgumentParser) -> None:
    """The option that puts a change off."""
    parser.add_argument(
        "--at-next-start",
        action="store_true",
        help="download and try it now, but change nothing before ComfyUI starts again",
    )


def add_planning_options(parser: argparse.ArgumentParser) -> None:
    """The options that say how a plan is made."""
    parser.add_argument(
        "--allow",
        type=_consents,
        action="append",
        default=[],
        metavar="WHAT",
        help=f"what may run a pack's code or widen trust: {','.join(CONSENTS)} or all",
    )
    parser.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default=STRATEGIES[0],
        help="solve all together, or each alone (default: merged)",
    )
    parser.add_argument(
        "--policy", choices=POLICIES, default=POLICIES[0], help="how a clash is settled (default: newest)"
    )
    parser.add_argument(
        "--prefer",
        action="append",
        default=[],
        metavar="PACKAGE=PACK",
        help="where packs clash about the package, follow this pack; may be repeated; remembered while it counts, "
        "and PACKAGE= takes it back",
    )
    parser.add_argument(
        "--target", default=IN_PLACE, metavar=IN_PLACE, help="where packages go (default: in-place)"
    )
    parser.add_argument("--refresh", action="store_true", help="ask the index again for everything")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return value


def _consents(text: str) -> frozenset[str]:
    words = {word.strip() for word in text.split(",")} - {""}
    unknown = sorted(words - {*CONSENTS, "all"})
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown consent {unknown[0]}; known are {', '.join(CONSENTS)} and all"
        )
    return frozenset(CONSENTS) if "all" in words else frozenset(words)
