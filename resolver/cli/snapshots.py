"""The commands about snapshots."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.snapshot import Snapshot, SnapshotDiff, diff_snapshots, to_dict
from ..engine.collecting import remove_snapshot
from ..engine.disk_use import own_bytes
from ..engine.exclusion import alone
from ..engine.guarding import keep_full
from ..engine.in_force import snapshot_now
from ..engine.stillness import look_when_still
from ..transaction.runner import refuse_unfinished
from .console import plain
from .disk_text import freed_lines
from .guard import copy_lines, usage_of
from .kept_text import list_lines, snapshot_diff_lines, snapshot_lines, snapshot_words
from .plan_text import finding_lines
from .work import Outcome, Work

NOW = "now"
"""In place of an id: the state of this moment."""


def snapshot(work: Work, args: argparse.Namespace) -> Outcome:
    """Do what the action says."""
    store = work.site.snapshots
    if args.action == "list":
        found = store.list()
        sizes = own_bytes(work.session.site)
        full = frozenset(work.site.guard.store.manifests())
        work.console.say(list_lines(found.snapshots, sizes, full))
        work.console.note(*finding_lines(found.findings, work.console.err_style, verbose=True))
        return Outcome(
            {
                "ok": True,
                "snapshots": [
                    {**summary(each), "own_bytes": sizes.get(each.id, 0), "full": each.id in full}
                    for each in found.snapshots
                ],
                "findings": [each.to_dict() for each in found.findings],
            }
        )
    if args.action == "show":
        shown = store.get(args.id)
        usage, words = usage_of(work, shown.id)
        work.console.say([*snapshot_lines(shown), *words])
        return Outcome({"ok": True, "snapshot": to_dict(shown), "full": usage})
    if args.action == "diff":
        return _diff(work, args)
    if args.action == "export":
        exported = store.get(args.id)
        path = store.export(exported.id, Path(args.file))
        work.console.say([f"Written to {plain(path)}"])
        return Outcome({"ok": True, "snapshot": exported.id, "file": str(path)})
    return _change(work, args)


def _change(work: Work, args: argparse.Namespace) -> Outcome:
    store, copy = work.site.snapshots, None
    if args.action == "remove":
        return _remove(work, args.id)
    # The environment must hold still for a new one; the others are about what is stored.
    with alone(work.session.site, f"snapshot {args.action}"):
        if args.action == "create":
            refuse_unfinished(work.site.state)
            environment = work.site.environment()
            taken = snapshot_now(work.site, environment, "by hand", label=args.label.strip())
            session = work.session
            copy = keep_full(session.site, taken.id, session.report, session.cancel, wanted=args.full or None)
            done = store.save(taken)
        elif args.action == "import":
            done = store.import_(Path(args.file))
        elif args.action == "label":
            done = store.label(args.id, args.text)
        else:
            done = store.pin(args.id, pinned=args.action == "pin")
    work.console.say([snapshot_words(done), *(copy_lines(copy, work.console.out_style) if copy else ())])
    return Outcome({"ok": True, "snapshot": summary(done), "full": copy.to_dict() if copy else None})


def _remove(work: Work, name: str) -> Outcome:
    """Take a snapshot away, and what only it kept; one that cannot be read by its whole id."""
    site = work.session.site
    with alone(site, "snapshot remove"):
        unreadable = work.site.snapshots.has(name) and all(
            each.id != name for each in work.site.snapshots.list().snapshots
        )
        found = None if unreadable else work.site.snapshots.get(name)
        gone = remove_snapshot(site, found.id if found else name)
        site.tidy()
    work.console.say([f"Removed: {snapshot_words(found) if found else plain(name)}", *freed_lines(gone)])
    work.console.note(*finding_lines(gone.findings, work.console.err_style, verbose=True))
    document = summary(found) if found else {"id": name}
    return Outcome({"ok": True, "snapshot": document, **gone.to_dict()})


def _diff(work: Work, args: argparse.Namespace) -> Outcome:
    before, after = _named(work, args.a), _named(work, args.b)
    diff = diff_snapshots(before, after)
    work.console.say(snapshot_diff_lines(diff, work.console.out_style))
    return Outcome({"ok": True, "a": before.id, "b": after.id, **diff_document(diff)})


def _named(work: Work, name: str) -> Snapshot:
    if name == NOW:
        site = work.site
        return look_when_still(
            work.session.site, lambda: snapshot_now(site, site.environment(), "now"), work.session.cancel
        )[0]
    return work.site.snapshots.get(name)


def summary(snapshot: Snapshot) -> dict[str, object]:
    """A snapshot as a short JSON object, for lists."""
    return {
        "id": snapshot.id,
        "created": snapshot.created,
        "reason": snapshot.reason,
        "label": snapshot.label,
        "pinned": snapshot.pinned,
        "python": snapshot.python,
        "comfyui_version": snapshot.comfyui_version,
        "distributions": len(snapshot.distributions),
        "packs": len(snapshot.packs),
    }


def diff_document(diff: SnapshotDiff) -> dict[str, object]:
    """A difference as a JSON object."""
    return {
        "empty": diff.is_empty,
        "changes": [change.to_dict() for change in diff.changes],
        "packs": [
            {"name": each.name, "action": each.action, "from": each.before, "to": each.after}
            for each in diff.packs
        ],
        "unowned": [{"path": each.path, "action": each.action} for each in diff.unowned],
        "python": list(diff.python) if diff.python else None,
        "comfyui": list(diff.comfyui) if diff.comfyui else None,
    }
