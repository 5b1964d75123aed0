"""Snapshots: what is kept, what differs, going back."""

from __future__ import annotations

from ...resolver.core.snapshot import Snapshot, diff_snapshots, to_dict
from ...resolver.engine.disk_use import own_bytes
from ...resolver.engine.session import Session
from ...resolver.engine.snapshots_by_hand import (
    NOW,
    change_snapshot,
    named_or_now,
    remove_by_hand,
    summary_of,
)
from ...resolver.errors import UsageError
from .. import security, wire
from ..call import Call, Reply
from ..ordering import restore_order, snapshot_order
from ..paging import part_of
from ..standing import standing_at


async def list_snapshots(call: Call) -> wire.Snapshots:
    """All that are kept, newest first."""
    page: wire.Page = call.query
    return await call.desk.in_thread(_listed, call, page)


async def create(call: Call) -> wire.Accepted:
    """Have one taken of now."""
    return await call.desk.in_thread(_create, call)


async def get_snapshot(call: Call) -> wire.Snapshot:
    """One of them, with everything in it."""
    return await call.desk.in_thread(_shown, call)


async def change(call: Call) -> wire.Snapshot:
    """Label or pin it, which keeps it for ever; or no longer."""
    return await call.desk.in_thread(_changed, call)


async def remove(call: Call) -> wire.Removed:
    """Let it go, with what only it kept."""
    return await call.desk.in_thread(_removed, call)


async def export(call: Call) -> Reply:
    """It as a file to share, which can be imported elsewhere."""
    return await call.desk.in_thread(_exported, call)


async def compare(call: Call) -> wire.SnapshotDiff:
    """What leads from one to the other; `now` is the state of this moment."""
    return await call.desk.in_thread(_compared, call)


async def restore(call: Call) -> wire.Accepted:
    """Have everything go back to it, or only have said what that takes."""
    return await call.desk.in_thread(_restore, call)


def _listed(call: Call, page: wire.Page) -> wire.Snapshots:
    site = call.desk.open_session().site
    found = site.snapshots.list()
    sizes = own_bytes(site)
    part, pagination = part_of(found.snapshots, page)
    return wire.Snapshots(
        snapshots=[
            wire.SnapshotSummary.model_validate(
                {**summary_of(each), "own_bytes": sizes.get(each.id, 0), "full": site.guard.is_full(each.id)}
            )
            for each in part
        ],
        findings=[wire.Finding.model_validate(each.to_dict()) for each in found.findings],
        pagination=pagination,
    )


def _create(call: Call) -> wire.Accepted:
    body: wire.NewSnapshot = call.body
    ui_ids = (body.ui_id,) if body.ui_id else ()
    security.check([(security.Deed.TAKE_SNAPSHOT, body.label)], standing_at(call.desk))
    job = call.desk.submit(snapshot_order(body.label, full=body.full, ui_ids=ui_ids, client=body.client_id))
    return wire.Accepted(id=job.id, job=job)


def _shown(call: Call) -> wire.Snapshot:
    session = call.desk.open_session()
    return _whole(session, _exact(session, call.params["id"]))


def _changed(call: Call) -> wire.Snapshot:
    body: wire.SnapshotChange = call.body
    security.check([(security.Deed.CHANGE_SNAPSHOT, call.params["id"])], standing_at(call.desk))
    session = call.desk.open_session()
    found = _exact(session, call.params["id"])
    if body.label is None and body.pinned is None:
        return _whole(session, found)
    changed = change_snapshot(session.site, found.id, label=body.label, pinned=body.pinned)
    call.desk.tell_changed("snapshots")
    return _whole(session, changed)


def _removed(call: Call) -> wire.Removed:
    identifier = call.params["id"]
    security.check([(security.Deed.CHANGE_SNAPSHOT, identifier)], standing_at(call.desk))
    session = call.desk.open_session()
    if not session.site.snapshots.has(identifier):
        raise _not_found(identifier)
    _, gone = remove_by_hand(session.site, identifier)
    call.desk.tell_changed("snapshots")
    findings = [wire.Finding.model_validate(each.to_dict()) for each in gone.findings]
    return wire.Removed(id=identifier, freed_bytes=gone.freed, findings=findings)


def _exported(call: Call) -> Reply:
    found = _exact(call.desk.open_session(), call.params["id"])
    name = f"safe-install-{found.id}.json"
    return Reply(
        model=wire.SnapshotDocument.model_validate(to_dict(found)),
        status=call.route.status,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _compared(call: Call) -> wire.SnapshotDiff:
    session = call.desk.open_session()
    first, second = call.params["id"], call.params["other"]
    before, after = (
        named_or_now(session, each) if each == NOW else _exact(session, each) for each in (first, second)
    )
    diff = diff_snapshots(before, after)
    return wire.SnapshotDiff(
        a=before.id,
        b=after.id,
        empty=diff.is_empty,
        changes=[wire.Change.model_validate(each.to_dict()) for each in diff.changes],
        packs=[
            wire.PackDifference.model_validate(
                {"name": each.name, "action": each.action, "from": each.before, "to": each.after}
            )
            for each in diff.packs
        ],
        unowned=[wire.FileDifference(path=each.path, action=each.action) for each in diff.unowned],
        python=list(diff.python) if diff.python else None,
        comfyui=list(diff.comfyui) if diff.comfyui else None,
    )


def _restore(call: Call) -> wire.Accepted:
    body: wire.RestoreRequest = call.body
    desk = call.desk
    found = _exact(desk.open_session(), call.params["id"])
    job = desk.submit(restore_order(desk, found.id, body))
    return wire.Accepted(id=job.id, job=job)


def _exact(session: Session, identifier: str) -> Snapshot:
    """The snapshot of that whole id: a program must not go by the beginning of one."""
    store = session.site.snapshots
    if not store.has(identifier):
        raise _not_found(identifier)
    return store.get(identifier)


def _not_found(identifier: str) -> UsageError:
    return UsageError("snapshot-not-found", "There is no such snapshot.", context={"snapshot": identifier})


def _whole(session: Session, snapshot: Snapshot) -> wire.Snapshot:
    site = session.site
    return wire.Snapshot.model_validate(
        {
            **summary_of(snapshot),
            "own_bytes": own_bytes(site).get(snapshot.id, 0),
            "full": site.guard.is_full(snapshot.id),
            "platform": snapshot.platform,
            "prefix": snapshot.prefix,
            "comfyui_commit": snapshot.comfyui_commit,
            "distribution_list": [
                {
                    "name": each.name,
                    "version": each.version,
                    "origin": each.origin,
                    "editable": each.editable,
                }
                for each in snapshot.distributions
            ],
            "pack_list": [
                {
                    "name": each.pack.name,
                    "version": each.pack.version,
                    "commit": each.pack.commit,
                    "dirty": each.pack.dirty,
                    "disabled": each.pack.disabled,
                    "digest": each.digest,
                    "source": each.source,
                }
                for each in snapshot.packs
            ],
            "decisions": [each.to_dict() for each in snapshot.decisions],
            "freeze": snapshot.freeze,
        }
    )
