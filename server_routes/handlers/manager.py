"""What callers of ComfyUI-Manager's API find here in its own shapes, and its snapshots as a change."""

from __future__ import annotations

from .. import wire
from ..call import Call
from ..manager.results import queue_history as history_of
from ..manager.results import queue_status as status_of
from ..manager.snapshots import order_for


async def queue_status(call: Call) -> wire.QueueStatus:
    """How much there is to do."""
    query: wire.QueueQuery = call.query
    return await call.desk.soon(lambda: status_of(call.desk.jobs.all(), query.client_id))


async def queue_history(call: Call) -> wire.QueueHistory:
    """How tasks ended."""
    query: wire.QueueQuery = call.query
    return await call.desk.soon(lambda: history_of(call.desk.jobs.all(), query))


async def restore_snapshot(call: Call) -> wire.ManagerSnapshotAccepted:
    """Go back to what a snapshot of Manager names, as one change."""
    return await call.desk.in_thread(_put_down, call)


def _put_down(call: Call) -> wire.ManagerSnapshotAccepted:
    order, left_out = order_for(call.body, call.desk)
    if order is None:
        return wire.ManagerSnapshotAccepted(id="", job=None, left_out=left_out)
    job = call.desk.submit(order)
    return wire.ManagerSnapshotAccepted(id=job.id, job=job, left_out=left_out)
