"""Restarting ComfyUI."""

from __future__ import annotations

from .. import wire
from ..call import Call
from ..restart import restart_soon
from ..security import Deed, check
from ..standing import standing_at


async def restart(call: Call) -> wire.Restarting:
    """Have ComfyUI start again in a moment; the answer comes first."""
    request: wire.RestartRequest = call.body
    check([(Deed.RESTART, "")], await call.desk.in_thread(standing_at, call.desk))
    return wire.Restarting(how=restart_soon(call.desk, force=request.force).how)
