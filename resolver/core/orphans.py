"""Distributions that nothing wants any more once a pack is gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .closure import closure
from .types import Environment, Gathered


def orphans(
    environment: Environment,
    core: Gathered,
    remaining: Sequence[Gathered],
    removed: Gathered,
    *,
    brought_by_us: Collection[str],
) -> frozenset[str]:
    """Installed names only the removed pack's lines reach, among those that transactions of ours brought.

    What the user or another tool installed is never taken for an orphan, and neither is what such a thing requires.
    """
    markers = environment.python.markers
    requires = {dist.name: dist.requires for dist in environment.distributions}

    def roots(packs: Sequence[Gathered]) -> list[tuple[str, Collection[str]]]:
        lines = [line for pack in packs for line in pack.lines if line.requirement and line.applies(markers)]
        return [(line.name, line.requirement.extras) for line in lines if line.requirement]

    reached = closure(roots([removed]), requires, markers) & environment.versions.keys() & set(brought_by_us)
    others = [(dist.name, ()) for dist in environment.distributions if dist.name not in reached]
    wanted = closure([*roots([core, *remaining]), *others], requires, markers)
    return frozenset(reached - wanted)
