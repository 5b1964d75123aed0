"""A plan in words: what changes, what was decided and against whom, what else one should know."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from ..core.plan import PackChange, Plan
from ..core.types import Change, Decision, Finding
from ..engine.comparing import Side
from .console import Style, plain

_WORDS = {
    "install": "new",
    "upgrade": "up",
    "downgrade": "down",
    "replace": "replaced",
    "remove": "removed",
    "add": "new",
    "enable": "enabled",
    "disable": "disabled",
}
_COLOURS = {
    "install": "green",
    "add": "green",
    "upgrade": "cyan",
    "downgrade": "yellow",
    "replace": "yellow",
    "remove": "red",
    "enable": "green",
    "disable": "yellow",
}
_FEW = 3
"""How many findings of one kind, and wishes that are met, are shown without --verbose."""
_WANTED_BY = 3
_UNITS = ("bytes", "kB", "MB", "GB")
_THOUSAND = 1000


def plan_lines(plan: Plan, style: Style, *, verbose: bool = False) -> Iterator[str]:
    """The plan for people."""
    if plan.is_empty and not plan.refusals:
        yield "Nothing to do: everything is as it should be."
    yield from _section(style, "Packs", pack_change_lines(plan.pack_changes, style))
    yield from _section(style, f"Packages ({_counts(plan.changes)})", change_lines(plan.changes, style))
    yield from _section(style, "Decisions", decision_lines(plan.decisions, style, verbose=verbose))
    troubled = [status for status in plan.packs if status.status != "ok"]
    yield from _section(
        style,
        "Packs that could not be taken in full",
        (f"  {plain(each.name)}: {each.status}. {plain(each.reason)}".rstrip() for each in troubled),
    )
    yield from _section(
        style, f"Findings ({len(plan.findings)})", finding_lines(plan.findings, style, verbose=verbose)
    )
    yield from _section(style, "This plan cannot be applied", refusal_lines(plan.refusals, style))
    yield from summary_lines(plan, style)


def summary_lines(plan: Plan, style: Style) -> Iterator[str]:
    """Download, restart and fingerprint."""
    facts = []
    if plan.violating:
        facts.append(f"{counted(len(plan.violating), 'decision')} against somebody's line")
    if plan.download_bytes:
        facts.append(f"download at most {bytes_in_words(plan.download_bytes)}")
    if plan.restart != "none":
        facts.append("ComfyUI must be restarted afterwards")
    facts.append(f"plan {plan.fingerprint[:12]}")
    yield style("dim", "; ".join(facts))


def change_lines(changes: Sequence[Change], style: Style) -> Iterator[str]:
    """One line for each distribution that changes."""
    names = _width(plain(change.name) for change in changes)
    versions = _width(_step(change.before, change.after) for change in changes)
    for change in changes:
        wanted = _some([plain(each) for each in change.wanted_by], _WANTED_BY)
        line = f"{plain(change.name):{names}}  {_step(change.before, change.after):{versions}}  {wanted}"
        yield f"  {_action(change.action, style)}  {line}".rstrip()


def pack_change_lines(changes: Sequence[PackChange], style: Style) -> Iterator[str]:
    """One line for each pack that changes."""
    names = _width(plain(change.name) for change in changes)
    for change in changes:
        line = f"{plain(change.name):{names}}  {_step(change.before, change.after)}"
        yield f"  {_action(change.action, style)}  {line}".rstrip()


def decision_lines(decisions: Iterable[Decision], style: Style, *, verbose: bool = False) -> Iterator[str]:
    """A card for each decision, those that violate somebody's line first."""
    for decision in sorted(decisions, key=lambda each: not each.violates):
        mark = style("yellow", "!") if decision.violates else " "
        package = style("bold", plain(decision.package))
        yield f"{mark} {package}: {plain(decision.chosen)} [{plain(decision.rule)}]"
        if decision.reason:
            yield f"    {plain(decision.reason)}"
        yield from (f"    {line}" for line in _wish_lines(decision, style, verbose=verbose))
        yield from (f"    {line}" for line in _other_ways(decision, style, verbose=verbose))


def _other_ways(decision: Decision, style: Style, *, verbose: bool) -> Iterator[str]:
    """How to follow another pack instead."""
    ways = decision.alternatives if verbose else decision.alternatives[:_FEW]
    for pack in ways:
        choice = shlex.quote(plain(f"{decision.package}={pack}"))
        yield style("dim", f"or: --prefer {choice} follows {plain(pack)}")
    if len(decision.alternatives) > len(ways):
        yield style("dim", f"... and {len(decision.alternatives) - len(ways)} more ways; see --verbose")


