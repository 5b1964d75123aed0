"""Jobs: what they are at, what came of them, and having them stop."""

from __future__ import annotations

from .. import wire
from ..call import Call
from ..paging import part_of


async def list_jobs(call: Call) -> wire.Jobs:
    """All that are remembered, newest first, without their logs."""
    page: wire.Page = call.query
    found = await call.desk.soon(call.desk.jobs.all)
    jobs, pagination = part_of(found, page)
    return wire.Jobs(jobs=list(jobs), pagination=pagination)


async def get_job(call: Call) -> wire.Job:
    """One of them, with its log; once it is over, where the query asks to wait."""
    wait: wire.Wait = call.query
    jobs, identifier = call.desk.jobs, call.params["id"]
    await jobs.wait(identifier, wait.wait)
    return await call.desk.soon(jobs.get, identifier)


async def cancel(call: Call) -> wire.Job:
    """Have it stop, as long as nothing live is touched."""
    return await call.desk.soon(call.desk.jobs.cancel, call.params["id"])
