"""The moves that replace some distributions by others, as pure values.

Nothing is touched here. The engine turns the values into journalled steps in this order: the copies
(into the payload area, before anything live changes), `outgoing`, `removed`, `made`, `incoming`. Undone
in the reverse order they leave the tree exactly as it was.

Order within: outgoing metadata folders first and incoming ones last, so that at no instant new metadata
stands beside old code, and a process looking at the wrong moment sees a distribution missing, not torn.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ..errors import Hint, RefusedError
from .arriving import plan_arrivals
from .layout import Layout
from .leaving import UNOWNED, plan_leaving
from .ownership import Holding, Owners, Tree, contested_groups, owners_of
from .swap_types import Arrival, Divided, Shared, Swap, Unit

_SAFE_LETTERS = re.compile(r"[^A-Za-z0-9._+!-]")


def plan_swap(
    *,
    layout: Layout,
    live: Tree,
    holdings: Sequence[Holding],
    leaving: Collection[str],
    arrivals: Sequence[Arrival] = (),
    displaced: Collection[str] = (),
    whole_folders: bool = True,
) -> Swap:
    """The smallest list of moves by which `leaving` goes and `arrivals` come.

    `live` lists every folder that leaving or arriving files have below the environment's own folders.
    `holdings` are all installed distributions; `leaving` holds the metadata paths of those that go.
    A folder moves as a whole when everything in it belongs to one unit: a distribution, or a group that
    contests files. Bytecode goes with its source; files nobody owns stay where they are, except those
    named in `displaced`, which are moved aside as well. `whole_folders=False` gives single files only,
    for file systems that cannot rename a folder (overlayfs).

    Faults are values of the result: `divided` and `clashes`. Raises RefusedError
    `distribution-without-record` where a leaving distribution has no RECORD (PEP 627: its files are unknown).
    """
    going = [each for each in holdings if each.metadata_path in set(leaving)]
    for holding in going:
        if not holding.distribution.record_digest:
            raise _without_record(holding)
    owners = owners_of(holdings)
    units = _units(going, with_unowned=bool(displaced))
    unit_of = {member: unit for unit in units for member in unit.members}
    claims, shared, divided = _claim(owners, going, unit_of, layout)
    claims.update((path, UNOWNED) for path in displaced)
    departure = plan_leaving(
        layout=layout,
        live=live,
        claims=claims,
        metadata={each.metadata_path: unit_of[each.metadata_path].id for each in going},
        whole_folders=whole_folders,
    )
    landing = plan_arrivals(
        layout=layout,
        live=live,
        owners=owners,
        arrivals=arrivals,
        departure=departure,
        leaving=frozenset(unit_of),
        whole_folders=whole_folders,
    )
    removed = {each.path for each in departure.removed} - landing.kept_folders
    return Swap(
        units=units,
        shared=shared,
        outgoing=departure.outgoing,
        removed=tuple(each for each in departure.removed if _really_goes(each.path, removed)),
        made=landing.made,
        incoming=landing.incoming,
        divided=divided,
        clashes=landing.clashes,
    )


def _really_goes(folder: str, removed: Collection[str]) -> bool:
    """Whether an emptied folder is to be removed.

    A bytecode folder goes only with its parent: in a folder that stays, Python may write into it at any
    moment, and a step that finds it filled would undo everything.
    """
    parent, _, name = folder.rpartition("/")
    return folder in removed and (name != "__pycache__" or parent in removed)


def _units(going: Sequence[Holding], *, with_unowned: bool) -> tuple[Unit, ...]:
    """The groups that move together, named by their first member."""
    by_key = {each.metadata_path: each for each in going}
    groups = list(contested_groups(going))
    grouped = {key for group in groups for key in group}
    groups += [(key,) for key in by_key if key not in grouped]
    units: list[Unit] = []
    taken: set[str] = set()
    for group in sorted(groups):
        first = by_key[group[0]].distribution
        words = f"{first.name}-{first.version}-{first.record_digest[:12]}"
        name = base = _SAFE_LETTERS.sub("_", words)
        counter = 2
        while name in taken:
            name, counter = f"{base}-{counter}", counter + 1
        taken.add(name)
        units.append(Unit(id=name, members=group))
    if with_unowned:
        units.append(Unit(id=UNOWNED, members=()))
    return tuple(units)


def _claim(
    owners: Owners, going: Sequence[Holding], unit_of: dict[str, Unit], layout: Layout
) -> tuple[dict[str, str], tuple[Shared, ...], tuple[Divided, ...]]:
    """Which unit each leaving file goes with, what must be copied, and what is torn between two owners."""
    claims: dict[str, str] = {}
    shared: dict[tuple[str, str], Shared] = {}
    divided: dict[str, Divided] = {}
    for holding in going:
        unit = unit_of[holding.metadata_path].id
        for file in holding.files:
            holders = owners.by_path.get(file.path, ())
            if len(holders) == 1:
                claims[file.path] = unit
                continue
            if not holders:  # Bytecode: it goes with its source.
                continue
            staying = [each for each in holders if each.metadata_path not in unit_of]
            if staying and not owners.agree(file.path):
                divided[file.path] = Divided(
                    path=file.path,
                    leaving=tuple(sorted(key.metadata_path for key in holders if key not in staying)),
                    staying=tuple(sorted(key.metadata_path for key in staying)),
                )
                continue
            carrier = "" if staying else min(unit_of[each.metadata_path].id for each in holders)
            if carrier == unit:
                claims[file.path] = unit
            else:
                shared[file.path, unit] = Shared(
                    live_path=file.path, payload_path=layout.label(file.path), unit=unit
                )
    return (
        claims,
        tuple(shared[key] for key in sorted(shared)),
        tuple(divided[path] for path in sorted(divided)),
    )


def _without_record(holding: Holding) -> RefusedError:
    distribution = holding.distribution
    return RefusedError(
        "distribution-without-record",
        f"{distribution.name} {distribution.version} has no RECORD to tell its files.",
        context={"distribution": distribution.name, "metadata": holding.metadata_path},
        hints=(
            Hint("repair", f"If an installer was cut short: `safe-install repair {distribution.name}`."),
            Hint(
                "reinstall-by-hand",
                f"Reinstall {distribution.name} with the tool that installed it, or remove it by hand.",
            ),
        ),
    )
