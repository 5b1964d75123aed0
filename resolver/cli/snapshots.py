"""The commands about snapshots."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.snapshot import SnapshotDiff, diff_snapshots, to_dict
from ..engine.disk_use import own_bytes
from ..engine.exclusion import alone
from ..engine.snapshots_by_hand import change_snapshot, named_or_now, remove_by_hand, summary_of, take_by_hand
from .console import plain
from .disk_text import freed_lines
from .guard import copy_lines, usage_of
from .kept_text import list_lines, snapshot_diff_lines, snapshot_lines, snapshot_words
from .plan_text import finding_lines
from .work import Outcome, Work


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
                    {**summary_of(each), "own_bytes": sizes.get(each.id, 0), "full": each.id in full}
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
    copy = None
    site = work.session.site
    if args.action == "remove":
        return _remove(work, args.id)
    if args.action == "create":
        done, copy = take_by_hand(work.session, args.label, full=args.full or None)
    elif args.action == "label":
        done = change_snapshot(site, args.id, label=args.text)
    elif args.action == "import":
        with alone(site, "snapshot import"):
            done = work.site.snapshots.import_(Path(args.file))
    else:
        done = change_snapshot(site, args.id, pinned=args.action == "pin")
    work.console.say([snapshot_words(done), *(copy_lines(copy, work.console.out_style) if copy else ())])
    return Outcome({"ok": True, "snapshot": summary_of(done), "full": copy.to_dict() if copy else None})


def _remove(work: Work, name: str) -> Outcome:
    """Take a snapshot away, and what only it kept; one that cannot be read by its whole id."""
    found, gone = remove_by_hand(work.session.site, name)
    work.console.say([f"Removed: {snapshot_words(found) if found else plain(name)}", *freed_lines(gone)])
    work.console.note(*finding_lines(gone.findings, work.console.err_style, verbose=True))
    document = summary_of(found) if found else {"id": name}
    return Outcome({"ok": True, "snapshot": document, **gone.to_dict()})


def _diff(work: Work, args: argparse.Namespace) -> Outcome:
    before, after = named_or_now(work.session, args.a), named_or_now(work.session, args.b)
    diff = diff_snapshots(before, after)
    work.console.say(snapshot_diff_lines(diff, work.console.out_style))
    return Outcome({"ok": True, "a": before.id, "b": after.id, **diff_document(diff)})


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
