"""The commands about snapshots."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.snapshot import Snapshot, SnapshotDiff, diff_snapshots, to_dict
from ..engine.in_force import snapshot_now
from ..transaction.lockfile import OwnerLock, lock_path
from .console import plain
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
        work.console.say(list_lines(found.snapshots))
        work.console.note(*finding_lines(found.findings, work.console.err_style, verbose=True))
        return Outcome(
            {
                "ok": True,
                "snapshots": [summary(each) for each in found.snapshots],
                "findings": [each.to_dict() for each in found.findings],
            }
        )
    if args.action == "show":
        shown = store.get(args.id)
        work.console.say(snapshot_lines(shown))
        return Outcome({"ok": True, "snapshot": to_dict(shown)})
    if args.action == "diff":
        return _diff(work, args)
    if args.action == "export":
        path = store.export(args.id, Path(args.file))
        work.console.say([f"Written to {plain(path)}"])
        return Outcome({"ok": True, "snapshot": store.get(args.id).id, "file": str(path)})
    return _change(work, args)


def _change(work: Work, args: argparse.Namespace) -> Outcome:
    store = work.site.snapshots
    with OwnerLock(lock_path(work.site.state), f"snapshot {args.action}"):
        if args.action == "create":
            environment = work.site.environment()
            done = store.save(snapshot_now(work.site, environment, "by hand", label=args.label.strip()))
        elif args.action == "import":
            done = store.import_(Path(args.file))
        elif args.action == "label":
            done = store.label(args.id, args.text)
        elif args.action == "remove":
            done = store.remove(args.id)
        else:
            done = store.pin(args.id, pinned=args.action == "pin")
    work.console.say([f"{'Removed: ' if args.action == 'remove' else ''}{snapshot_words(done)}"])
    return Outcome({"ok": True, "snapshot": summary(done)})


def _diff(work: Work, args: argparse.Namespace) -> Outcome:
    before, after = _named(work, args.a), _named(work, args.b)
    diff = diff_snapshots(before, after)
    work.console.say(snapshot_diff_lines(diff, work.console.out_style))
    return Outcome({"ok": True, "a": before.id, "b": after.id, **diff_document(diff)})


def _named(work: Work, name: str) -> Snapshot:
    if name == NOW:
        return snapshot_now(work.site, work.site.environment(), "now")
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
