"""The commands and their options, with help. Standard library only."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..errors import Hint, UsageError
from .guard_options import add_guard
from .missing_options import add_missing
from .options import (
    GLOBAL_DEFAULTS,
    IN_PLACE,
    Parser,
    add_planning_options,
    add_when,
    add_yes,
    global_options,
)
from .registry_options import add_search
from .task_options import add_tasks

_EXIT_CODES = """\
exit codes: 0 done, 1 failed and nothing changed, 2 usage, 3 refused (consent or policy), 4 busy,
            5 an earlier change was interrupted and needs `safe-install recover`"""

_SOURCE_HELP = "Registry ID[@version], git URL[@ref], folder, .zip or .whl"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options. Raises UsageError `usage`; SystemExit 0 after printing help."""
    args = build_parser().parse_args(arguments)
    for name, default in GLOBAL_DEFAULTS.items():
        if not hasattr(args, name):
            setattr(args, name, default)
    if args.command is None and not args.version:
        raise UsageError(
            "usage", "No command is given.", hints=(Hint("see-help", "See `safe-install --help`."),)
        )
    if getattr(args, "target", IN_PLACE) != IN_PLACE:
        raise _other_target(args.target)
    return args


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is no whole number")
    return int(text)


def _other_target(target: str) -> UsageError:
    if target.startswith("layer:"):
        return UsageError(
            "layers-not-available",
            "Layers (nested environments) are not in this version.",
            context={"target": target},
            hints=(Hint("install-in-place", "Leave --target out, or say --target in-place."),),
        )
    return UsageError("usage", f"There is no target {target}; say in-place.", context={"target": target})


