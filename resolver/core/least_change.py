"""Installing X changes only what X needs (architecture 3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from .closure import Requires, applying_requirements, closure
from .wishes import SolveLine

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a change: what is there, and what that requires."""

    versions: Mapping[str, str]
    requires: Requires


def needed_changes(
    *,
    before: Side,
    after: Side,
    focus: Sequence[SolveLine],
    others: Sequence[SolveLine],
    markers: Mapping[str, str],
    stands_for: Mapping[str, str],
) -> frozenset[str]:
    """The names whose change the focus lines need, or without which somebody's line would break.

    A change is needed when its name is in the closure of a focus line, or when a line that held before would
    no longer hold among the changes already needed. `others`: the lines of everybody else.
    """
    changed = {
        name
        for name in before.versions.keys() | after.versions.keys()
        if before.versions.get(name) != after.versions.get(name)
    }
    roots = [
        (line.name, line.extras) for line in focus if line.applies and line.name and not line.line.constraint
    ]
    needed = closure(roots, after.requires, markers) & changed
    while True:
        versions = _mixed(before.versions, after.versions, needed)
        requires = _mixed(before.requires, after.requires, needed)
        now = Side(versions=versions, requires=requires)
        wanting = set(_newly_broken(before, now, others, markers, stands_for))
        more = closure(((name, ()) for name in wanting & changed), after.requires, markers) & changed
        # A family's other members go away exactly when the chosen one comes.
        more |= {name for name, chosen in stands_for.items() if chosen in needed and name in changed}
        if more <= needed:
            return frozenset(needed)
        needed = frozenset(needed | more)


def _mixed(before: Mapping[str, T], after: Mapping[str, T], needed: Iterable[str]) -> dict[str, T]:
    mixed = dict(before)
    for name in needed:
        if name in after:
            mixed[name] = after[name]
        else:
            mixed.pop(name, None)
    return mixed


def _newly_broken(
    before: Side,
    now: Side,
    lines: Sequence[SolveLine],
    markers: Mapping[str, str],
    stands_for: Mapping[str, str],
) -> Iterable[str]:
    """Names to look at: a package some line no longer accepts, and the distribution whose line that is."""

    def holds(side: Side, name: str, specifier: SpecifierSet) -> bool:
        version = side.versions.get(name) or side.versions.get(stands_for.get(name, name))
        return version is not None and specifier.contains(version, prereleases=True)

    for line in lines:
        if not line.applies or not line.name or line.url:
            continue
        if holds(before, line.name, line.specifier) and not holds(now, line.name, line.specifier):
            yield line.name
    for owner, version in now.versions.items():
        for requirement in applying_requirements(now.requires.get(owner, ()), markers):
            name = canonicalize_name(requirement.name)
            if holds(now, name, requirement.specifier):
                continue
            was_there = before.versions.get(owner) == version
            if was_there and not holds(before, name, requirement.specifier):
                continue  # broken before, and none of our business now
            yield name
            yield owner
