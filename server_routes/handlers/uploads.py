"""Archives a page brings, to be installed from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientError, StreamReader

from ...resolver.core.uploads import archive_name
from ...resolver.errors import Hint, RefusedError
from .. import wire
from ..call import Call
from ..security import Deed, check
from ..standing import standing_at
from ..uploads import cut_off

_PIECE = 1024 * 1024
_PATIENCE = 60.0
"""Seconds without a byte, after which nobody is sending any more."""


async def upload(call: Call) -> wire.Upload:
    """Keep the archive that is sent, for a task that installs it; for a day."""
    query: wire.UploadQuery = call.query
    desk, request = call.desk, call.request
    check([(Deed.INSTALL_LOCAL, query.name)], await desk.in_thread(standing_at, desk))
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise RefusedError(
            "media-type-not-taken",
            "The archive is taken as it is, not compressed once more.",
            hints=(Hint("send-the-file", "Send the file itself, without Content-Encoding."),),
        )
    arriving = await desk.in_thread(desk.uploads.begin, query.name, request.content_length)
    try:
        # Not by `request.read`, which the host limits and which keeps everything in memory.
        async for piece in _pieces(request.content, archive_name(query.name)):
            await desk.in_thread(arriving.write, piece)
        path = await desk.in_thread(arriving.finish)
    except BaseException:
        # Shielded: where the page has gone, this task is cancelled, and once more when the server ends.
        await asyncio.shield(desk.soon(arriving.discard))
        raise
    return wire.Upload(source=str(path), name=path.name, bytes=arriving.size)


async def _pieces(content: StreamReader, name: str) -> AsyncIterator[bytes]:
    """What comes, in pieces of about a megabyte; UsageError `upload-cut-off` where it stops coming."""
    held = bytearray()
    while True:
        try:
            data = await asyncio.wait_for(content.readany(), _PATIENCE)
        except (asyncio.TimeoutError, ClientError, ConnectionError) as error:
            raise cut_off(name) from error
        held += data
        if len(held) >= _PIECE or (held and not data):
            yield bytes(held)
            held.clear()
        if not data:
            return
