"""Snapshots, ways back, past changes and answers, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ..core.snapshot import Snapshot, SnapshotDiff
from ..engine.applying import Applied
from ..engine.deferring import next_steps
from ..engine.explaining import Verification, Why
from ..engine.restoration import RollbackPlan
from .console import Style, plain
from .disk_text import size_words
from .plan_text import change_lines, finding_lines

_HOW = {
    "exact": ("exact", "green"),
    "same-version": ("same version", "yellow"),
    "not-restorable": ("not restorable", "red"),
    "remove": ("removed", "red"),
}


def applied_lines(applied: Applied, style: Style) -> Iterator[str]:
    """What was done, and how to undo it."""
    moved = f"live files were being moved for {applied.swap_seconds * 1000:.0f} ms"
    yield f"{style('green', 'Done')} in {applied.seconds:.1f} s; {moved}."
    if applied.trial is not None:
        for failure in applied.trial.known_failures:
            yield style("dim", f"  failed before already: {plain(failure.message)}")
    yield from finding_lines(applied.findings, style, verbose=True)
    if applied.snapshot:
        yield f"To undo: safe-install rollback {plain(applied.snapshot)}"
    if applied.restart != "none":
        yield "Restart ComfyUI for the change to count."


def deferred_lines(applied: Applied, style: Style) -> Iterator[str]:
    """Why a change waits, and what happens next."""
    deferred = applied.deferred
    if deferred is None:
        return
    yield f"{style('yellow', 'Waiting')} [{deferred.why}]: {plain(applied.operation)}. {plain(deferred.said)}"
    yield from finding_lines(applied.findings, style, verbose=True)
    yield from next_steps(plain(applied.transaction), at_start=deferred.at_start)


def rollback_lines(plan: RollbackPlan, style: Style) -> Iterator[str]:
    """For each thing that differs whether it comes back exactly, as the same version, or not."""
    yield f"Back to {snapshot_words(plan.snapshot)}"
    for item in plan.items:
        word, colour = _HOW.get(item.how, (item.how, "bold"))
        step = " -> ".join(plain(each) for each in (item.before, item.after) if each)
        what = plain(item.name) if item.kind == "distribution" else f"{item.kind} {plain(item.name)}"
        reason = style("dim", f"({plain(item.reason)})") if item.reason else ""
        yield f"  {style(colour, f'{word:14}')}  {what}  {step}  {reason}".rstrip()
    yield from finding_lines(plan.findings, style, verbose=True)
    if not plan.items:
        yield "Nothing to do: everything is as it was then."
    elif plan.is_empty:
        yield "Nothing of this can be restored."
    yield style("dim", f"{plan.kept} unchanged; plan {plan.fingerprint[:12]}")


def snapshot_words(snapshot: Snapshot) -> str:
    """A snapshot in one line."""
    marks = [f'"{plain(snapshot.label)}"'] if snapshot.label else []
    marks += ["pinned"] if snapshot.pinned else []
    facts = f"{len(snapshot.distributions)} packages, {len(snapshot.packs)} packs"
    return "  ".join([plain(snapshot.id), plain(snapshot.created), plain(snapshot.reason), facts, *marks])


def snapshot_lines(snapshot: Snapshot) -> Iterator[str]:
    """A snapshot with everything in it."""
    yield snapshot_words(snapshot)
    yield f"Python {plain(snapshot.python)} on {plain(snapshot.platform)}, {plain(snapshot.prefix)}"
    yield f"ComfyUI {plain(snapshot.comfyui_version)} {plain(snapshot.comfyui_commit)[:12]}".rstrip()
    for each in snapshot.packs:
        words = [
            each.pack.version,
            each.pack.commit[:12],
            "disabled" if each.pack.disabled else "",
            each.source,
        ]
        yield f"  pack {plain(each.pack.name)}  {'  '.join(plain(word) for word in words if word)}".rstrip()
    for dist in snapshot.distributions:
        yield f"  {plain(dist.name)}=={plain(dist.version)}"


def snapshot_diff_lines(diff: SnapshotDiff, style: Style) -> Iterator[str]:
    """What leads from one snapshot to the other."""
    if diff.is_empty:
        yield "No difference."
    for name, pair in (("Python", diff.python), ("ComfyUI", diff.comfyui)):
        if pair:
            yield f"  {name}  {plain(pair[0])} -> {plain(pair[1])}"
    for pack in diff.packs:
        step = " -> ".join(plain(each) for each in (pack.before, pack.after) if each)
        yield f"  pack {plain(pack.name)} {plain(pack.action)}  {step}".rstrip()
    yield from change_lines(diff.changes, style)
    for file in diff.unowned:
        yield f"  file {plain(file.path)} {plain(file.action)}"


def why_lines(why: Why, style: Style) -> Iterator[str]:
    """Who wants a package, what the rules say, what was decided."""
    installed = plain(why.installed) or "not installed"
    stand_in = f"; provided by {plain(why.provided_by)}" if why.provided_by else ""
    yield f"{style('bold', plain(why.package))}: {installed}{stand_in}"
    for wish in why.wishes:
        place = f"{plain(wish.file)}:{wish.line}" if wish.line else plain(wish.file)
        met = style("green", "holds") if wish.met else style("yellow", "does not hold")
        where = f" ({place})" if place else ""
        yield f"  {plain(wish.pack)} wants {plain(wish.requirement)}{where}: {met}"
    for code, says in why.rules:
        yield f"  rule {plain(code)}: {plain(says)}"
    for entry in why.decisions:
        decision = entry.get("decision")
        if isinstance(decision, dict):
            chosen, rule = plain(decision.get("chosen", "")), plain(decision.get("rule", ""))
            yield f"  decided {plain(entry.get('at', ''))}: {chosen} [{rule}]"


def verification_lines(outcome: Verification, style: Style, *, verbose: bool) -> Iterator[str]:
    """Whether everything is as it should be."""
    if outcome.faults:
        yield style("red", f"Damaged ({len(outcome.faults)})")
        yield from finding_lines(outcome.faults, style, verbose=verbose)
    if outcome.notes:
        yield style("bold", f"Requirements that do not hold ({len(outcome.notes)})")
        yield from finding_lines(outcome.notes, style, verbose=verbose)
    state = (
        style("red", "damage found")
        if outcome.faults
        else style("green", "every file is as it was installed")
    )
    yield f"{outcome.checked} packages checked: {state}"


def list_lines(
    snapshots: Sequence[Snapshot], sizes: Mapping[str, int], full: Collection[str] = ()
) -> Iterator[str]:
    """One line for each snapshot, with the room that only it takes."""
    if not snapshots:
        yield "No snapshots yet."
    for snapshot in snapshots:
        mark = "  full" if snapshot.id in full else ""
        yield f"{size_words(sizes.get(snapshot.id, 0)):>9}  {snapshot_words(snapshot)}{mark}"
