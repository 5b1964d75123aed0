"""Archives a page brings, to be installed from."""

from __future__ import annotations

from ...resolver.errors import UsageError
from .. import wire
from ..call import Call


async def upload(call: Call) -> wire.Upload:
    """Keep the archive that is sent, for a task that installs it."""
    raise UsageError("uploads-not-taken", "Archives are not taken yet.", context={"name": call.query.name})
