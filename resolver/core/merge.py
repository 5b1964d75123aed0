"""Settling wishes that cannot all be met: core wins over packs, newest wins between packs.

This is option c of the design note. Giving up a *pack's* version limit never breaks a library: the solver
still holds every library to its own bounds. So a losing line is relaxed (its name stays, its limits go)
rather than overridden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from .choices import NO_CHOICES, YOUR_CHOICE, Choices
from .types import CORE, Decision, Wish
from .wishes import SolveLine

NOT_INSTALLED = "not installed"
"""What was chosen where a package somebody asks for is not to be there."""

T = TypeVar("T")
LineKey = tuple[str, str, int, str]
"""See `SolveLine.key`."""


class Policy(str, Enum):
    """How a clash between packs is settled."""

    NEWEST = "newest"
    """The newest version wanted wins, as the design note says."""
    FEWEST_BROKEN = "fewest-broken"
    """The version that violates the fewest lines wins; the newest of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A version no pack can move, and why."""

    version: str
    rule: str
    reason: str
    wish: Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Versions no pack can leave, without one being fixed (core's own specifier, a companion rule)."""

    specifier: SpecifierSet
    rule: str
    reason: str
    wish: Wish


Limits = Mapping[str, tuple[Limit, ...]]
"""{canonical name: limits on it}."""


def settle_direct_clashes(
    lines: Sequence[SolveLine],
    *,
    pins: Mapping[str, Pin],
    limits: Limits,
    policy: Policy,
    choices: Choices = NO_CHOICES,
) -> tuple[SolveLine, ...]:
    """The lines with those relaxed that contradict a pin, core's own limits, or each other by themselves.

    Pure and order-independent; running it on its own result changes nothing. Choosing what wins anyway changes
    no winner.
    """
    losers: dict[LineKey, str] = {}
    by_name: dict[str, list[SolveLine]] = {}
    by_url: dict[str, list[SolveLine]] = {}
    for line in lines:
        if line.applies and line.name and not line.relaxed_by:
            if line.url:
                by_url.setdefault(line.name, []).append(line)
            elif line.asks_version:
                by_name.setdefault(line.name, []).append(line)
    for name, asking in by_url.items():
        losers.update(_losing_urls(asking, pins.get(name), choices))
    for name, asking in by_name.items():
        pin = pins.get(name)
        if pin:
            losers.update({line.key: pin.rule for line in asking if not line.accepts(pin.version)})
            continue
        combined = SpecifierSet()
        for limit in limits.get(name, ()):
            losers.update(
                {
                    line.key: limit.rule
                    for line in asking
                    if (line.specifier & limit.specifier).is_unsatisfiable()
                }
            )
            combined &= limit.specifier
        rest = [line for line in asking if line.key not in losers]
        winners = {line.key for line in _largest_agreement(rest, combined, policy, choices)}
        followed = [line for line in rest if line.key in winners and choices.rank(line)]
        for line in rest:
            if line.key not in winners:
                against = bool(followed) and line not in _grow([*followed, line], combined)
                losers[line.key] = YOUR_CHOICE if against else f"{policy.value}-wins"
    return tuple(replace(line, relaxed_by=losers[line.key]) if line.key in losers else line for line in lines)


def _losing_urls(lines: Sequence[SolveLine], pin: Pin | None, choices: Choices) -> dict[LineKey, str]:
    """{key: rule} of lines whose URL is not followed: the package stays as it is, or comes from another."""
    if pin:
        return {line.key: pin.rule for line in lines}
    packs: dict[str, set[str]] = {}
    for line in lines:
        packs.setdefault(line.url, set()).add(line.line.pack)
    preferred = {line.url for line in lines if choices.rank(line)}
    chosen = max(sorted(preferred or packs), key=lambda url: len(packs[url]))
    rule = YOUR_CHOICE if preferred else "one-url"
    return {line.key: rule for line in lines if line.url != chosen}


