"""What depends on what, by metadata alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .types import Wish
from .wishes import parse_requirement

Requires = Mapping[str, Sequence[str]]
"""{canonical name: Requires-Dist texts of the version at hand}."""


def applying_requirements(
    texts: Sequence[str], markers: Mapping[str, str], extras: Iterable[str] = ()
) -> tuple[Requirement, ...]:
    """The requirements among `texts` whose markers hold, for no extra and for each of `extras`."""
    wanted = ["", *extras]
    found = []
    for text in texts:
        requirement = parse_requirement(text)
        if requirement is None:
            continue
        if _applies(requirement, markers, wanted):
            found.append(requirement)
    return tuple(found)


def _applies(requirement: Requirement, markers: Mapping[str, str], extras: Iterable[str]) -> bool:
    """Whether the marker holds; one that cannot be decided (`os_name ~= "x"`) holds for nobody."""
    marker = requirement.marker
    try:
        return marker is None or any(marker.evaluate({**markers, "extra": extra}) for extra in extras)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def closure(
    roots: Iterable[tuple[str, Iterable[str]]], requires: Requires, markers: Mapping[str, str]
) -> frozenset[str]:
    """All names reachable from the roots (name, extras) through `requires`; without metadata a path ends."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    todo = [(canonicalize_name(name), tuple(sorted(extras))) for name, extras in roots]
    while todo:
        entry = todo.pop()
        if entry in seen:
            continue
        seen.add(entry)
        name, extras = entry
        for requirement in applying_requirements(requires.get(name, ()), markers, extras):
            todo.append((canonicalize_name(requirement.name), tuple(sorted(requirement.extras))))
    return frozenset(name for name, _ in seen)


def broken_library_lines(
    versions: Mapping[str, str],
    requires: Requires,
    markers: Mapping[str, str],
    *,
    stands_for: Mapping[str, str],
    extras: Mapping[str, Iterable[str]] | None = None,
) -> tuple[tuple[str, Wish], ...]:
    """(package, wish) for each requirement of a distribution that the set {name: version} does not meet.

    `stands_for` maps a family's members to the one chosen: it provides the same modules.
    """
    broken = []
    for name in sorted(versions):
        for requirement in applying_requirements(
            requires.get(name, ()), markers, (extras or {}).get(name, ())
        ):
            asked = canonicalize_name(requirement.name)
            target = stands_for.get(asked, asked)
            version = versions.get(target)
            if requirement.url and version is not None:
                continue
            if version is None or (version and not requirement.specifier.contains(version, prereleases=True)):
                broken.append((target, Wish(pack=f"{name}=={versions[name]}", requirement=str(requirement))))
    return tuple(broken)
