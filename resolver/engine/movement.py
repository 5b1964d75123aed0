"""What is to move, and the journalled steps it comes to."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.swap_types import Swap
from ..core.types import Pack
from ..ports import Displaced
from ..transaction.steps import MakeDir, Move, RemoveDir, Step, file_by_file

Way = tuple[Path, Path]
"""(where it is now, its live place)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What is to move, in the words of the environment."""

    leaving: frozenset[str] = frozenset()
    """Canonical names of distributions that go away or are replaced."""
    packs_out: tuple[Pack, ...] = ()
    packs_in: tuple[Way, ...] = ()
    """New packs, from where they wait."""
    ways_back: tuple[Way, ...] = ()
    """Packs and files no distribution owns, from the payloads they are kept in."""
    relocated: tuple[Way, ...] = ()
    """Packs that are there and change their place: enabled and disabled ones."""
    emptied: tuple[Path, ...] = ()
    """Folders that are empty once all has moved, and go."""
    expected: Mapping[str, str] = field(default_factory=dict)
    """{name: version} of everything installed afterwards; an empty version is any."""
    touched: frozenset[str] = frozenset()
    """Names whose files are verified afterwards."""


def steps_of(
    swap: Swap, displacements: Sequence[Displaced], movement: Movement, *, whole_folders: bool = True
) -> tuple[Step, ...]:
    """The steps of a movement, in the order in which undoing them backwards is exact. Looks at folders.

    `whole_folders=False`: no folder is renamed, for file systems that cannot.
    """
    steps: list[Step] = [Move(source, target) for each in displacements for source, target in each.moves]
    steps += [RemoveDir(Path(folder.path), folder.mode) for folder in swap.removed]
    steps += [MakeDir(Path(folder.path), folder.mode) for folder in swap.made]
    steps += [Move(Path(each.stage_path), Path(each.live_path)) for each in swap.incoming]
    steps += _missing_folders(swap, (*movement.ways_back, *movement.relocated))
    # First those that change their place: one of them may leave it to what comes back, or to a new one.
    moves = (*in_order(movement.relocated), *movement.ways_back, *movement.packs_in)
    steps += [Move(source, target) for source, target in moves]
    steps += [RemoveDir(path, stat.S_IMODE(path.stat().st_mode)) for path in movement.emptied]
    if whole_folders:
        return tuple(steps)
    return tuple(
        each for step in steps for each in (file_by_file(step) if isinstance(step, Move) else (step,))
    )


def in_order(ways: Sequence[Way]) -> list[Way]:
    """The ways so that each place is left before something else comes to it. ValueError where they go round."""
    waiting, ordered = list(ways), []
    while waiting:
        left = {source for source, _ in waiting}
        free = [way for way in waiting if way[1] not in left]
        if not free:
            raise ValueError("they go round")
        ordered += free
        waiting = [way for way in waiting if way not in free]
    return ordered


def _missing_folders(swap: Swap, ways: Sequence[Way]) -> list[Step]:
    """The folders that are not there (any more) for what comes back, with the modes they had."""
    gone = {Path(each.path) for each in swap.removed} | {Path(each.live_path) for each in swap.outgoing}
    come = {Path(each.path) for each in swap.made} | {Path(each.live_path) for each in swap.incoming}
    missing: dict[Path, int] = {}
    for source, target in ways:
        # A payload lays out its tree as the live one is, so its folders tell the modes.
        for aside, live in reversed(tuple(zip(source.parents, target.parents, strict=False))):
            above = {live, *live.parents}
            stays = live.is_dir() and not above & gone
            if not stays and not above & come and live not in missing:
                missing[live] = stat.S_IMODE(aside.stat().st_mode)
    return [MakeDir(path, mode) for path, mode in missing.items()]
