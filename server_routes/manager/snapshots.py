"""A snapshot of ComfyUI-Manager as the order of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...resolver.core.manager_snapshot import read_managers
from ...resolver.engine.planned import Options
from .. import security, wire
from ..job import JobOrder
from ..ordering import change_order, check_tiers
from ..standing import standing_at
from ..wanted import TASKS, Wanted

if TYPE_CHECKING:
    from ..desk import Desk


def order_for(request: wire.ManagerSnapshotRequest, desk: Desk) -> tuple[JobOrder | None, list[str]]:
    """The order, None where everything is so already; and what of the snapshot is not done. Blocks.

    Raises UsageError `manager-snapshot-not-understood`; RefusedError of `security`.
    """
    # Manager's own restore is middle+, whatever packs it comes to.
    security.check([(security.Deed.ROLL_BACK, "a snapshot of ComfyUI-Manager")], standing_at(desk))
    site = desk.open_session().site
    known = [(pack, site.origin_of(pack)) for pack in site.every_pack()]
    wish = read_managers(request.snapshot, known)
    if not wish.tasks:
        return None, wish.left_out
    options = Options(allowed=frozenset(request.allow), at_next_start=request.at_next_start)
    change = Wanted(kind=TASKS, options=options, tasks=tuple(wish.tasks))
    check_tiers(change, desk)
    order = change_order(
        desk,
        change,
        only_plan=request.plan,
        agree=request.agree,
        ui_ids=(request.ui_id,) if request.ui_id else (),
        client=request.client_id,
    )
    return order, wish.left_out
