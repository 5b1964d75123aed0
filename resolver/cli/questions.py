"""The commands that only look: verify and why."""

from __future__ import annotations

import argparse

from ..engine import explaining
from ..engine.drift import accept
from .drift_text import drift_lines
from .guard import verify_snapshot
from .kept_text import verification_lines, why_lines
from .work import Outcome, Work


def verify(work: Work, args: argparse.Namespace) -> Outcome:
    """Check every file and show what others changed; exit code 1 where something is damaged."""
    if args.snapshot:
        return verify_snapshot(work, args.snapshot)
    outcome = explaining.verify(work.session)
    console = work.console
    console.say(drift_lines(outcome.drift, console.out_style, verbose=console.verbose))
    if args.accept:
        accept(work.site)
        console.say(["Everything is taken as it is now; what comes after this is noticed.", ""])
    console.say(verification_lines(outcome, console.out_style, verbose=console.verbose))
    return Outcome(outcome.to_dict(), 1 if outcome.faults else 0)


def why(work: Work, args: argparse.Namespace) -> Outcome:
    """Say who wants a package."""
    answer = explaining.why(work.session, args.package)
    work.console.say(why_lines(answer, work.console.out_style))
    return Outcome({"ok": True, **answer.to_dict()})
