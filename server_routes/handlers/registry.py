"""Packs of the Comfy Registry, beside what is installed."""

from __future__ import annotations

from ...resolver.engine.registry_view import installed_ids, look_up
from ...resolver.engine.registry_view import search as look_for
from .. import wire
from ..call import Call
from ..desk import Desk


async def search(call: Call) -> wire.RegistryPacks:
    """One page of packs that match."""
    return await call.desk.in_thread(_found, call.desk, call.query)


async def get_pack(call: Call) -> wire.RegistryPackDetail:
    """One pack with its versions, each judged for this ComfyUI and its environment."""
    return await call.desk.in_thread(_detail, call.desk, call.params["id"])


def _found(desk: Desk, query: wire.RegistrySearch) -> wire.RegistryPacks:
    site = desk.open_session().site
    found = look_for(
        site.registry,
        query.text,
        node=query.node,
        page=query.page,
        limit=query.limit,
        installed=installed_ids(site),
    )
    return wire.RegistryPacks.model_validate(found.to_dict())


def _detail(desk: Desk, pack: str) -> wire.RegistryPackDetail:
    return wire.RegistryPackDetail.model_validate(look_up(desk.open_session().site, pack).to_dict())
