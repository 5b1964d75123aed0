"""Laws of settling wishes: order does not matter, once is enough, and nobody is allowed more than was asked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from comfyui_safe_install.resolver.core.merge import (
    Limit,
    Pin,
    Policy,
    demand,
    minimal_conflict,
    settle_direct_clashes,
    version_decisions,
    violated_lines,
)
from comfyui_safe_install.resolver.core.types import RequirementLine, Wish
from comfyui_safe_install.resolver.core.wishes import SolveLine

NAMES = ("numpy", "rich", "torch")
VERSIONS = ("1.0", "1.5", "2.0", "2.1.3", "3.0")
_operators = st.sampled_from(("==", ">=", "<", "<=", ">", "~=", "!="))


@st.composite
def solve_lines(draw: st.DrawFn) -> list[SolveLine]:
    """Lines of a few packs on a few packages, each at a place of its own."""
    count = draw(st.integers(0, 12))
    lines = []
    for number in range(count):
        name = draw(st.sampled_from(NAMES))
        version = draw(st.sampled_from(VERSIONS))
        text = f"{name}{draw(_operators)}{version}" if draw(st.booleans()) else name
        requirement = Requirement(text)
        pack = draw(st.sampled_from(("a", "b", "c", "d")))
        line = RequirementLine(
            pack=pack, file="requirements.txt", line=number + 1, text=text, requirement=requirement
        )
        lines.append(SolveLine(line=line, name=name, specifier=requirement.specifier))
    return lines


pins = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(
        Pin,
        version=st.sampled_from(VERSIONS),
        rule=st.just("core-wins"),
        reason=st.just("core"),
        wish=st.just(Wish(pack="ComfyUI", requirement="x")),
    ),
    max_size=2,
)
limits = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(
        lambda version: (
            Limit(
                specifier=SpecifierSet(f">={version}"),
                rule="core-wins",
                reason="core",
                wish=Wish(pack="ComfyUI", requirement="x"),
            ),
        ),
        st.sampled_from(VERSIONS),
    ),
    max_size=1,
)
policies = st.sampled_from(list(Policy))


@given(lines=solve_lines(), pinned=pins, limited=limits, policy=policies, seed=st.randoms())
def test_the_order_of_lines_does_not_matter(
    lines: list[SolveLine],
    pinned: dict[str, Pin],
    limited: dict[str, tuple[Limit, ...]],
    policy: Policy,
    seed: object,
) -> None:
    """However packs are listed, the same lines lose by the same rules."""
    shuffled = list(lines)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    one = settle_direct_clashes(lines, pins=pinned, limits=limited, policy=policy)
    other = settle_direct_clashes(shuffled, pins=pinned, limits=limited, policy=policy)
    assert {line.key: line.relaxed_by for line in one} == {line.key: line.relaxed_by for line in other}


@given(lines=solve_lines(), pinned=pins, limited=limits, policy=policies)
def test_settling_twice_changes_nothing(
    lines: list[SolveLine], pinned: dict[str, Pin], limited: dict[str, tuple[Limit, ...]], policy: Policy
) -> None:
    """What is settled stays settled."""
    once = settle_direct_clashes(lines, pins=pinned, limits=limited, policy=policy)
    assert settle_direct_clashes(once, pins=pinned, limits=limited, policy=policy) == once


@given(lines=solve_lines(), pinned=pins, limited=limits, policy=policies)
def test_what_is_left_can_be_met_together(
    lines: list[SolveLine], pinned: dict[str, Pin], limited: dict[str, tuple[Limit, ...]], policy: Policy
) -> None:
    """No pin, no limit and no two remaining lines on a package contradict each other."""
    settled = settle_direct_clashes(lines, pins=pinned, limits=limited, policy=policy)
    for name in NAMES:
        combined = SpecifierSet()
        for line in settled:
            if line.name == name and line.asks_version:
                combined &= line.specifier
                assert name not in pinned or line.accepts(pinned[name].version)
        if name not in pinned:
            for limit in limited.get(name, ()):
                combined &= limit.specifier
            assert not combined.is_unsatisfiable()


@given(lines=solve_lines(), policy=policies)
def test_no_line_gains_and_no_line_vanishes(lines: list[SolveLine], policy: Policy) -> None:
    """A line keeps its text or loses its limits; none is added, dropped, or made to ask for more."""
    settled = settle_direct_clashes(lines, pins={}, limits={}, policy=policy)
    assert [line.key for line in settled] == [line.key for line in lines]
    for before, after in zip(lines, settled, strict=True):
        assert after.solver_text() in (before.solver_text(), before.name)


@given(lines=solve_lines(), policy=policies)
def test_a_lonely_demand_is_never_given_up(lines: list[SolveLine], policy: Policy) -> None:
    """Without pins a line loses only to another line on the same package."""
    settled = settle_direct_clashes(lines, pins={}, limits={}, policy=policy)
    for line in settled:
        if line.relaxed_by:
            rivals = [other for other in settled if other.name == line.name and other.asks_version]
            assert rivals or SpecifierSet(str(line.specifier)).is_unsatisfiable()


@given(lines=solve_lines(), data=st.data())
def test_each_decision_names_whoever_it_overrules(lines: list[SolveLine], data: st.DataObject) -> None:
    """Every line the versions do not meet stands in exactly one decision, with its pack."""
    versions = {name: data.draw(st.sampled_from(VERSIONS)) for name in NAMES}
    decisions = version_decisions(lines, versions, pins={}, limits={}, reasons={})
    named = sorted((wish.pack, wish.requirement) for decision in decisions for wish in decision.violates)
    broken = sorted((line.line.pack, line.line.text) for line in violated_lines(lines, versions))
    assert sorted(set(named)) == sorted(set(broken))
    assert all(set(decision.violates) <= set(decision.wanted) for decision in decisions)


@given(
    items=st.lists(st.integers(0, 40), unique=True, max_size=16),
    conflicts=st.lists(st.frozensets(st.integers(0, 40), min_size=1, max_size=4), max_size=4),
)
@settings(max_examples=200)
def test_a_minimal_conflict_fails_and_none_of_it_can_be_spared(
    items: list[int], conflicts: list[frozenset[int]]
) -> None:
    """For any monotone oracle the part found fails, and fails no longer with one item less."""

    def fails(part: Sequence[int]) -> bool:
        return any(conflict <= set(part) for conflict in conflicts)

    found = minimal_conflict(items, fails)
    assert bool(found) == fails(items)
    if found:
        assert fails(found)
        assert not any(fails([each for each in found if each != spared]) for spared in found)


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (">=2.1", "==1.26.4"),
        ("==2.0", "<2"),
        (">=2", "<2"),
        ("~=2.1", ">=2"),
        ("==1.2", "<=1.2"),
        (">=1", ""),
    ],
)
def test_demand_orders_by_how_new_a_version_is_asked_for(newer: str, older: str) -> None:
    """The lower bound counts first, then the upper."""
    assert demand(SpecifierSet(newer)) > demand(SpecifierSet(older)) or not older


def test_newest_and_fewest_broken_settle_the_same_clash_differently() -> None:
    """One pack asks for something new, three for something old."""
    texts = {"new": "rich==3.0", "one": "rich<2", "two": "rich==1.0", "three": "rich<=1.5"}
    lines = [
        SolveLine(
            line=RequirementLine(pack=pack, file="f", line=1, text=text, requirement=Requirement(text)),
            name="rich",
            specifier=Requirement(text).specifier,
        )
        for pack, text in texts.items()
    ]
    newest = settle_direct_clashes(lines, pins={}, limits={}, policy=Policy.NEWEST)
    fewest = settle_direct_clashes(lines, pins={}, limits={}, policy=Policy.FEWEST_BROKEN)
    assert {line.line.pack for line in newest if line.relaxed_by} == {"one", "two", "three"}
    assert {line.line.pack for line in fewest if line.relaxed_by} == {"new"}
    assert Version("3.0") in lines[0].specifier