def build_parser() -> Parser:
    """The parser of the whole command line."""
    shared = global_options()
    parser = Parser(
        prog="safe-install",
        description="Install ComfyUI node packs without breaking the environment: plan, try, commit, undo.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="store_true", default=argparse.SUPPRESS, help="print the version and end"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _Commands(commands, shared).add_all()
    return parser


class _Commands:
    """Adds the commands to a parser."""

    def __init__(self, commands: argparse._SubParsersAction[Parser], shared: Parser) -> None:
        self._commands = commands
        self._shared = shared

    def add_all(self) -> None:
        """Every command."""
        self._plans()
        self._kept()
        self._questions()

    def _command(
        self,
        name: str,
        words: str,
        *examples: str,
        within: argparse._SubParsersAction[Parser] | None = None,
    ) -> Parser:
        return (within or self._commands).add_parser(
            name,
            help=words,
            description=f"{words[:1].upper()}{words[1:]}.",
            epilog="examples:\n" + "\n".join(f"  safe-install {each}" for each in examples)
            if examples
            else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[self._shared],
            allow_abbrev=False,
        )

    def _plans(self) -> None:
        plan = self._command(
            "plan",
            "show what would change, and change nothing",
            "plan https://example.org/some-pack.git",
            "plan                      # the whole set, as `sync` would",
            "plan ./pack --compare     # merged against one by one",
        )
        plan.add_argument(
            "sources", nargs="*", metavar="SOURCE", help=f"{_SOURCE_HELP}; none: all installed packs"
        )
        plan.add_argument("--compare", action="store_true", help="show both strategies side by side")
        add_planning_options(plan)
        install = self._command(
            "install",
            "install packs and what they need, or change nothing",
            "install https://example.org/some-pack.git@v1.2",
            "install ./pack ./other --yes",
        )
        install.add_argument("sources", nargs="+", metavar="SOURCE", help=_SOURCE_HELP)
        add_planning_options(install)
        add_yes(install)
        add_when(install)
        uninstall = self._command(
            "uninstall",
            "remove a pack and the packages only it brought",
            "uninstall some-pack",
        )
        uninstall.add_argument("pack", metavar="PACK", help="its folder name in custom_nodes")
        add_yes(uninstall)
        add_when(uninstall)
        add_tasks(self._command)
        add_missing(self._command)
        add_search(self._command)
        lock = self._command(
            "lock",
            "write the full lock of core and all packs as pylock.toml (PEP 751)",
            "lock",
            "lock --json",
        )
        add_planning_options(lock)
        sync = self._command(
            "sync",
            "bring core and all packs in line with their lock",
            "sync",
            "sync --yes --policy fewest-broken",
        )
        add_planning_options(sync)
        add_yes(sync)
        add_when(sync)

    def _kept(self) -> None:
        rollback = self._command(
            "rollback",
            "go back to a snapshot; without ID to before the last change",
            "rollback --plan",
            "rollback 20260131-120000-123abcd --yes",
            "rollback --undo 20260131T115900123456Z-12ab",
        )
        rollback.add_argument(
            "id", nargs="?", default="", metavar="ID", help="id, unique beginning of an id, or label"
        )
        rollback.add_argument(
            "--undo",
            default="",
            metavar="CHANGE",
            help="to before this change (its id as `history` shows it), and only if it is still the last one",
        )
        rollback.add_argument("--plan", action="store_true", help="only show what would come back, and how")
        add_yes(rollback)
        add_when(rollback)
        repair = self._command(
            "repair",
            "make packages whole again that are torn, listed twice or edited in place",
            "repair --plan",
            "repair numpy",
            "repair numpy==2.1.0 --yes",
        )
        repair.add_argument(
            "names", nargs="*", metavar="NAME", help="NAME or NAME==VERSION; none: everything that is broken"
        )
        repair.add_argument("--plan", action="store_true", help="only show what would be repaired, and how")
        add_yes(repair)
        self._command("recover", "undo or finish what an interrupted run has left", "recover")
        self._deferred()
        self._command("history", "list the changes made so far, newest first", "history")
        snapshot = self._command(
            "snapshot",
            "list, make and share snapshots",
            "snapshot list",
            "snapshot create --label before-update",
        )
        kinds = snapshot.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")

        def add(name: str, words: str, *arguments: tuple[str, str], example: str) -> Parser:
            parser = self._command(name, words, example, within=kinds)
            for argument, help_text in arguments:
                parser.add_argument(argument.lower(), metavar=argument, help=help_text)
            return parser

        an_id = ("ID", "id, unique beginning of an id, or label")
        create = add("create", "take a snapshot now", example="snapshot create --label good")
        create.add_argument(
            "--label", default="", metavar="TEXT", help="your name for it; it is then kept for ever"
        )
        create.add_argument(
            "--full", action="store_true", help="keep a copy of every file, so that any damage can be undone"
        )
        add("list", "list the snapshots, newest first", example="snapshot list")
        add("show", "show one snapshot", an_id, example="snapshot show good")
        add(
            "diff",
            "show what leads from one snapshot to another",
            ("A", "the earlier one"),
            ("B", "the later one, or `now`"),
            example="snapshot diff good now",
        )
        add(
            "export",
            "write a snapshot to a file",
            an_id,
            ("FILE", "where to"),
            example="snapshot export good good.json",
        )
        add(
            "import",
            "keep a snapshot from a file",
            ("FILE", "an exported snapshot"),
            example="snapshot import good.json",
        )
        add(
            "label",
            "name a snapshot, which keeps it for ever; an empty text takes the name away",
            an_id,
            ("TEXT", "the name"),
            example='snapshot label 20260131 "before update"',
        )
        add("pin", "keep a snapshot for ever", an_id, example="snapshot pin 20260131")
        add("unpin", "let a snapshot go when it is old", an_id, example="snapshot unpin 20260131")
        add("remove", "remove a snapshot and what only it keeps", an_id, example="snapshot remove 20260131")
        add_guard(self._command)
        self._command(
            "disk", "show how much room everything kept takes, and what each snapshot keeps", "disk"
        )
        prune = self._command(
            "prune",
            "remove old snapshots and what nobody goes back with (done after each change as well)",
            "prune --dry-run",
            "prune --keep 5",
        )
        prune.add_argument("--dry-run", action="store_true", help="only show what would go")
        prune.add_argument(
            "--keep",
            type=_count,
            metavar="N",
            help="plain snapshots to keep, the newest (default: as settings.toml says, else 50); "
            "pinned and labelled ones stay",
        )
        prune.add_argument(
            "--forget-missing",
            action="store_true",
            help="count no more on another ComfyUI that used this environment and is gone for good",
        )

    def _deferred(self) -> None:
        deferred = self._command(
            "deferred",
            "what waits for the next start of ComfyUI: list it, apply it now, cancel it",
            "deferred list",
            "deferred cancel 20260131T120000",
        )
        kinds = deferred.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
        self._command("list", "list what waits, oldest first", "deferred list", within=kinds)
        words = "apply what waits now, with ComfyUI stopped: all in their order, or one"
        apply = self._command("apply", words, "deferred apply", within=kinds)
        apply.add_argument("id", nargs="?", default="", metavar="ID", help="id, or unique beginning of one")
        cancel = self._command("cancel", "give up what waits", "deferred cancel ID", within=kinds)
        cancel.add_argument("id", metavar="ID", help="id, or unique beginning of one")

    def _questions(self) -> None:
        verify = self._command(
            "verify",
            "check every installed file against its RECORD, and show what others changed",
            "verify",
            "verify --accept           # take what others changed as wanted",
            "verify --snapshot good    # compare every file with a full snapshot",
        )
        verify.add_argument(
            "--snapshot", default="", metavar="ID", help="compare with this full snapshot instead"
        )
        verify.add_argument(
            "--accept", action="store_true", help="take everything as it is now: only later changes are shown"
        )
        why = self._command("why", "show who wants a package, and what was decided about it", "why numpy")
        why.add_argument("package", metavar="PACKAGE", help="the distribution's name")
