"""The OpenAPI document of these routes."""

from __future__ import annotations

from .. import wire
from ..call import Call
from ..openapi import document


async def get_document(call: Call) -> wire.OpenApi:
    """What each route takes and gives."""
    return await call.desk.in_thread(_model)


def _model() -> wire.OpenApi:
    return wire.OpenApi.model_validate(document())
