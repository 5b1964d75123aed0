"""Distributions that nothing wants any more once a pack is gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .closure import Requires, closure
from .rules import Rules
from .types import Environment, Gathered


def orphans(
    environment: Environment,
    core: Gathered,
    remaining: Sequence[Gathered],
    removed: Gathered,
    *,
    rules: Rules,
    brought_by_us: Collection[str],
) -> frozenset[str]:
    """Installed names only the removed pack's lines reach, among those that transactions of ours brought.

    What the user or another tool installed is never taken for an orphan, nor is what such a thing requires.
    """
    markers = environment.python.markers
    requires = _requires_by_rules(environment, rules)

    def roots(packs: Sequence[Gathered]) -> list[tuple[str, Collection[str]]]:
        return [
            (line.name, line.requirement.extras)
            for pack in packs
            for line in pack.lines
            if line.requirement and not line.constraint and line.applies(markers)
        ]

    reached = closure(roots([removed]), requires, markers) & environment.versions.keys() & set(brought_by_us)
    others = [(dist.name, ()) for dist in environment.distributions if dist.name not in reached]
    wanted = closure([*roots([core, *remaining]), *others], requires, markers)
    return frozenset(reached - wanted)


def _requires_by_rules(environment: Environment, rules: Rules) -> Requires:
    """What each distribution requires; names that are not installed lead to what a rule put in their place.

    A pack that asks for `cv2` or `opencv-python` may have got `opencv-python-headless`.
    """
    installed = environment.versions
    requires: dict[str, Sequence[str]] = {dist.name: dist.requires for dist in environment.distributions}
    for rule in rules.of_kind("one-of"):
        present = [member.name for member in rule.members if member.name in installed]
        requires |= {member.name: present for member in rule.members if member.name not in installed}
    for rule in rules.of_kind("rename"):
        requires |= {name: (*requires.get(name, ()), real) for name, real in (rule.names or {}).items()}
    return requires
