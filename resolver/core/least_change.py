"""Installing X changes only what X needs (architecture 3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """The names whose change the focus lines need, directly or because keeping the old would break somebody's line.

    A change is needed when its name is in the closure of a focus line, or when a line that held before would no
    longer hold among the changes already needed.
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
        now = Side(
            versions=_mixed(before.versions, after.versions, needed),
            requires=_mixed(before.requires, after.requires, needed),
        )
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


@dataclass(frozen=True, slots=True)
class _Versions:
    """A set of versions, asked through the families that stand in for each other."""

    versions: Mapping[str, str]
    stands_for: Mapping[str, str]

    def meet(self, name: str, specifier: SpecifierSet) -> bool:
        """Whether the package, or what provides its modules, is there in a version the specifier accepts."""
        version = self.versions.get(name) or self.versions.get(self.stands_for.get(name, name))
        return version is not None and specifier.contains(version, prereleases=True)


def _newly_broken(
    before: Side,
    now: Side,
    lines: Sequence[SolveLine],
    markers: Mapping[str, str],
    stands_for: Mapping[str, str],
) -> Iterator[str]:
    """Names to look at: a package some line no longer accepts, and the distribution whose line that is."""
    then, there = _Versions(before.versions, stands_for), _Versions(now.versions, stands_for)
    for line in lines:
        limits = line.applies and line.name and not line.url
        if limits and then.meet(line.name, line.specifier) and not there.meet(line.name, line.specifier):
            yield line.name
    for owner, version in now.versions.items():
        for requirement in applying_requirements(now.requires.get(owner, ()), markers):
            name = canonicalize_name(requirement.name)
            if there.meet(name, requirement.specifier):
                continue
            if before.versions.get(owner) == version and not then.meet(name, requirement.specifier):
                continue  # broken before, and none of our business now
            yield name
            yield owner
