"""Where packs clash, the user can say whose wish is followed; what ComfyUI or a rule decides stays decided."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from comfyui_safe_install.resolver.core.merge import Policy
from comfyui_safe_install.resolver.core.plan import Plan
from comfyui_safe_install.resolver.engine.planned import ONE_BY_ONE, Options
from comfyui_safe_install.resolver.errors import UsageError
from comfyui_safe_install.tests.integration.planning.workbench import (
    Workbench,
    changes,
    codes,
    decision,
    finding,
    violated,
)


def plan(bench: Workbench, *sources: str, prefer: Mapping[str, str], policy: Policy = Policy.NEWEST) -> Plan:
    """The plan with these choices."""
    options = Options(prefer=prefer, policy=policy)
    session = bench.session()
    with session.plan_install(sources, options) if sources else session.plan_sync(options) as planned:
        return planned.plan


@pytest.fixture
def rich(bench: Workbench) -> Workbench:
    """An index with two releases of `rich`."""
    bench.offer("rich", "13.0")
    bench.offer("rich", "14.0")
    return bench


@pytest.mark.parametrize("policy", list(Policy))
def test_the_pack_that_was_chosen_is_followed(rich: Workbench, policy: Policy) -> None:
    """Under either policy; the decision names the choice, and whoever could be followed instead."""
    packs = [rich.pack("A", "rich==13.0"), rich.pack("B", "rich>=14")]
    usual = plan(rich, *packs, prefer={}, policy=policy)
    assert changes(usual) == {"rich": "14.0"}
    assert decision(usual, "rich").alternatives == ("A",)
    chosen = plan(rich, *packs, prefer={"rich": "A"}, policy=policy)
    assert changes(chosen) == {"rich": "13.0"}
    settled = decision(chosen, "rich")
    assert (settled.rule, settled.alternatives, settled.follows) == ("your-choice", ("B",), {"rich": "A"})
    assert settled.reason == "You chose to follow A for rich."
    assert violated(chosen) == {("B", "rich>=14")}
    assert chosen.fingerprint != usual.fingerprint
    assert plan(rich, *packs, prefer={"rich": "B"}, policy=policy).lock == usual.lock


def test_a_choice_reaches_through_libraries(bench: Workbench) -> None:
    """The library of another pack gives way to the wish that was chosen, or the other way round."""
    bench.offer("dep", "1.0")
    bench.offer("dep", "2.0")
    bench.offer("lib", "1.0", "dep<2")
    bench.offer("lib", "2.0", "dep>=2")
    packs = [bench.pack("A", "lib==2.0"), bench.pack("B", "dep==1.0")]
    usual = plan(bench, *packs, prefer={})
    assert changes(usual) == {"lib": "2.0", "dep": "2.0"}
    assert decision(usual, "dep").alternatives == ("B",)
    chosen = plan(bench, *packs, prefer={"dep": "B"})
    assert changes(chosen) == {"lib": "1.0", "dep": "1.0"}
    settled = decision(chosen, "lib")
    assert (settled.rule, settled.follows, settled.alternatives) == ("your-choice", {"dep": "B"}, ("A",))
    assert "B for dep" in settled.reason
    both = plan(bench, *packs, prefer={"dep": "B", "lib": "A"})
    assert changes(both) == changes(usual), "between two choices the policy decides"
    assert [hint.code for hint in finding(both, "choice-not-possible").hints] == ["choose-one"]


def test_core_is_not_moved_by_a_choice(bench: Workbench) -> None:
    """The choice is said to be impossible, and why."""
    bench.requires("rich")
    bench.install("rich", "14.0")
    bench.offer("rich", "13.0")
    packs = [bench.pack("A", "rich==13.0"), bench.pack("B", "rich>=14")]
    chosen = plan(bench, *packs, prefer={"rich": "A"})
    assert not chosen.changes
    settled = decision(chosen, "rich")
    assert (settled.rule, settled.alternatives, settled.follows) == ("core-wins", (), {})
    said = finding(chosen, "choice-not-possible")
    assert (said.pack, [hint.code for hint in said.hints]) == ("A", ["leave-it-out"])
    assert "ComfyUI's own packages stay as installed" in said.message


def test_no_release_can_be_chosen_where_there_is_none(rich: Workbench) -> None:
    """What cannot be had at all cannot be chosen either; both findings say so."""
    chosen = plan(rich, rich.pack("A", "rich==99"), rich.pack("B", "rich>=13"), prefer={"rich": "A"})
    assert {"choice-not-possible", "line-no-such-package", "line-conflict"} & {*codes(chosen)}
    assert finding(chosen, "choice-not-possible").pack == "A"


def test_names_are_read_kindly_and_families_are_one(rich: Workbench) -> None:
    """A pack is found whatever its case; a package by any name of its family, or the one the pack wrote."""
    one = "opencv-contrib-python-headless"
    rich.offer(one, "4.8")
    rich.offer(one, "4.11")
    packs = [rich.pack("Alpha", "opencv-python==4.8"), rich.pack("B", "opencv-contrib-python==4.11")]
    assert changes(plan(rich, *packs, prefer={})) == {one: "4.11"}
    for name in ("opencv-python", "opencv-contrib-python", one):
        chosen = plan(rich, *packs, prefer={name: "alpha"})
        assert changes(chosen) == {one: "4.8"}, name
        assert dict(chosen.prefer) == {one: "Alpha"}


def test_a_wish_that_was_broken_is_met_when_it_is_chosen(rich: Workbench) -> None:
    """Installing C leaves the line of A alone, which does not hold, unless it is chosen."""
    rich.install("rich", "14.0")
    rich.own_pack("A", "rich==13.0")
    rich.own_pack("B", "rich>=14")
    source = rich.pack("C")
    assert changes(plan(rich, source, prefer={})) == {}
    chosen = plan(rich, source, prefer={"rich": "A"})
    assert changes(chosen) == {"rich": "13.0"}
    assert violated(chosen) == {("B", "rich>=14")}


@pytest.mark.parametrize(
    ("prefer", "code"),
    [
        ({"rich": "Nobody"}, "choice-pack-unknown"),
        ({"poor": "A"}, "choice-package-unknown"),
        ({"rich": "Silent"}, "choice-pack-without-wish"),
    ],
)
def test_a_choice_of_nothing_is_an_error(rich: Workbench, prefer: dict[str, str], code: str) -> None:
    """A pack or a package that nobody knows is named, with who asks for it."""
    packs = [rich.pack("A", "rich==13.0"), rich.pack("Silent")]
    with pytest.raises(UsageError) as raised:
        plan(rich, *packs, prefer=prefer)
    assert raised.value.code == code
    assert raised.value.hints


def test_one_by_one_nobody_can_be_preferred(rich: Workbench) -> None:
    """Said, not passed over."""
    with pytest.raises(UsageError) as raised:
        rich.session().plan_install(
            [rich.pack("A", "rich==13.0")], Options(prefer={"rich": "A"}, strategy=ONE_BY_ONE)
        )
    assert raised.value.code == "choice-needs-merged"
