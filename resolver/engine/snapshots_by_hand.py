"""Snapshots as the user handles them: taken by hand, labelled, pinned, removed, compared."""

from __future__ import annotations

from ..core.guard import FullCopy
from ..core.snapshot import Snapshot
from ..ports import Site
from ..transaction.runner import refuse_unfinished
from .collecting import Collected, remove_snapshot
from .exclusion import alone
from .guarding import keep_full
from .in_force import snapshot_now
from .session import Session
from .stillness import look_when_still

NOW = "now"
"""In place of an id: the state of this moment."""


def take_by_hand(
    session: Session, label: str = "", *, full: bool | None = None
) -> tuple[Snapshot, FullCopy | None]:
    """A snapshot of now, stored; with a full copy where it is wanted or guard mode is on. Blocks.

    Raises BusyError, RecoveryNeededError, RefusedError `guard-no-space`, CancelledError.
    """
    site = session.site
    # The environment must hold still for it.
    with alone(site, "snapshot create"):
        refuse_unfinished(site.state)
        session.report.stage("snapshot", "Taking a snapshot")
        taken = snapshot_now(site, site.environment(), "by hand", label=label.strip())
        copy = keep_full(site, taken.id, session.report, session.cancel, wanted=full)
        return site.snapshots.save(taken), copy


def change_snapshot(
    site: Site, name: str, *, label: str | None = None, pinned: bool | None = None
) -> Snapshot:
    """The snapshot with that label, pinned or not, from now on; None leaves it. An empty label takes it away.

    Raises BusyError, SafeInstallError `snapshot-not-found`.
    """
    with alone(site, "snapshot label"):
        changed = site.snapshots.get(name)
        if label is not None:
            changed = site.snapshots.label(changed.id, label)
        return changed if pinned is None else site.snapshots.pin(changed.id, pinned=pinned)


def remove_by_hand(site: Site, name: str) -> tuple[Snapshot | None, Collected]:
    """The snapshot that went, and what only it kept; None for one that cannot be read, named by its whole id.

    Raises BusyError, RefusedError `transaction-open`, SafeInstallError `snapshot-not-found`.
    """
    store = site.snapshots
    with alone(site, "snapshot remove"):
        unreadable = store.has(name) and all(each.id != name for each in store.list().snapshots)
        found = None if unreadable else store.get(name)
        gone = remove_snapshot(site, found.id if found else name)
        site.tidy()
    return found, gone


def named_or_now(session: Session, name: str) -> Snapshot:
    """The snapshot of that name, or for `now` one of this moment, which is not stored. Blocks."""
    site = session.site
    if name == NOW:
        return look_when_still(site, lambda: snapshot_now(site, site.environment(), "now"), session.cancel)[0]
    return site.snapshots.get(name)


def summary_of(snapshot: Snapshot) -> dict[str, object]:
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
        "transaction": snapshot.transaction,
    }
