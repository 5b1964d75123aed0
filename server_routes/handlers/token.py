"""The token that goes with everything that changes something."""

from __future__ import annotations

from .. import wire
from ..call import Call
from ..guard import TOKEN, TOKEN_HEADER


async def get_token(_call: Call) -> wire.Token:
    """This process's token. Only our own pages, and programs of this user's choice, get here."""
    return wire.Token(token=TOKEN, header=TOKEN_HEADER)
