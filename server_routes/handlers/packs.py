"""What is installed, and why."""

from __future__ import annotations

from collections.abc import Mapping

from ...resolver.core.types import Pack
from ...resolver.engine.explaining import why
from ...resolver.engine.pack_past import Arrival, read_pack_past
from ...resolver.engine.past import all_transactions
from ...resolver.engine.wishes_now import wishes_now
from ...resolver.ports import Site
from .. import wire
from ..call import Call
from ..desk import Desk
from ..pack_states import PackStates, Told


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
    past = read_pack_past(all_transactions(desk.state))
    states = PackStates(desk.host, past)
    types: dict[str, list[str]] = {}
    for name, module in node_types.items():
        types.setdefault(module, []).append(name)
    packs = sorted(site.every_pack(), key=lambda pack: (pack.name.casefold(), pack.path))
    return wire.Packs(
        packs=[
            _told(
                pack,
                states.of(pack),
                types=types.get(f"custom_nodes.{pack.name}", []),
                brought_by=_brought_by(site, past.arrivals.get(pack.name)),
            )
            for pack in packs
        ]
    )


def _told(
    pack: Pack, told: Told, *, types: list[str], brought_by: wire.BroughtBy | None
) -> wire.InstalledPack:
    return wire.InstalledPack(
        name=pack.name,
        path=pack.path,
        is_file=pack.is_file,
        disabled=pack.disabled,
        version=pack.version,
        remote=pack.remote,
        commit=pack.commit,
        dirty=pack.dirty,
        loaded=told.loaded,
        state=told.state,
        failure=told.failure,
        brought_by=brought_by,
        node_types=[] if pack.disabled else sorted(types),
    )


def _brought_by(site: Site, arrival: Arrival | None) -> wire.BroughtBy | None:
    if arrival is None:
        return None
    return wire.BroughtBy(
        transaction=arrival.transaction,
        operation=arrival.operation,
        at=arrival.at,
        snapshot=arrival.snapshot if arrival.snapshot and site.snapshots.has(arrival.snapshot) else "",
    )


def _wishes(call: Call) -> wire.Wishes:
    return wire.Wishes.model_validate(wishes_now(call.desk.open_session()).to_dict())


def _why(call: Call) -> wire.Why:
    found = why(call.desk.open_session(), call.params["package"])
    return wire.Why.model_validate(found.to_dict())
