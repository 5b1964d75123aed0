"""Planning and doing: what is asked for goes to the queue, and the answer names its job."""

from __future__ import annotations

from .. import wire
from ..call import Call
from ..ordering import order_of


async def plan(call: Call) -> wire.Accepted:
    """Have the plan made for these tasks; nothing is changed."""
    return await _submit(call, only_plan=True)


async def run(call: Call) -> wire.Accepted:
    """Have these tasks done, as one transaction."""
    return await _submit(call, only_plan=False)


async def get_plan(call: Call) -> wire.Plan:
    """A plan that was made, in full."""
    return call.desk.plans.get(call.params["id"]).shown


async def _submit(call: Call, *, only_plan: bool) -> wire.Accepted:
    request: wire.TaskRequest = call.body
    return await call.desk.soon(_put_down, call, request, only_plan)


def _put_down(call: Call, request: wire.TaskRequest, only_plan: bool) -> wire.Accepted:
    job = call.desk.submit(order_of(request, call.desk, only_plan=only_plan))
    return wire.Accepted(id=job.id, job=job)
