"""How things stand."""

from __future__ import annotations

from ...resolver.engine.about import own_version
from ...resolver.engine.past import unfinished, waiting
from ...resolver.engine.starts_report import starts_report
from .. import wire
from ..call import Call
from ..desk import Desk
from ..job import summary_of


async def get_status(call: Call) -> wire.Status:
    """How things stand, for a page that has just connected."""
    query: wire.StatusQuery = call.query
    return await call.desk.in_thread(_status, call.desk, query.drift)


def _status(desk: Desk, drift: bool) -> wire.Status:
    host, jobs = desk.host, desk.jobs.open_jobs()
    report = desk.open_session().drift() if drift else None
    return wire.Status(
        version=own_version(),
        comfyui=str(host.comfyui),
        python=str(host.python),
        state=str(host.state),
        custom_nodes=[str(folder) for folder in host.custom_nodes],
        busy=bool(jobs),
        jobs=[summary_of(job) for job in jobs],
        tasks_remaining=host.tasks_remaining,
        restart=desk.jobs.restart,
        unfinished=list(unfinished(host.state)),
        waiting=[
            wire.WaitingChange(
                id=each.id,
                operation=each.operation,
                since=each.since,
                tries=each.tries,
                why=each.note.why if each.note else "",
                said=each.note.said if each.note else "",
            )
            for each in waiting(host.state)
        ],
        starts=wire.Starts.model_validate(starts_report(host.state).to_dict()),
        drift=wire.Drifted.model_validate(report.to_dict()) if report else None,
    )
