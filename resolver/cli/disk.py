"""disk and prune: what everything kept takes, and letting old things go."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..engine.collecting import collect
from ..engine.disk_use import disk_use
from ..engine.exclusion import alone
from .console import plain
from .disk_text import collected_lines, disk_lines
from .plan_text import finding_lines
from .work import Outcome, Work


def disk(work: Work, _args: argparse.Namespace) -> Outcome:
    """Show what takes how much."""
    use = disk_use(work.session.site)
    work.console.say(disk_lines(use, work.console.out_style))
    work.console.note(*finding_lines(use.findings, work.console.err_style, verbose=True))
    return Outcome({"ok": True, **use.to_dict()})


def prune(work: Work, args: argparse.Namespace) -> Outcome:
    """Remove what is old, as every change does when it is committed; or show what would go."""
    policy = work.site.retention
    if args.keep is not None:
        policy = replace(policy, snapshots=args.keep)
    site = work.session.site
    forgotten: tuple[Path, ...] = ()
    if args.dry_run:
        gone = collect(site, policy, dry_run=True)
    else:
        with alone(site, "prune"):
            if args.forget_missing:
                forgotten = work.site.storage.forget_missing()
            gone = collect(site, policy)
            site.tidy()
    work.console.say([f"Forgotten: {plain(state)}" for state in forgotten])
    work.console.say(collected_lines(gone, work.console.out_style))
    work.console.note(*finding_lines(gone.findings, work.console.err_style, verbose=True))
    return Outcome({"ok": True, **gone.to_dict(), "forgotten": [str(state) for state in forgotten]})
