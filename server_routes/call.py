"""What a handler is given, and what it may hand back beside a plain model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import BaseModel

from .table import Route

if TYPE_CHECKING:
    from .desk import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, read and judged: what is in it fits the models its route names."""

    desk: Desk
    route: Route
    request: web.Request
    params: Mapping[str, str]
    """What stands in the path: names without separators, at most some hundred letters."""
    body: Any = None
    """The model the route names as its body; None where it names none."""
    query: Any = None
    """The model the route names as its query; None where it names none."""
    client_id: str = ""
    """The page that asks, as the host's websocket knows it; empty where it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer with another status or more headers than the route's own."""

    model: BaseModel
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