def _largest_agreement(
    lines: Sequence[SolveLine], limit: SpecifierSet, policy: Policy, choices: Choices
) -> list[SolveLine]:
    """Lines that can be met together: grown from the newest demand, or (fewest-broken) the most there are.

    What the user chose comes before either.
    """
    combined = limit
    for line in lines:
        combined &= line.specifier
    if not combined.is_unsatisfiable():
        return list(lines)
    ranked = sorted(lines, key=lambda line: (demand(line.specifier), line.key), reverse=True)
    chosen_first = sorted(ranked, key=choices.rank, reverse=True)
    if policy is Policy.NEWEST:
        return _grow(chosen_first, limit)
    agreements = [_grow([seed, *(line for line in ranked if line is not seed)], limit) for seed in ranked]
    chosen = {line.key for line in _grow([line for line in ranked if choices.rank(line)], limit)}
    agreements = [each for each in agreements if chosen <= {line.key for line in each}]
    agreements = agreements or [_grow(chosen_first, limit)]
    # `max` keeps the first of equals, and `ranked` starts with the newest demand: newest is the tie-break.
    return max(
        agreements, key=lambda agreement: len({line.line.pack for line in agreement}) * 1000 + len(agreement)
    )


def _grow(lines: Iterable[SolveLine], limit: SpecifierSet) -> list[SolveLine]:
    agreed: list[SolveLine] = []
    combined = limit
    for line in lines:
        narrowed = combined & line.specifier
        if not narrowed.is_unsatisfiable():
            agreed.append(line)
            combined = narrowed
    return agreed


_NO_BOUND = Version("0.dev0")
_UNLIMITED = Version("999999!0")


def demand(specifier: SpecifierSet) -> tuple[Version, Version]:
    """How new a version the specifier demands: (lower bound, upper bound), for ordering "newest wins".

    >>> demand(SpecifierSet(">=2.1")) > demand(SpecifierSet("==1.26.4")) > demand(SpecifierSet("<2"))
    True
    """
    lower, upper = _NO_BOUND, _UNLIMITED
    for part in specifier:
        try:
            version = Version(part.version.removesuffix(".*"))
        except ValueError:
            continue
        if part.operator in ("==", "===", ">=", ">", "~="):
            lower = max(lower, version)
        if part.operator in ("==", "===", "<", "<="):
            upper = min(upper, version)
    return lower, upper


