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
from .job import now
from .plans import new_plan_id
from .wanted import REPAIR, ROLLBACK, SYNC, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan, ready to be applied by the session it was made with."""

    shown: wire.Plan
    refusals: tuple[Finding, ...]
    apply: Callable[[], Applied]


@contextmanager
def prepare(session: Session, wanted: Wanted, *, to_apply: bool) -> Iterator[Prepared]:
    """The plan for what is wanted. Nothing live is touched. Blocks; what was fetched is gone at the end.

    Raises what the engine's planning raises.
    """
    if wanted.kind == ROLLBACK:
        yield _rollback(session, wanted)
    elif wanted.kind == REPAIR:
        yield _repair(session, wanted)
    else:
        with _change(session, wanted, to_apply=to_apply) as prepared:
            yield prepared


@contextmanager
def _change(session: Session, wanted: Wanted, *, to_apply: bool) -> Iterator[Prepared]:
    options = wanted.options
    planning = (
        session.plan_sync(options)
        if wanted.kind == SYNC
        else session.plan_tasks(wanted.tasks, options, to_apply=to_apply)
    )
    with planning as found:
        planned = replace(found, options=options)
        plan = planned.plan
        shown = wire.Plan(
            id=new_plan_id(),
            kind=wanted.kind,
            made=now(),
            operation=planned.operation,
            fingerprint=plan.fingerprint,
            empty=plan.is_empty and not runs_scripts(planned),
            needs_consent=change_reasons(plan),
            refused=bool(plan.refusals),
            restart=_restart(plan.restart),
            download_bytes=plan.download_bytes,
            change=wire.ChangePlan.model_validate(plan.to_dict()),
        )
        yield Prepared(shown=shown, refusals=plan.refusals, apply=lambda: session.apply(planned))


def _rollback(session: Session, wanted: Wanted) -> Prepared:
    rolling = Rollback(session=session)
    plan = rolling.plan(rolling.find(wanted.snapshot))
    document = plan.to_dict()
    shown = wire.Plan(
        id=new_plan_id(),
        kind=ROLLBACK,
        made=now(),
        operation=f"rollback to {plan.snapshot.id}",
        fingerprint=plan.fingerprint,
        empty=plan.is_empty,
        needs_consent=rollback_reasons(plan),
        refused=False,
        restart=_restart(str(document["restart"])),
        download_bytes=0,
        rollback=wire.RollbackPlan.model_validate(document),
    )
    later = wanted.options.at_next_start
    return Prepared(shown=shown, refusals=(), apply=lambda: rolling.apply(plan, at_next_start=later))


def _repair(session: Session, wanted: Wanted) -> Prepared:
    repairing = Repair(session=session)
    plan = repairing.plan(wanted.names)
    document = plan.to_dict()
    shown = wire.Plan(
        id=new_plan_id(),
        kind=REPAIR,
        made=now(),
        operation=f"repair {', '.join(each.name for each in plan.mendings)}".strip(),
        fingerprint=plan.fingerprint,
        empty=not plan.mendings,
        needs_consent=repair_reasons(plan),
        refused=False,
        restart=_restart(str(document["restart"])),
        download_bytes=0,
        repair=wire.RepairPlan.model_validate(document),
    )
    return Prepared(shown=shown, refusals=(), apply=lambda: repairing.apply(plan))


def _restart(word: str) -> wire.Restart:
    return "none" if word == "none" else "reload" if word == "reload" else "restart"
