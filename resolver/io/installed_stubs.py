"""Which installed distributions a solve sees as stubs, and with which of their requirements."""

from __future__ import annotations

from collections.abc import Collection

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..core.closure import applying_requirements
from ..core.types import Distribution, Environment
from .stubs import Stub


def installed_stubs(
    environment: Environment, pins: Collection[str], *, allow_builds: bool, repair: bool
) -> tuple[Stub, ...]:
    """A stub for each installed distribution: what is there can stay, whatever an index still offers.

    Where builds are allowed only for what no index has: uv fills a build's isolated environment from the same
    places, and a stub there would be an empty package.
    """
    return tuple(
        Stub(
            dist.name,
            dist.version,
            _respected(dist, environment, pins, repair=repair),
            dist.provides_extras,
        )
        for dist in environment.distributions
        if dist.is_local_build or not allow_builds
    )


def _respected(
    dist: Distribution, environment: Environment, pins: Collection[str], *, repair: bool
) -> tuple[str, ...]:
    """The requirements of an installed distribution a solve shall respect.

    What does not hold now must not make every solve fail; with `repair` it is kept where it can be mended.
    """
    installed = environment.versions
    kept = []
    for text in dist.requires:
        requirement = _parsed(text)
        if requirement is None:
            continue
        name = canonicalize_name(requirement.name)
        applies = bool(applying_requirements((text,), environment.python.markers))
        holds = name in installed and requirement.specifier.contains(installed[name], prereleases=True)
        if not applies or holds or (repair and name not in pins):
            kept.append(text)
    return tuple(kept)


def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except (ValueError, RecursionError):
        return None
