"""Jobs in the shapes in which ComfyUI-Manager answers (4.3): how much there is to do, and how tasks ended."""

from __future__ import annotations

from collections.abc import Sequence

from .. import wire
from ..job import ENDED


def queue_status(jobs: Sequence[wire.Job], client: str = "") -> wire.QueueStatus:
    """How much there is to do; for one client, or in all. A job counts once for each of its tasks."""
    mine = [job for job in jobs if not client or job.client_id == client]
    pending = sum(_tasks(job) for job in mine if job.state == "queued")
    running = sum(_tasks(job) for job in mine if job.state not in ENDED and job.state != "queued")
    return wire.QueueStatus(
        total_count=pending + running,
        done_count=sum(_tasks(job) for job in mine if job.state in ENDED),
        in_progress_count=running,
        pending_count=pending,
        is_processing=any(job.state not in ENDED for job in jobs),
        client_id=client or None,
    )


def queue_history(jobs: Sequence[wire.Job], query: wire.QueueQuery) -> wire.QueueHistory:
    """How tasks ended, newest first. All tasks of a job end alike, for they are one change."""
    found = [
        (ui_id, job)
        for job in jobs
        if job.state in ENDED and (not query.client_id or job.client_id == query.client_id)
        for ui_id in (job.ui_ids or [job.id])
        if not query.ui_id or ui_id == query.ui_id
    ]
    part = found[query.offset : query.offset + query.max_items]
    history: dict[str, wire.TaskHistoryItem] = {}
    for ui_id, job in part:
        history.setdefault(ui_id, _item(ui_id, job))
    return wire.QueueHistory(history=history)


def _item(ui_id: str, job: wire.Job) -> wire.TaskHistoryItem:
    words = " ".join(job.status.messages) if job.status else ""
    result = job.status.status_str if job.status else "error"
    return wire.TaskHistoryItem(
        ui_id=ui_id,
        client_id=job.client_id,
        kind=job.kind,
        timestamp=job.ended or job.created,
        # As Manager's worker says it: the word alone when all went well, else what went wrong.
        result=words if result == "error" and words else result,
        status=job.status,
        batch_id=job.id,
        end_time=job.ended or None,
    )


def _tasks(job: wire.Job) -> int:
    return max(len(job.ui_ids), 1)