def minimal_conflict(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> tuple[T, ...]:
    """A smallest (by inclusion) part of `items` for which `fails` is true; QuickXplain (Junker, AAAI 2004).

    `fails` must be monotone: adding items never makes a failing set succeed. Returns () if `fails(())` is
    true already or `fails(items)` is false. Calls `fails` about k * log2(n / k) times for k items of n.
    """
    if not fails(items) or fails(()):
        return ()
    return tuple(_quick_explain((), False, list(items), fails))


def _quick_explain(
    background: tuple[T, ...], grew: bool, items: list[T], fails: Callable[[Sequence[T]], bool]
) -> list[T]:
    if grew and fails(background):
        return []
    if len(items) == 1:
        return items
    half = len(items) // 2
    first, second = items[:half], items[half:]
    from_second = _quick_explain((*background, *first), True, second, fails)
    from_first = _quick_explain((*background, *from_second), bool(from_second), first, fails)
    return from_first + from_second


def newer_count(candidate: Mapping[str, str], other: Mapping[str, str]) -> int:
    """How many packages are newer in `candidate` than in `other`, less how many are older."""
    balance = 0
    for name, version in candidate.items():
        # A package from a URL may have no version yet.
        if version and other.get(name, version) not in ("", version):
            balance += 1 if Version(version) > Version(other[name]) else -1
    return balance


def violated_lines(lines: Iterable[SolveLine], versions: Mapping[str, str]) -> tuple[SolveLine, ...]:
    """The lines that a set of {name: version} does not meet: package missing, another version or origin."""
    return tuple(line for line in lines if line.applies and line.name and not _is_met(line, versions))


def _is_met(line: SolveLine, versions: Mapping[str, str]) -> bool:
    if line.url:
        return not line.relaxed_by
    if line.name not in versions:
        return line.line.constraint
    return line.accepts(versions[line.name])


def version_decisions(
    lines: Sequence[SolveLine],
    versions: Mapping[str, str],
    *,
    pins: Mapping[str, Pin],
    limits: Limits,
    reasons: Mapping[str, str],
    choices: Choices = NO_CHOICES,
) -> tuple[Decision, ...]:
    """One decision per package whose lines could not all be met: who wants it, and whose line is violated.

    `reasons`: {code of a rule: the rule in words}. `choices`: those that are followed.
    """
    known = {**REASONS, **reasons, **{pin.rule: pin.reason for pin in pins.values()}}
    violated: dict[str, list[SolveLine]] = {}
    for line in violated_lines(lines, versions):
        violated.setdefault(line.name, []).append(line)
    decisions = []
    for name in sorted(violated):
        losing = violated[name]
        pin = pins.get(name)
        # Where one line lost to a rule and another between packs, the rule is what counts.
        rules = sorted(
            {line.relaxed_by for line in losing if line.relaxed_by},
            key=lambda rule: (rule in BETWEEN_PACKS, rule != YOUR_CHOICE, rule),
        )
        rule = pin.rule if pin else (rules[0] if rules else "library-bounds")
        strong = ((pin.wish,) if pin else ()) + tuple(limit.wish for limit in limits.get(name, ()))
        known |= {limit.rule: limit.reason for limit in limits.get(name, ())}
        decisions.append(
            Decision(
                package=name,
                rule=rule,
                chosen=versions.get(name, NOT_INSTALLED),
                wanted=tuple(
                    dict.fromkeys(
                        (*strong, *(line.wish for line in lines if line.applies and line.name == name))
                    )
                ),
                violates=tuple(line.wish for line in losing),
                reason=choices.reason(name)
                if rule == YOUR_CHOICE
                else pin.reason
                if pin
                else known.get(rule, ""),
                alternatives=() if pin else _alternatives(losing, choices.all.get(name)),
                follows=choices.behind(name) if YOUR_CHOICE in rules else {},
            )
        )
    return tuple(decisions)


def _alternatives(losing: Sequence[SolveLine], followed: str | None) -> tuple[str, ...]:
    """The packs whose lines on the package lost only to other packs'."""
    packs: dict[str, bool] = {}
    for line in losing:
        pack = line.line.pack
        packs[pack] = packs.get(pack, True) and line.relaxed_by in BETWEEN_PACKS
    return tuple(pack for pack, between in packs.items() if between and pack != followed)


BETWEEN_PACKS = frozenset({*(f"{policy.value}-wins" for policy in Policy), YOUR_CHOICE, "one-url"})
"""Rules by which a line lost to another pack's, so that the user can choose otherwise."""

REASONS = {
    "core-wins": "ComfyUI's own requirements always win over a pack's.",
    "newest-wins": "Between packs the newest version wanted wins.",
    "fewest-broken-wins": "Between packs the version that violates the fewest lines wins, newest of those.",
    "pack-contradicts-itself": "The pack's own lines cannot all be met together; the newest demand was kept.",
    "library-bounds": "Another wanted package does not allow this version.",
    "one-url": "Packs ask for the package from different URLs; the one most packs name was taken.",
}
"""What each rule of the merge says, in words."""

CORE_PIN_REASON = "ComfyUI's own packages stay as installed; a pack never moves them."


def core_pin(name: str, version: str, requirement: str) -> Pin:
    """The pin of a package of core's closure."""
    return Pin(
        version=version,
        rule="core-wins",
        reason=CORE_PIN_REASON,
        wish=Wish(pack=CORE, requirement=requirement or f"{name}=={version}"),
    )
