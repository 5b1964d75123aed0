"""Laws of choosing whose wish is followed: nothing changes in vain, order does not matter, a choice holds."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from comfyui_safe_install.resolver.core.choices import NO_CHOICES, YOUR_CHOICE, Choices
from comfyui_safe_install.resolver.core.merge import (
    Limit,
    Pin,
    Policy,
    settle_direct_clashes,
    version_decisions,
)
from comfyui_safe_install.resolver.core.wishes import SolveLine

from .test_settling import NAMES, VERSIONS, limits, pins, policies, solve_lines

PACKS = ("a", "b", "c", "d")
some = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(PACKS), max_size=3)
choosing = st.builds(lambda given, earlier: Choices(given=given, earlier=earlier), some, some)


def settle(lines: list[SolveLine], policy: Policy, choices: Choices = NO_CHOICES) -> tuple[SolveLine, ...]:
    """Settled between packs alone."""
    return settle_direct_clashes(lines, pins={}, limits={}, policy=policy, choices=choices)


def losers(lines: tuple[SolveLine, ...]) -> set[tuple[str, str, int, str]]:
    """The lines that were given up."""
    return {line.key for line in lines if line.relaxed_by}


@given(
    lines=solve_lines(),
    pinned=pins,
    limited=limits,
    policy=policies,
    choices=choosing,
    seed=st.randoms(),
)
def test_order_does_not_matter_and_once_is_enough(
    lines: list[SolveLine],
    pinned: dict[str, Pin],
    limited: dict[str, tuple[Limit, ...]],
    policy: Policy,
    choices: Choices,
    seed: object,
) -> None:
    """Whatever is chosen, and however packs are listed; and what is left can be met together."""

    def settled(these: list[SolveLine] | tuple[SolveLine, ...]) -> tuple[SolveLine, ...]:
        return settle_direct_clashes(these, pins=pinned, limits=limited, policy=policy, choices=choices)

    shuffled = list(lines)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    once = settled(lines)
    assert {line.key: line.relaxed_by for line in once} == {
        line.key: line.relaxed_by for line in settled(shuffled)
    }
    assert settled(once) == once
    for name in NAMES:
        left = SpecifierSet()
        for line in once:
            if line.name == name and line.asks_version:
                left &= line.specifier
        assert not left.is_unsatisfiable()


@given(lines=solve_lines(), policy=policies, data=st.data())
def test_choosing_what_wins_anyway_changes_no_winner(
    lines: list[SolveLine], policy: Policy, data: st.DataObject
) -> None:
    """A pack none of whose lines on a package loses may be chosen for it without any effect."""
    usual = settle(lines, policy)
    name, pack = data.draw(st.sampled_from(NAMES)), data.draw(st.sampled_from(PACKS))
    assume(not any(line.relaxed_by for line in usual if (line.name, line.line.pack) == (name, pack)))
    assert losers(settle(lines, policy, Choices(given={name: pack}))) == losers(usual)


@given(lines=solve_lines(), policy=policies, data=st.data())
def test_a_choice_is_followed_and_touches_its_package_alone(
    lines: list[SolveLine], policy: Policy, data: st.DataObject
) -> None:
    """What can be met of the pack's own lines is met; nothing changes for other packages."""
    name, pack = data.draw(st.sampled_from(NAMES)), data.draw(st.sampled_from(PACKS))
    settled = settle(lines, policy, Choices(given={name: pack}))
    own = [line for line in lines if (line.name, line.line.pack) == (name, pack) and line.asks_version]
    together = SpecifierSet()
    for line in own:
        together &= line.specifier
    if not together.is_unsatisfiable():
        assert not losers(settled) & {line.key for line in own}
    elsewhere = {line.key for line in lines if line.name != name}
    assert losers(settled) & elsewhere == losers(settle(lines, policy)) & elsewhere
    if not own:
        assert losers(settled) == losers(settle(lines, policy))
        assert not any(line.relaxed_by == YOUR_CHOICE for line in settled)


@given(lines=solve_lines(), policy=policies, data=st.data())
def test_every_alternative_can_be_had(lines: list[SolveLine], policy: Policy, data: st.DataObject) -> None:
    """Whoever is offered instead, and does not contradict itself, loses nothing once it is chosen."""
    versions = {name: data.draw(st.sampled_from(VERSIONS)) for name in NAMES}
    settled = settle(lines, policy)
    for decision in version_decisions(settled, versions, pins={}, limits={}, reasons={}):
        assert set(decision.alternatives) <= {wish.pack for wish in decision.violates}
        for pack in decision.alternatives:
            own = [line for line in lines if (line.name, line.line.pack) == (decision.package, pack)]
            together = SpecifierSet()
            for line in own:
                together &= line.specifier
            if not together.is_unsatisfiable():
                other = settle(lines, policy, Choices(given={decision.package: pack}))
                assert not losers(other) & {line.key for line in own}
