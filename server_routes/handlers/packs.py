"""What is installed, and why."""

from __future__ import annotations

from collections.abc import Mapping

from ...resolver.core.types import Pack
from ...resolver.engine.explaining import why
from ...resolver.engine.wishes_now import wishes_now
from .. import wire
from ..call import Call
from ..desk import Desk


async def list_packs(call: Call) -> wire.Packs:
    """The installed packs, by name, the disabled ones too."""
    node_types = call.desk.host.node_types
    return await call.desk.in_thread(_listed, call.desk, node_types)


async def wishes(call: Call) -> wire.Wishes:
    """Who wants what of each package, and whether it is met, overruled by a decision, or broken."""
    return await call.desk.in_thread(_wishes, call)


async def explain(call: Call) -> wire.Why:
    """Who wants a package, what the rules say of it, what was decided."""
    return await call.desk.in_thread(_why, call)


def _listed(desk: Desk, node_types: Mapping[str, str]) -> wire.Packs:
    site = desk.open_session().site
    loaded = set(desk.host.loaded_packs)
    types: dict[str, list[str]] = {}
    for name, module in node_types.items():
        types.setdefault(module, []).append(name)
    packs = sorted(site.every_pack(), key=lambda pack: (pack.name.casefold(), pack.path))
    return wire.Packs(
        packs=[
            _told(pack, is_loaded=pack.name in loaded, types=types.get(f"custom_nodes.{pack.name}", []))
            for pack in packs
        ]
    )


def _told(pack: Pack, *, is_loaded: bool, types: list[str]) -> wire.InstalledPack:
    return wire.InstalledPack(
        name=pack.name,
        path=pack.path,
        is_file=pack.is_file,
        disabled=pack.disabled,
        version=pack.version,
        remote=pack.remote,
        commit=pack.commit,
        dirty=pack.dirty,
        loaded=is_loaded and not pack.disabled,
        state="disabled" if pack.disabled else "loaded" if is_loaded else "not-loaded",
        failure=None,
        brought_by=None,
        node_types=[] if pack.disabled else sorted(types),
    )


def _wishes(call: Call) -> wire.Wishes:
    return wire.Wishes.model_validate(wishes_now(call.desk.open_session()).to_dict())


def _why(call: Call) -> wire.Why:
    found = why(call.desk.open_session(), call.params["package"])
    return wire.Why.model_validate(found.to_dict())
