"""Installing X changes only what X needs (architecture 3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from .closure import Requires, applying_requirements, closure
from .wishes import SolveLine


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
        versions = _mixed(before.versions, after.versions, needed)
        requires = _mixed(before.requires, after.requires, needed)
        wanting = set(_newly_broken(before, versions, requires, others, markers, stands_for))
        more = closure(((name, ()) for name in wanting & changed), after.requires, markers) & changed
        # A family's other members go away exactly when the chosen one comes.
        more |= {name for name, chosen in stands_for.items() if chosen in needed and name in changed}
        if more <= needed:
            return frozenset(needed)
        needed = frozenset(needed | more)


def _mixed(before: Mapping[str, object], after: Mapping[str, object], needed: Iterable[str]) -> dict:  # type: ignore[type-arg]
    mixed = dict(before)
    for name in needed:
        if name in after:
            mixed[name] = after[name]
        else:
            mixed.pop(name, None)
    return mixed


def _newly_broken(
    before: Side,
    versions: Mapping[str, str],
    requires: Requires,
    lines: Sequence[SolveLine],
    markers: Mapping[str, str],
    stands_for: Mapping[str, str],
) -> Iterable[str]:
    """Names to look at: a package some line no longer accepts, and the distribution whose line that is."""

    def meets(have: Mapping[str, str], name: str, accepts: object) -> bool:
        version = have.get(name) or have.get(stands_for.get(name, name))
        return version is not None and bool(accepts(version))  # type: ignore[operator]

    for line in lines:
        if line.applies and line.name and not line.url and meets(before.versions, line.name, line.accepts):
            if not meets(versions, line.name, line.accepts):
                yield line.name
    for owner in versions:
        for requirement in applying_requirements(requires.get(owner, ()), markers):
            name = canonicalize_name(requirement.name)

            def accepts(version: str, requirement=requirement) -> bool:  # type: ignore[no-untyped-def]
                return bool(requirement.specifier.contains(version, prereleases=True))

            if meets(versions, name, accepts):
                continue
            was_there = before.versions.get(owner) == versions[owner]
            if was_there and not meets(before.versions, name, accepts):
                continue  # broken before, and none of our business now
            yield name
            yield owner