def _wish_lines(decision: Decision, style: Style, *, verbose: bool) -> Iterator[str]:
    """Who wanted what: all whose line is violated, and of the others the first few."""
    violated = tuple(dict.fromkeys(decision.violates))
    others = [wish for wish in dict.fromkeys(decision.wanted) if wish not in violated]
    shown = others if verbose else others[:_FEW]
    for wish in shown:
        yield f"{plain(wish.pack)} wants {plain(wish.requirement)}"
    if len(others) > len(shown):
        yield style("dim", f"... and {len(others) - len(shown)} more wishes; see --verbose")
    for wish in violated:
        yield f"{style('yellow', 'violated:')} {plain(wish.pack)} wants {plain(wish.requirement)}"


def warning_lines(decisions: Iterable[Decision], style: Style, *, verbose: bool = False) -> Iterator[str]:
    """A loud warning for each decision: package, choice, rule, who wanted what, whose line is violated."""
    for decision in decisions:
        head, chosen = style("yellow", "WARNING:"), plain(decision.chosen)
        yield f"{head} {plain(decision.package)}: {chosen} was chosen by {plain(decision.rule)}"
        yield from (f"  {line}" for line in _wish_lines(decision, style, verbose=verbose))


def finding_lines(findings: Sequence[Finding], style: Style, *, verbose: bool = False) -> Iterator[str]:
    """The findings by kind; of each kind only the first few without `verbose`."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    for code, group in groups.items():
        yield f"  {style('bold', plain(code))} ({len(group)})"
        shown = group if verbose else group[:_FEW]
        for finding in shown:
            yield f"    {plain(finding.message)}{place_of(finding)}"
        if len(group) > len(shown):
            yield style("dim", f"    ... and {len(group) - len(shown)} more; see --verbose")
        for hint in dict.fromkeys(hint.text for finding in shown for hint in finding.hints):
            yield style("dim", f"    hint: {plain(hint)}")


def refusal_lines(refusals: Iterable[Finding], style: Style) -> Iterator[str]:
    """Why the plan must not be applied, and what to do."""
    for finding in refusals:
        yield f"  {style('red', plain(finding.code))}: {plain(finding.message)}{place_of(finding)}"
        for hint in finding.hints:
            yield f"    hint: {plain(hint.text)}"


def comparison_lines(sides: Sequence[Side], style: Style) -> Iterator[str]:
    """The strategies beside each other, a row for each count."""
    rows: list[tuple[str, list[str]]] = [
        ("", [plain(side.strategy) for side in sides]),
        ("pack lines violated", [str(side.pack_lines_violated) for side in sides]),
        ("core lines violated", [str(side.core_lines_violated) for side in sides]),
        ("library lines broken", [str(side.library_lines_broken) for side in sides]),
        ("core packages changed", [str(len(side.core_changed)) for side in sides]),
        ("installed packages replaced", [str(len(side.clobbered)) for side in sides]),
        ("packages new", [str(_count(side.plan, "install")) for side in sides]),
        ("download at most", [bytes_in_words(side.plan.download_bytes) for side in sides]),
    ]
    labels = _width(label for label, _ in rows)
    columns = [_width(cells[number] for _, cells in rows) for number in range(len(sides))]
    for label, cells in rows:
        line = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, columns, strict=True))
        yield f"{label:{labels}}  {line}" if label else style("bold", f"{label:{labels}}  {line}")
    for side in sides:
        yield from _section(
            style,
            f"Core packages changed, {plain(side.strategy)}",
            (f"  {plain(each)}" for each in side.core_changed),
        )


def place_of(finding: Finding) -> str:
    """Where a finding is about, as ` (pack, file:line)`; empty where it says nothing."""
    file = plain(finding.file)
    if file and finding.line:
        file = f"{file}:{finding.line}"
    place = ", ".join(each for each in (plain(finding.pack), file) if each)
    return f" ({place})" if place else ""


def counted(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def bytes_in_words(count: int) -> str:
    """A size with three digits or so."""
    value, unit = float(count), _UNITS[0]
    for unit in _UNITS:
        if value < _THOUSAND or unit == _UNITS[-1]:
            break
        value /= _THOUSAND
    return f"{count} bytes" if unit == _UNITS[0] else f"{value:.1f} {unit}"


def _section(style: Style, title: str, lines: Iterable[str]) -> Iterator[str]:
    started = False
    for line in lines:
        if not started:
            yield style("bold", title)
            started = True
        yield line
    if started:
        yield ""


def _action(action: str, style: Style) -> str:
    return style(_COLOURS.get(action, "bold"), f"{_WORDS.get(action, plain(action)):8}")


def _step(before: str, after: str) -> str:
    return f"{plain(before)} -> {plain(after)}" if before and after else plain(before or after)


def _counts(changes: Sequence[Change]) -> str:
    words = [_WORDS.get(change.action, plain(change.action)) for change in changes]
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))


def _count(plan: Plan, action: str) -> int:
    return sum(1 for change in plan.changes if change.action == action)


def _some(words: Sequence[str], most: int) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return f"for {', '.join(words[:most])}{more}" if words else ""


def _width(words: Iterable[str]) -> int:
    return max((len(word) for word in words), default=0)
