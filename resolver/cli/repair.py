"""The command that makes broken distributions whole again."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ..engine.consents import repair_reasons
from ..engine.repair_plan import Mending, RepairPlan
from ..engine.repairing import Repair
from .changes import carry_out, consent, done
from .console import Style, plain
from .plan_text import finding_lines
from .work import Outcome, Work

_WORDS = {
    "duplicate-metadata": "listed more than once",
    "torn-distribution": "only partly installed",
    "files-missing": "files missing",
    "files-changed": "files edited",
    "unusable-record": "RECORD unusable",
    "unreadable-metadata": "metadata unreadable",
}


def repair(work: Work, args: argparse.Namespace) -> Outcome:
    """Repair what is broken, or what is named of it."""
    repairing = Repair(session=work.session)
    planned = repairing.plan(args.names)
    console = work.console
    console.say(repair_lines(planned, console.out_style))
    document = planned.to_dict()
    if args.plan or not planned.mendings:
        return Outcome(document if args.plan else {"ok": True, "plan": document, "applied": None})
    consent(console, args, repair_reasons(planned), lambda: repair_lines(planned, console.err_style))
    return done(work, document, carry_out(work, lambda: repairing.apply(planned)))


def repair_lines(plan: RepairPlan, style: Style) -> Iterator[str]:
    """What is broken, and how it becomes whole."""
    for each in plan.mendings:
        yield from _mending_lines(each, style)
    yield from finding_lines(plan.findings, style, verbose=True)
    if not plan.mendings:
        hopeless = any(finding.code == "not-repairable" for finding in plan.findings)
        yield "Nothing of this can be repaired here." if hopeless else "Nothing to repair."


def _mending_lines(each: Mending, style: Style) -> Iterator[str]:
    broken = ", ".join(_WORDS.get(code, plain(code)) for code in each.faults)
    before = " and ".join(plain(version) for version in each.before)
    source = "its files were kept" if each.payload else "from uv's cache or the index"
    yield f"  {style('yellow', plain(each.name))}  {before} -> {plain(each.version)}  ({broken})"
    yield style("dim", f"      {plain(each.version)}: {plain(each.why)}; {source}")
