"""The commands that plan and change: plan, install, uninstall, lock, sync, rollback."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ..core.choices import read_choices, split_choice
from ..core.merge import Policy
from ..core.plan import Plan
from ..engine.after_commit import stands_all_the_same
from ..engine.applying import Applied
from ..engine.comparing import compare
from ..engine.consents import change_reasons, rollback_reasons, runs_scripts
from ..engine.planned import Options, Planned
from ..engine.rolling_back import Rollback
from ..engine.session import refused
from ..errors import Hint, RefusedError, UsageError
from .console import Console
from .kept_text import applied_lines, deferred_lines, rollback_lines
from .plan_text import comparison_lines, plan_lines, warning_lines
from .work import Outcome, Work


def plan(work: Work, args: argparse.Namespace) -> Outcome:
    """Show what installing the sources would change, or a sync when none is named."""
    options = options_of(args)
    console = work.console
    if args.compare:
        sides = compare(work.session, args.sources, options)
        for side in sides:
            _warn(console, side.plan)
        console.say(comparison_lines(sides, console.out_style))
        merged, one_by_one = (side.to_dict() for side in sides)
        return Outcome({"ok": True, "merged": merged, "one_by_one": one_by_one})
    session = work.session
    with (
        session.plan_install(args.sources, options) if args.sources else session.plan_sync(options) as planned
    ):
        show_plan(console, planned.plan)
        return Outcome(planned.plan.to_dict())


def lock(work: Work, args: argparse.Namespace) -> Outcome:
    """Write the lock of core and all packs."""
    with work.session.plan_sync(options_of(args), operation="lock") as planned:
        show_plan(work.console, planned.plan)
        path = work.session.write_lock(planned)
        work.console.say([f"Lock written to {path}"])
        return Outcome({**planned.plan.to_dict(), "pylock": str(path)})


def install(work: Work, args: argparse.Namespace) -> Outcome:
    """Install the sources."""
    with work.session.plan_install(args.sources, options_of(args), to_apply=True) as planned:
        return apply_planned(work, args, planned)


def sync(work: Work, args: argparse.Namespace) -> Outcome:
    """Bring everything in line with the lock."""
    with work.session.plan_sync(options_of(args)) as planned:
        return apply_planned(work, args, planned)


def uninstall(work: Work, args: argparse.Namespace) -> Outcome:
    """Remove a pack."""
    with work.session.plan_uninstall(args.pack) as planned:
        options = replace(planned.options, at_next_start=args.at_next_start)
        return apply_planned(work, args, replace(planned, options=options))


def rollback(work: Work, args: argparse.Namespace) -> Outcome:
    """Go back to a snapshot."""
    if args.id and args.undo:
        raise UsageError("usage", "Name a snapshot, or a change with --undo; not both.")
    rolling = Rollback(session=work.session)
    planned = rolling.plan(rolling.find(args.id, undoing=args.undo))
    console = work.console
    console.say(rollback_lines(planned, console.out_style))
    document = planned.to_dict()
    if args.plan or planned.is_empty:
        return Outcome(document if args.plan else {"ok": True, "plan": document, "applied": None})
    reasons = rollback_reasons(planned)
    consent(console, args, reasons, lambda: rollback_lines(planned, console.err_style))
    return done(
        work, document, carry_out(work, lambda: rolling.apply(planned, at_next_start=args.at_next_start))
    )


def options_of(args: argparse.Namespace) -> Options:
    """The planning options of a command."""
    return Options(
        policy=Policy(args.policy),
        prefer=read_choices(split_choice(text) for text in args.prefer),
        strategy=args.strategy,
        allowed=frozenset().union(*args.allow),
        at_next_start=getattr(args, "at_next_start", False),
    )


def show_plan(console: Console, plan: Plan) -> None:
    """The plan on stdout, and its violations loudly on stderr."""
    console.say(plan_lines(plan, console.out_style, verbose=console.verbose))
    _warn(console, plan)


def _warn(console: Console, plan: Plan) -> None:
    console.note(*warning_lines(plan.violating, console.err_style, verbose=console.verbose))


def apply_planned(work: Work, args: argparse.Namespace, planned: Planned) -> Outcome:
    """Show the plan, ask, and carry it out."""
    console, plan = work.console, planned.plan
    show_plan(console, plan)
    document = plan.to_dict()
    if plan.refusals:
        raise refused(plan.refusals)
    if plan.is_empty and not runs_scripts(planned):
        return Outcome({"ok": True, "plan": document, "applied": None})
    consent(console, args, change_reasons(plan), lambda: plan_lines(plan, console.err_style))
    return done(work, document, carry_out(work, lambda: work.session.apply(planned)))


def done(work: Work, plan_document: Mapping[str, object], applied: Applied) -> Outcome:
    """What was done, or that it waits, in words and as a document."""
    console, style = work.console, work.console.out_style
    if applied.deferred:
        console.say(deferred_lines(applied, style))
        return Outcome({"ok": True, "plan": plan_document, "applied": None, "deferred": applied.to_dict()})
    console.say(applied_lines(applied, style))
    return Outcome({"ok": True, "plan": plan_document, "applied": applied.to_dict()})


def consent(
    console: Console,
    args: argparse.Namespace,
    reasons: list[str],
    shown: Callable[[], Iterable[str]],
) -> None:
    """Go on, or raise RefusedError `consent-needed` or `consent-declined`."""
    if args.yes:
        return
    if console.can_ask:
        if console.as_json:
            console.note(*shown())  # Nobody agrees to what they have not seen.
        if console.ask("Apply this plan?"):
            return
        raise RefusedError("consent-declined", "Not applied, as you said; nothing was changed.")
    if reasons:
        raise RefusedError(
            "consent-needed",
            f"This needs your yes: {'; '.join(reasons)}. Nothing was changed.",
            context={"reasons": "; ".join(reasons)},
            hints=(Hint("say-yes", "Look at the plan, then repeat with --yes."),),
        )


def carry_out(work: Work, act: Callable[[], Applied]) -> Applied:
    """What was applied. After the commit nothing may pretend that nothing changed, whatever happens then."""
    known = len(work.session.begun)
    try:
        applied = act()
        work.calm_down()
    except BaseException as error:
        work.calm_down()
        standing = stands_all_the_same(work.site.state, work.session.begun[known:], error)
        if standing is None:
            raise
        work.console.trace(error)
        return standing
    return applied
