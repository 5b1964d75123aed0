"""What a job does to take a snapshot."""

from __future__ import annotations

from ..resolver.engine.snapshots_by_hand import take_by_hand
from .job import JobOutcome, JobWork


def take(work: JobWork, label: str, *, full: bool | None) -> JobOutcome:
    """A snapshot of now, stored."""
    taken, copy = take_by_hand(work.session, label, full=full)
    return JobOutcome(result={"snapshot": taken.id, "full": copy is not None})
