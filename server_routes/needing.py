"""What a plan asks of the ComfyUI that runs: nothing, a reload of the page, a restart; and why."""

from __future__ import annotations

from collections.abc import Sequence

from ..resolver.core.plan import Plan
from ..resolver.core.reload import Need, PackMove, least_needed
from ..resolver.core.types import Change
from ..resolver.engine.repair_plan import RepairPlan
from ..resolver.engine.restoration import NOT_RESTORABLE, REMOVE, Restoration, RollbackPlan
from ..resolver.engine.session import Session
from .host import Host
from .running import running_of

_ACTIONS = {REMOVE: "remove"}


def need_of_change(host: Host, session: Session, plan: Plan) -> Need:
    """Of an install, an uninstall, a sync. To be asked before it is applied. Blocks."""
    changing = {change.name for change in plan.changes}
    return plan.need(running_of(host, plan.environment, changing, session.site.packs()))


def need_of_rollback(host: Host, session: Session, plan: RollbackPlan) -> Need:
    """Of going back to a snapshot. Of packs that come back nobody looks what they do at a start."""
    items = [item for item in plan.items if item.how != NOT_RESTORABLE]
    changes = [_change(item) for item in items if item.kind == "distribution"]
    # A file that nobody owns may be anything: it counts as a pack that comes.
    moves = [
        PackMove(name=item.name, comes=item.how != REMOVE or item.kind != "pack")
        for item in items
        if item.kind != "distribution"
    ]
    return _need(host, session, plan, changes, moves)


def need_of_repair(host: Host, session: Session, plan: RepairPlan) -> Need:
    """Of making whole what is broken."""
    changes = [Change(name=each.name, action="replace", after=each.version) for each in plan.mendings]
    return _need(host, session, plan, changes, ())


def _change(item: Restoration) -> Change:
    action = _ACTIONS.get(item.how, "replace")
    return Change(name=item.name, action=action, before=item.before, after=item.after)


def _need(
    host: Host,
    session: Session,
    plan: RollbackPlan | RepairPlan,
    changes: Sequence[Change],
    moves: Sequence[PackMove],
) -> Need:
    changing = {change.name for change in changes}
    running = running_of(host, plan.environment, changing, session.site.packs())
    return least_needed(changes, moves, running)
