"""What others changed, in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.drift_items import DriftItem
from ..engine.drift_report import DriftReport
from .console import Style, plain

_MOST = 20
"""Items that are shown without --verbose."""


def drift_lines(report: DriftReport, style: Style, *, verbose: bool = False) -> Iterator[str]:
    """What others changed, who probably did it, and what helps; one line where nothing did."""
    if not report.since:
        return
    when = f"{plain(report.since[:19].replace('T', ' '))} UTC"
    if not report.items:
        yield f"Nothing was changed by others since {when} ({plain(report.reason)})."
        return
    items = sorted(report.items, key=lambda each: each.minor)
    yield style("bold", f"Changed by others since {when}, {plain(report.reason)} ({len(items)})")
    shown = items if verbose else items[:_MOST]
    for each in shown:
        yield from _item_lines(each, style, verbose=verbose)
    if len(items) > len(shown):
        yield style("dim", f"  ... and {len(items) - len(shown)} more; see --verbose")
    if report.snapshot:
        yield f"  This state is kept as the snapshot {plain(report.snapshot)}."
    for hint in report.hints:
        yield style("dim", f"  hint: {plain(hint.text)}")
    yield ""


def _item_lines(each: DriftItem, style: Style, *, verbose: bool) -> Iterator[str]:
    mark = style("dim", "-") if each.minor else style("yellow", "!")
    yield f"  {mark} {plain(each.sentence)} {style('dim', f'[{each.code}]')}"
    if each.who:
        yield f"      who: {plain(each.who)}"
    for line in each.evidence if verbose else each.evidence[:2]:
        yield style("dim", f"      because: {plain(line)}")
    if verbose and each.count > 1:
        more = f" and {each.count - len(each.files)} more" if each.count > len(each.files) else ""
        yield style("dim", f"      files: {', '.join(plain(file) for file in each.files)}{more}")
    for hint in each.hints:
        yield style("dim", f"      hint: {plain(hint.text)}")
