"""Changes that wait for the next start."""

from __future__ import annotations

from ...resolver.engine.past import cancel_waiting
from .. import security, wire
from ..call import Call
from ..standing import standing_at
from .status import status_of


async def cancel(call: Call) -> wire.Status:
    """Give up a change that waits for the next start; nothing of it was live."""
    return await call.desk.in_thread(_cancelled, call)


def _cancelled(call: Call) -> wire.Status:
    desk, identifier = call.desk, call.params["id"]
    security.check([(security.Deed.CANCEL_WAITING, identifier)], standing_at(desk))
    cancel_waiting(desk.open_session().site, identifier)
    desk.tell_changed("waiting")
    return status_of(desk)
