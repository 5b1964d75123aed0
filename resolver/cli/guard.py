"""Full snapshots: the command guard, and what others show of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ..core.guard import FullCopy, GuardCheck, GuardSettings
from ..core.inventory import Difference
from ..core.snapshot import Snapshot
from ..engine.exclusion import alone
from ..engine.stillness import look_when_still
from ..errors import CancelledError, Hint, SafeInstallError
from .console import Style, plain
from .disk_text import size_words
from .kept_text import snapshot_words
from .plan_text import finding_lines
from .work import Outcome, Work

_MOST = 40
"""Lines of a list that are shown without --verbose."""


def guard(work: Work, args: argparse.Namespace) -> Outcome:
    """Do what the action says."""
    if args.action == "status":
        return _status(work)
    if args.action == "check":
        return _check(work)
    live = work.site.guard
    with alone(work.session.site, f"guard {args.action}"):
        if args.action == "off":
            # A file that cannot be read is mended by saying it again.
            live.configure(GuardSettings(on=False, strategy=_strategy(work)))
        else:
            live.configure(GuardSettings(on=True, strategy=args.strategy or _strategy(work)))
    return _status(work)


def _strategy(work: Work) -> str:
    try:
        return work.site.guard.settings.strategy
    except SafeInstallError:
        return GuardSettings().strategy


def _status(work: Work) -> Outcome:
    live = work.site.guard
    settings, store = live.settings, live.store
    cost, _ = look_when_still(work.session.site, live.cost, work.session.cancel)
    method = store.method(live.area, settings.strategy)
    kept, total = store.manifests(), store.total_bytes()
    style = work.console.out_style
    state = style("green", "on") if settings.on else "off"
    room = "" if cost.enough else style("red", " - too little room")
    price = f"{size_words(cost.bytes)} ({cost.files} files), and {size_words(cost.free)} are free{room}"
    work.console.say(
        [
            f"Guard mode is {state}: {'every' if settings.on else 'no'} automatic snapshot keeps a full copy.",
            f"Bytes are kept by {method} (strategy {settings.strategy}).",
            f"A full snapshot now would write {price}.",
            f"{len(kept)} full snapshots take {size_words(total)}.",
        ]
    )
    return Outcome(
        {
            "ok": True,
            "on": settings.on,
            "strategy": settings.strategy,
            "method": method,
            "cost": {
                "files": cost.files,
                "bytes": cost.bytes,
                "free_bytes": cost.free,
                "enough": cost.enough,
            },
            "full_snapshots": list(kept),
            "total_bytes": total,
        }
    )


def _check(work: Work) -> Outcome:
    """Hash everything that is kept; exit code 1 where something cannot be brought back."""
    report = work.session.report
    report.stage("guard", "Hashing everything that is kept")
    with alone(work.session.site, "guard check"):
        found = work.site.guard.scrub(
            check=lambda: _go_on(work), progress=lambda done, total: report.progress(done, total, "files")
        )
    work.console.say(_check_lines(found, work.console.out_style, verbose=work.console.verbose))
    return Outcome({"ok": found.is_whole, **found.to_dict()}, 0 if found.is_whole else 1)


def _go_on(work: Work) -> None:
    if work.session.cancel is not None and work.session.cancel.is_set():
        raise CancelledError("cancelled", "Cancelled; nothing was changed.")


def _check_lines(found: GuardCheck, style: Style, *, verbose: bool) -> Iterator[str]:
    yield f"{found.objects} contents, {size_words(found.bytes)}, hashed."
    if found.healed:
        yield style(
            "yellow", f"{found.healed} were damaged or missing, and are kept again from the live files."
        )
    for identifier in found.unreadable:
        yield style("red", f"The full copy of {plain(identifier)} cannot be used: its list cannot be read.")
    shown = found.lost if verbose else found.lost[:_MOST]
    for identifier, path in shown:
        yield f"  {style('red', 'lost')}  {plain(path)}  (snapshot {plain(identifier)})"
    if len(found.lost) > len(shown):
        yield f"  and {len(found.lost) - len(shown)} more; --verbose shows all"
    if found.is_whole:
        yield style("green", "Every full snapshot can bring back everything.")


# --- in other commands ----------------------------------------------------------------------------------------


def verify_snapshot(work: Work, name: str) -> Outcome:
    """Compare everything with a full snapshot; exit code 1 where something differs."""
    snapshot = work.site.snapshots.get(name)
    live = work.site.guard
    if not live.is_full(snapshot.id):
        raise SafeInstallError(
            "snapshot-not-full",
            f"The snapshot {snapshot.id} has no full copy to compare with.",
            hints=(
                Hint(
                    "snapshot-diff", f"`safe-install snapshot diff {snapshot.id} now` compares what it has."
                ),
                Hint("create-full", "`safe-install snapshot create --full` takes one with a full copy."),
            ),
        )
    work.session.report.stage("verify", "Comparing every file")
    found, _ = look_when_still(work.session.site, lambda: live.compare(snapshot.id), work.session.cancel)
    console = work.console
    console.say(_difference_lines(snapshot, found, console.out_style, verbose=console.verbose))
    document = {
        "ok": not found,
        "snapshot": snapshot.id,
        "differences": [{"path": each.path, "action": each.action} for each in found],
    }
    return Outcome(document, 1 if found else 0)


def _difference_lines(
    snapshot: Snapshot, found: tuple[Difference, ...], style: Style, *, verbose: bool
) -> Iterator[str]:
    yield f"Compared with {snapshot_words(snapshot)}"
    colours = {"added": "green", "removed": "red", "changed": "yellow", "touched": "dim"}
    shown = found if verbose else found[:_MOST]
    for each in shown:
        yield f"  {style(colours[each.action], f'{each.action:8}')}  {plain(each.path)}"
    if len(found) > len(shown):
        yield f"  and {len(found) - len(shown)} more; --verbose shows all"
    if found:
        yield f"{len(found)} differ. To go back: safe-install rollback {plain(snapshot.id)}"
    else:
        yield style("green", "Everything is as it was then, byte for byte.")


def copy_lines(copy: FullCopy, style: Style) -> Iterator[str]:
    """What a full copy took."""
    yield (
        f"Full copy: {copy.files} files, {size_words(copy.bytes)}; newly written {size_words(copy.stored_bytes)} "
        f"for {copy.stored_files} contents, in {copy.seconds:.1f} s ({copy.method})."
    )
    yield from finding_lines(copy.findings, style, verbose=True)


def usage_of(work: Work, identifier: str) -> tuple[dict[str, object] | None, list[str]]:
    """What the full copy of a snapshot takes, as JSON and in words; None and nothing where it has none."""
    live = work.site.guard
    if not live.is_full(identifier):
        return None, []
    try:
        usage = live.usage(identifier)
    except SafeInstallError as error:
        return {"error": error.to_dict()}, [plain(error.message)]
    words = (
        f"Full copy: {usage.files} contents, {size_words(usage.bytes)}; {size_words(usage.own)} on the disk "
        f"for it alone, {size_words(usage.shared)} shared with other full snapshots"
    )
    linked = f", {size_words(usage.linked)} hardlinked with live files" if usage.linked else ""
    return {**usage.to_dict()}, [f"{words}{linked}."]
