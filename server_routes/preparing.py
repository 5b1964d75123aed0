"""Plans of every kind under one face: what they show, whether they need a yes, how they are applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ..resolver.core.types import Finding
from ..resolver.engine.consents import change_reasons, repair_reasons, rollback_reasons, runs_scripts
from ..resolver.engine.order import Applied
from ..resolver.engine.repairing import Repair
from ..resolver.engine.rolling_back import Rollback
from ..resolver.engine.session import Session
from . import wire
from .host import Host
from .job import now
from .needing import need_of_change, need_of_repair, need_of_rollback
from .plans import new_plan_id
from .wanted import REPAIR, ROLLBACK, SYNC, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan, ready to be applied by the session it was made with."""

    shown: wire.Plan
    refusals: tuple[Finding, ...]
    apply: Callable[[], Applied]


@contextmanager
def prepare(session: Session, host: Host, wanted: Wanted, *, to_apply: bool) -> Iterator[Prepared]:
    """The plan for what is wanted. Nothing live is touched. Blocks; what was fetched is gone at the end.

    `host` tells what has to happen until the change counts in it.

    Raises what the engine's planning raises.
    """
    if wanted.kind == ROLLBACK:
        yield _rollback(session, host, wanted)
    elif wanted.kind == REPAIR:
        yield _repair(session, host, wanted)
    else:
        with _change(session, host, wanted, to_apply=to_apply) as prepared:
            yield prepared


@contextmanager
def _change(session: Session, host: Host, wanted: Wanted, *, to_apply: bool) -> Iterator[Prepared]:
    options = wanted.options
    planning = (
        session.plan_sync(options)
        if wanted.kind == SYNC
        else session.plan_tasks(wanted.tasks, options, to_apply=to_apply)
    )
    with planning as found:
        planned = replace(found, options=options)
        plan = planned.plan
        need = need_of_change(host, session, plan)
        shown = wire.Plan(
            id=new_plan_id(),
            kind=wanted.kind,
            made=now(),
            operation=planned.operation,
            fingerprint=plan.fingerprint,
            empty=plan.is_empty and not runs_scripts(planned),
            needs_consent=change_reasons(plan),
            refused=bool(plan.refusals),
            restart=need.least.value,
            restart_reasons=list(need.reasons),
            download_bytes=plan.download_bytes,
            change=wire.ChangePlan.model_validate({**plan.to_dict(), "restart": need.least.value}),
        )
        yield Prepared(shown=shown, refusals=plan.refusals, apply=lambda: session.apply(planned))


def _rollback(session: Session, host: Host, wanted: Wanted) -> Prepared:
    rolling = Rollback(session=session)
    plan = rolling.plan(rolling.find(wanted.snapshot))
    need = need_of_rollback(host, session, plan)
    document = {**plan.to_dict(), "restart": need.least.value}
    shown = wire.Plan(
        id=new_plan_id(),
        kind=ROLLBACK,
        made=now(),
        operation=f"rollback to {plan.snapshot.id}",
        fingerprint=plan.fingerprint,
        empty=plan.is_empty,
        needs_consent=rollback_reasons(plan),
        refused=False,
        restart=need.least.value,
        restart_reasons=list(need.reasons),
        download_bytes=0,
        rollback=wire.RollbackPlan.model_validate(document),
    )
    later = wanted.options.at_next_start
    return Prepared(shown=shown, refusals=(), apply=lambda: rolling.apply(plan, at_next_start=later))


def _repair(session: Session, host: Host, wanted: Wanted) -> Prepared:
    repairing = Repair(session=session)
    plan = repairing.plan(wanted.names)
    need = need_of_repair(host, session, plan)
    shown = wire.Plan(
        id=new_plan_id(),
        kind=REPAIR,
        made=now(),
        operation=f"repair {', '.join(each.name for each in plan.mendings)}".strip(),
        fingerprint=plan.fingerprint,
        empty=not plan.mendings,
        needs_consent=repair_reasons(plan),
        refused=False,
        restart=need.least.value,
        restart_reasons=list(need.reasons),
        download_bytes=0,
        repair=wire.RepairPlan.model_validate(plan.to_dict()),
    )
    return Prepared(shown=shown, refusals=(), apply=lambda: repairing.apply(plan))
