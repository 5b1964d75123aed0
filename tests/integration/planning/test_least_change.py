"""Installing a pack changes only what it needs; what was wrong before is reported, and sync repairs it."""

from __future__ import annotations

import pytest

from comfyui_safe_install.tests.integration.planning.workbench import (
    Workbench,
    changes,
    codes,
    decision,
    finding,
    status,
    violated,
)


@pytest.fixture
def aged(bench: Workbench) -> Workbench:
    """A host on which time went by: everything has a newer release, and one pack's wish does not hold."""
    bench.requires("numpy>=1.25")
    bench.install("numpy", "2.0")
    bench.install("rich", "13.0", "markup")
    bench.install("markup", "2.0")
    bench.install("stale", "1.0")
    bench.own_pack("Settled", "rich>=13", "markup")
    bench.own_pack("Unhappy", "stale>=2", "missing")
    for name, version in (("numpy", "2.2"), ("markup", "3.0"), ("stale", "2.0"), ("missing", "1.0")):
        bench.offer(name, version)
    bench.offer("rich", "14.0", "markup")
    return bench


def test_a_new_pack_brings_only_its_own(aged: Workbench) -> None:
    """Newer releases of what others have are no reason to change anything."""
    aged.offer("tool", "1.0", "numpy", "rich")
    plan = aged.plan(aged.pack("A", "tool"))
    assert changes(plan) == {"tool": "1.0"}
    assert not plan.decisions
    assert not plan.refusals


def test_what_was_unsatisfied_is_reported_and_left(aged: Workbench) -> None:
    """Another pack's missing and outdated wishes are findings with a way to repair them, and no error."""
    aged.offer("tool", "1.0")
    plan = aged.plan(aged.pack("A", "tool"))
    named = [each for each in plan.findings if each.code == "already-unsatisfied"]
    assert [(each.pack, each.line) for each in named] == [("Unhappy", 1), ("Unhappy", 2)]
    assert {each.hints[0].code for each in named} == {"sync"}
    assert status(plan, "Unhappy") == ("partial", "already-unsatisfied")
    assert {line.text: line.detail for line in plan.lines if line.pack == "Unhappy"} == {
        "stale>=2": "already-unsatisfied",
        "missing": "already-unsatisfied",
    }


def test_sync_repairs_everything(aged: Workbench) -> None:
    """The full lock: what is missing comes, what is too old is raised, what is fine stays."""
    plan = aged.plan()
    assert changes(plan) == {"stale": "2.0", "missing": "1.0"}
    assert "already-unsatisfied" not in codes(plan)
    assert {each.status for each in plan.packs} == {"ok"}


def test_sync_repairs_core_first(aged: Workbench) -> None:
    """Core's own missing and outdated packages are brought in line before any pack has a say."""
    aged.requires("numpy>=2.1", "stale<2", "corething")
    aged.offer("corething", "1.0", "coredep")
    aged.offer("coredep", "1.0")
    aged.offer("coredep", "2.0")
    aged.own_pack("Greedy", "coredep<2")
    assert "core-unsatisfied" in codes(aged.plan(aged.pack("A")))
    plan = aged.plan()
    assert changes(plan) == {"numpy": "2.2", "corething": "1.0", "coredep": "2.0", "missing": "1.0"}
    assert violated(plan) == {("Unhappy", "stale>=2"), ("Greedy", "coredep<2")}
    assert {decision(plan, name).rule for name in ("stale", "coredep")} == {"core-wins"}


def test_reinstalling_the_unhappy_pack_repairs_it_alone(aged: Workbench) -> None:
    """The pack that is named gets what it needs."""
    aged.install("other", "1.0")
    aged.own_pack("Other", "other>=2")
    plan = aged.plan(str(aged.comfy / "custom_nodes" / "Unhappy"))
    assert changes(plan) == {"stale": "2.0", "missing": "1.0"}
    assert finding(plan, "already-unsatisfied").pack == "Other"


def test_what_a_change_would_break_changes_with_it(aged: Workbench) -> None:
    """The new pack raises markup; the installed library that does not allow the new one is raised too."""
    aged.install("panel", "1.0", "markup<3")
    aged.offer("panel", "2.0", "markup>=3")
    aged.own_pack("Panel", "panel")
    plan = aged.plan(aged.pack("A", "markup>=3"))
    assert changes(plan) == {"markup": "3.0", "panel": "2.0"}
    assert not plan.library_lines


def test_what_the_user_installed_keeps_its_bounds(aged: Workbench) -> None:
    """A distribution no pack asks for is as good as any: nothing that it needs is moved away from under it."""
    aged.install("mine", "1.0", "markup<3")
    plan = aged.plan(aged.pack("A", "markup"), aged.pack("B", "rich"))
    assert not plan.changes
    aged.offer("tool", "1.0", "markup>=2")
    assert changes(aged.plan(aged.pack("C", "tool"))) == {"tool": "1.0"}
    clash = aged.plan(aged.pack("D", "markup>=3"))
    assert not clash.changes
    assert violated(clash) == {("D", "markup>=3")}
    assert decision(clash, "markup").rule == "library-bounds"


def test_bounds_count_of_what_is_installed_for_an_unsatisfied_line(aged: Workbench) -> None:
    """`stale` 1.0 is not what its pack wants, but it is there and works: what it needs is not moved."""
    aged.install("worn", "1.0", "markup<3")
    aged.own_pack("Worn", "worn>=5")
    plan = aged.plan(aged.pack("A", "markup>=3"))
    assert not plan.changes
    assert violated(plan) == {("A", "markup>=3")}


def test_bounds_count_of_what_requires_each_other(aged: Workbench) -> None:
    """Two of the user's own distributions that require each other have no head, and count all the same."""
    aged.install("yin", "1.0", "yang")
    aged.install("yang", "1.0", "yin", "markup<3")
    plan = aged.plan(aged.pack("A", "markup>=3"))
    assert not plan.changes


def test_a_private_distribution_of_the_user_keeps_its_bounds(aged: Workbench) -> None:
    """It is on no index any more; what is installed needs no index to count."""
    aged.install("private", "1.0", "markup<3")
    (aged.index.folder / "private-1.0-py3-none-any.whl").unlink()
    plan = aged.plan(aged.pack("A", "markup>=3"))
    assert not plan.changes
    assert violated(plan) == {("A", "markup>=3")}


def test_what_is_broken_already_stops_nobody(aged: Workbench) -> None:
    """A library line that does not hold now is said to be so, and the pack gets what it wants."""
    aged.install("torn", "1.0", "markup>=99", "ghost")
    plan = aged.plan(aged.pack("A", "missing"))
    assert changes(plan) == {"missing": "1.0"}
    assert [each.code for each in plan.findings if "torn==1.0" in each.message] == [
        "library-line-already-broken"
    ] * 2
    assert all(line.was_broken for line in plan.library_lines)
    assert not plan.refusals


def test_removing_a_pack_leaves_what_others_got_by_rule(bench: Workbench) -> None:
    """Both packs got one OpenCV under different names; while one stays, so does it."""
    bench.requires("numpy")
    for line in ("opencv-python", "opencv-python-headless", "cv2"):
        bench.own_pack(f"Pack-{line}", line)
    bench.install("opencv-python-headless", "4.10.0.84")
    session = bench.session()
    for name in ("opencv-python-headless", "opencv-python", "cv2"):
        with session.plan_uninstall(f"Pack-{name}") as planned:
            assert not planned.plan.changes
