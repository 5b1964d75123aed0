"""What no pack can move: core's closure, what rules keep, what nobody can move, and our own runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from .closure import applying_requirements, closure
from .merge import CORE_PIN_REASON, Limit, Limits, Pin, core_pin
from .rules import Rules
from .types import Distribution, Environment, Wish
from .wishes import SolveLine

OWN_NAME = "Safe Install"
OWN_RUNTIME = (
    "aiohttp>=3.11.8",
    "packaging>=26.1",
    "pydantic~=2.0",
    "pyyaml",
    "tomli; python_version<'3.11'",
    "tqdm",
    "uv>=0.13",
)
"""Our own runtime requirements; a test holds them equal to pyproject.toml."""


def core_closure(environment: Environment, core_lines: Sequence[SolveLine]) -> frozenset[str]:
    """The installed names core's own lines reach."""
    installed = environment.versions
    roots = [(line.name, line.extras) for line in core_lines if line.applies and line.name in installed]
    requires = {dist.name: dist.requires for dist in environment.distributions}
    return closure(roots, requires, environment.python.markers) & installed.keys()


def pins_of(
    environment: Environment, core_lines: Sequence[SolveLine], rules: Rules, *, repair: bool
) -> dict[str, Pin]:
    """{name: pin} of installed distributions that stay as they are.

    With `repair`, a distribution of core's closure that core (or another of its closure) does not accept is
    not pinned, so that it can be brought in line.
    """
    wishes = {line.name: line.wish for line in core_lines if line.name and line.applies}
    reached = core_closure(environment, core_lines)
    unfit = _unfit(environment, core_lines, reached) if repair else frozenset()
    pins = {}
    for dist in environment.distributions:
        rule = rules.keeping(dist.name)
        if rule:
            pins[dist.name] = Pin(
                version=dist.version, rule=rule.code, reason=rule.says, wish=_as_installed(dist)
            )
        elif dist.conda or dist.editable:
            kind = "conda" if dist.conda else "editable"
            reason = f"It is {kind}-installed: no files of its own could be swapped and undone, so it stays."
            pins[dist.name] = Pin(
                version=dist.version, rule=f"{kind}-kept", reason=reason, wish=_as_installed(dist)
            )
        elif dist.name in reached and dist.name not in unfit:
            wish = wishes.get(dist.name)
            pins[dist.name] = core_pin(dist.name, dist.version, wish.requirement if wish else "")
    return pins


def core_limits(core_lines: Sequence[SolveLine], pins: Mapping[str, Pin]) -> dict[str, tuple[Limit, ...]]:
    """Core's own specifiers on packages that are not pinned (not installed, or to be repaired)."""
    limits: dict[str, tuple[Limit, ...]] = {}
    for line in core_lines:
        if line.applies and line.name and line.specifier and line.name not in pins:
            limit = Limit(specifier=line.specifier, rule="core-wins", reason=CORE_PIN_REASON, wish=line.wish)
            limits[line.name] = (*limits.get(line.name, ()), limit)
    return limits


def companion_limits(rules: Rules, pins: Mapping[str, Pin]) -> dict[str, tuple[Limit, ...]]:
    """Limits by `companion` rules whose condition a pinned version meets."""
    limits: dict[str, tuple[Limit, ...]] = {}
    for rule in rules.of_kind("companion"):
        pin = pins.get(canonicalize_name(rule.when.name)) if rule.when else None
        if (
            rule.when is None
            or pin is None
            or not rule.when.specifier.contains(pin.version, prereleases=True)
        ):
            continue
        for requirement in rule.require:
            name = canonicalize_name(requirement.name)
            if name not in pins:
                wish = Wish(pack=str(rule.when), requirement=str(requirement))
                limit = Limit(specifier=requirement.specifier, rule=rule.code, reason=rule.says, wish=wish)
                limits[name] = (*limits.get(name, ()), limit)
    return limits


def runtime_limits(environment: Environment, pins: Mapping[str, Pin]) -> dict[str, tuple[Limit, ...]]:
    """Our own requirements, where they hold now: no pack may break the tool that can undo it."""
    limits: dict[str, tuple[Limit, ...]] = {}
    for requirement in applying_requirements(OWN_RUNTIME, environment.python.markers):
        name = canonicalize_name(requirement.name)
        version = environment.versions.get(name)
        if (
            version
            and name not in pins
            and requirement.specifier
            and requirement.specifier.contains(version, prereleases=True)
        ):
            limits[name] = (
                Limit(
                    specifier=requirement.specifier,
                    rule="own-runtime-protected",
                    reason="Safe Install's own runtime stays usable, so that every change can be undone.",
                    wish=Wish(pack=OWN_NAME, requirement=str(requirement)),
                ),
            )
    return limits


def joined(*parts: Mapping[str, tuple[Limit, ...]]) -> Limits:
    """All limits together, by name."""
    limits: dict[str, tuple[Limit, ...]] = {}
    for part in parts:
        for name, found in part.items():
            limits[name] = (*limits.get(name, ()), *found)
    return limits


def limit_texts(limits: Limits) -> tuple[str, ...]:
    """The limits as constraint texts, sorted."""
    texts = []
    for name, found in limits.items():
        combined = SpecifierSet()
        for limit in found:
            combined &= limit.specifier
        texts.append(f"{name}{combined}")
    return tuple(sorted(texts))


def _as_installed(dist: Distribution) -> Wish:
    return Wish(pack="(installed)", requirement=f"{dist.name}=={dist.version}")


def _unfit(
    environment: Environment, core_lines: Sequence[SolveLine], reached: frozenset[str]
) -> frozenset[str]:
    versions = environment.versions
    unfit = {
        line.name
        for line in core_lines
        if line.applies and line.name in versions and not line.accepts(versions[line.name])
    }
    for dist in environment.distributions:
        if dist.name not in reached:
            continue
        for requirement in applying_requirements(dist.requires, environment.python.markers):
            name = canonicalize_name(requirement.name)
            if name in versions and not requirement.specifier.contains(versions[name], prereleases=True):
                unfit.add(name)
    return frozenset(unfit)
