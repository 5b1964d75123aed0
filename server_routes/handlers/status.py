"""How things stand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from ...resolver.about import own_version
from ...resolver.engine.exclusion import Owner, at_work_elsewhere
from ...resolver.engine.past import unfinished, waiting
from ...resolver.engine.starts_report import starts_report
from .. import wire
from ..call import Call
from ..desk import Desk
from ..envelope import as_told
from ..job import summary_of
from ..security import forbidden
from ..standing import standing_at

T = TypeVar("T")


async def get_status(call: Call) -> wire.Status:
    """How things stand, for a page that has just connected."""
    query: wire.StatusQuery = call.query
    return await call.desk.in_thread(status_of, call.desk, query.drift)


def status_of(desk: Desk, drift: bool = False) -> wire.Status:
    """How things stand. Blocks; fails for nothing."""
    host, jobs = desk.host, desk.jobs.open_jobs()
    trouble = Trouble()
    report = trouble.ask(lambda: desk.open_session().drift()) if drift else None
    starts = trouble.ask(lambda: starts_report(host.state).to_dict())
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
        unfinished=list(trouble.ask(lambda: unfinished(host.state)) or ()),
        waiting=[
            wire.WaitingChange(
                id=each.id,
                operation=each.operation,
                since=each.since,
                tries=each.tries,
                why=each.note.why if each.note else "",
                said=each.note.said if each.note else "",
            )
            for each in trouble.ask(lambda: waiting(host.state)) or ()
        ],
        starts=wire.Starts.model_validate(starts) if starts else None,
        owner=_owner(desk, trouble),
        permits=trouble.ask(lambda: forbidden(standing_at(desk))) or {},
        registry_offline=bool(trouble.ask(lambda: desk.settings().registry.offline)),
        drift=wire.Drifted.model_validate(report.to_dict()) if report else None,
        trouble=trouble.faults,
    )


def _owner(desk: Desk, trouble: Trouble) -> wire.WorkElsewhere | None:
    """Who else is at work: in our state folder, and where the engine opens in what it shares with others."""
    with suppress(Exception):
        areas = desk.open_session().site.areas
        found = trouble.ask(lambda: at_work_elsewhere(desk.state, areas))
        return _told(found)
    return _told(trouble.ask(lambda: at_work_elsewhere(desk.state)))


def _told(owner: Owner | None) -> wire.WorkElsewhere | None:
    if owner is None:
        return None
    return wire.WorkElsewhere(pid=owner.pid, operation=owner.operation, since=owner.since)


class Trouble:
    """What could not be told. The status is asked for first of all when something is wrong, and must not fail."""

    def __init__(self) -> None:
        self.faults: list[wire.Fault] = []

    def ask(self, look: Callable[[], T]) -> T | None:
        """What `look` finds; None, with the reason among the faults, where it fails."""
        try:
            return look()
        except Exception as error:  # noqa: BLE001 - told among the faults
            self.faults.append(wire.Fault.model_validate(as_told(error).to_dict()))
            return None
