"""The command `safe-install`. Imports nothing heavy: help and recovery must work when packages are broken."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout

from ..about import own_version
from ..errors import CancelledError, Hint, SafeInstallError, from_os_error
from .console import Console
from .offline import cut_off
from .parser import parse
from .signals import CalmDown, interruptible
from .waiting import until_free

_ANYWAY = ("recover", "history", "deferred")
"""Commands that need no package and no interpreter."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, without `argv` that of the process itself; the exit code. Blocks, raises nothing."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    console = Console(as_json="--json" in arguments, verbose="--verbose" in arguments)
    try:
        args = parse(arguments)
    except SafeInstallError as error:
        console.fail(error)
        return error.exit_code
    except SystemExit as end:  # after --help
        return int(end.code or 0)
    console.as_json, console.verbose, console.colour = args.json, args.verbose, not args.no_color
    if args.version:
        console.say([f"safe-install {own_version()}"])
        console.document({"ok": True, "version": own_version()})
        return 0
    return _guarded(console, args, is_program=argv is None)


def _guarded(console: Console, args: argparse.Namespace, *, is_program: bool) -> int:
    """The exit code of the command; every way it can fail ends as an error that is shown."""
    cancel = threading.Event()

    def patience() -> None:
        console.note("Stopping already: everything is being put back.")

    with interruptible(cancel, patience, until_the_end=is_program) as calm_down:
        try:
            # Whatever some library prints is no part of the result.
            with redirect_stdout(console.err), cut_off(args.offline):
                document, code = until_free(
                    console, args.wait, cancel, lambda: _run(console, args, cancel, calm_down)
                )
            calm_down()
        except BaseException as error:  # noqa: BLE001 - shown, never swallowed
            calm_down()
            console.trace(error)
            failure = _failure(error, interrupted=cancel.is_set())
            console.fail(failure)
            return failure.exit_code
        console.document(document)
        return code


def _failure(error: BaseException, *, interrupted: bool) -> SafeInstallError:
    if isinstance(error, SafeInstallError):
        return error
    # What a signal breaks off may end in other words: an archive that cannot be closed, a module half read.
    if interrupted or isinstance(error, KeyboardInterrupt):
        return CancelledError("interrupted", "Interrupted; everything is as it was before.")
    if isinstance(error, OSError):
        return from_os_error(error)
    return _unexpected(error)


def _run(
    console: Console, args: argparse.Namespace, cancel: threading.Event, calm_down: CalmDown
) -> tuple[Mapping[str, object], int]:
    if args.command == "deferred":
        from .deferred import run_deferred

        return run_deferred(console, args)
    from .deferred import tell_news

    tell_news(console, args)
    if args.command in _ANYWAY:
        from .recovery import run_history, run_recover

        return (run_recover if args.command == "recover" else run_history)(console, args), 0
    from .changes import install, lock, plan, rollback, sync, uninstall
    from .disk import disk, prune
    from .guard import guard
    from .missing import missing
    from .places import find_comfyui
    from .progress import TerminalReporter
    from .questions import verify, why
    from .registry import search
    from .repair import repair
    from .snapshots import snapshot
    from .tasks import tasks
    from .work import Outcome, Work, open_work

    commands: Mapping[str, Callable[[Work, argparse.Namespace], Outcome]] = {
        "plan": plan,
        "install": install,
        "uninstall": uninstall,
        **dict.fromkeys(("update", "fix", "enable", "disable"), tasks),
        "missing": missing,
        "search": search,
        "lock": lock,
        "sync": sync,
        "rollback": rollback,
        "repair": repair,
        "snapshot": snapshot,
        "guard": guard,
        "disk": disk,
        "prune": prune,
        "verify": verify,
        "why": why,
    }
    reporter = TerminalReporter(console)
    try:
        work = open_work(
            console,
            reporter,
            cancel,
            calm_down,
            find_comfyui(args.comfyui),
            python=args.python,
            state=args.state,
            custom_nodes=args.custom_nodes,
            refresh=getattr(args, "refresh", False),
        )
        outcome = commands[args.command](work, args)
    finally:
        reporter.close()
    return outcome.document, outcome.code


def _unexpected(error: BaseException) -> SafeInstallError:
    if isinstance(error, ImportError) and not (error.name or "").startswith(__name__.partition(".")[0]):
        return SafeInstallError(
            "dependency-broken",
            f"A package Safe Install needs cannot be imported: {error}",
            context={"error": type(error).__name__},
            hints=(
                Hint(
                    "recover",
                    "If a change was interrupted, `safe-install recover` works without any package.",
                ),
                Hint("reinstall", "Otherwise install Safe Install's requirements again with pip."),
            ),
        )
    return SafeInstallError(
        "internal-error",
        f"Something unexpected happened: {type(error).__name__}: {error}",
        context={"error": type(error).__name__},
        hints=(Hint("report-bug", "Repeat with --verbose and report what it prints."),),
    )
