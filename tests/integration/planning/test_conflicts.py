"""Wishes that cannot all be met: core wins, then the newest; every loser is named, and nothing is lost in vain."""

from __future__ import annotations

import pytest

from comfyui_safe_install.resolver.core.merge import Policy
from comfyui_safe_install.tests.integration.planning.workbench import (
    Workbench,
    changes,
    codes,
    decision,
    violated,
)


@pytest.fixture
def host(bench: Workbench) -> Workbench:
    """A host whose core has numpy 2.0 and pillow 11."""
    bench.requires("numpy>=1.25", "pillow")
    bench.install("numpy", "2.0")
    bench.install("pillow", "11.0")
    bench.offer("numpy", "1.26")
    bench.offer("numpy", "2.2")
    bench.offer("pillow", "9.5")
    return bench


# --- core wins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["numpy<2", "numpy==1.26", "numpy>=2.1", "numpy==9.9"])
def test_a_pack_never_moves_core(host: Workbench, line: str) -> None:
    """Older or newer, existing or not: core's package stays as installed, and the line is named."""
    plan = host.plan(host.pack("A", line))
    assert not plan.changes
    settled = decision(plan, "numpy")
    assert (settled.rule, settled.chosen) == ("core-wins", "2.0")
    assert [wish.pack for wish in settled.wanted] == ["ComfyUI", "A"]
    assert violated(plan) == {("A", line)}
    assert not plan.refusals


def test_cores_own_dependencies_are_core_too(host: Workbench) -> None:
    """What core's packages require is as protected as what core names."""
    host.install("requests", "2.31", "urllib3<3")
    host.install("urllib3", "2.0")
    host.offer("urllib3", "1.26")
    host.requires("requests")
    plan = host.plan(host.pack("A", "urllib3<2"))
    assert not plan.changes
    assert decision(plan, "urllib3").rule == "core-wins"


def test_a_library_is_chosen_to_work_with_core(host: Workbench) -> None:
    """The newest release does not allow core's numpy; an older one does, and it costs nobody anything."""
    host.offer("lib", "1.0", "numpy")
    host.offer("lib", "2.0", "numpy>=2.1")
    plan = host.plan(host.pack("A", "lib"))
    assert changes(plan) == {"lib": "1.0"}
    assert not plan.decisions


def test_a_pin_to_a_release_for_another_core_gives_way(host: Workbench) -> None:
    """The pack's line is relaxed and the library stays consistent: better than a library next to a wrong numpy."""
    host.offer("lib", "1.0", "numpy<2")
    host.offer("lib", "2.0", "numpy>=2")
    plan = host.plan(host.pack("A", "lib==1.0"))
    assert changes(plan) == {"lib": "2.0"}
    settled = decision(plan, "lib")
    assert (settled.rule, settled.chosen) == ("core-wins", "2.0")
    assert violated(plan) == {("A", "lib==1.0")}
    assert not plan.library_lines


def test_a_demand_only_a_library_against_core_meets_is_one_override(host: Workbench) -> None:
    """Going back to a release from before the one asked for is worse: the bound on core is passed over, by name."""
    host.offer("lib", "1.0", "numpy")
    host.offer("lib", "2.0", "numpy<2", "pillow>=9")
    plan = host.plan(host.pack("A", "lib>=2.0"))
    assert changes(plan) == {"lib": "2.0"}
    settled = decision(plan, "numpy")
    assert (settled.rule, settled.chosen) == ("core-wins", "2.0")
    assert violated(plan) == {("lib==2.0", "numpy<2")}
    assert [str(line.package) for line in plan.library_lines] == ["numpy"]
    assert not plan.refusals


def test_a_library_without_a_release_for_core_is_one_override(host: Workbench) -> None:
    """`lib` without a version, whose only release wants an older numpy, is installed and said."""
    host.offer("lib", "1.0", "numpy<2")
    plan = host.plan(host.pack("A", "lib"))
    assert changes(plan) == {"lib": "1.0"}
    assert violated(plan) == {("lib==1.0", "numpy<2")}


def test_two_of_cores_packages_may_be_in_the_way(host: Workbench) -> None:
    """Each of them is a decision of its own; nothing else is forced."""
    host.offer("lib", "1.0", "numpy<2", "pillow<10", "rich")
    host.offer("rich", "14.0")
    plan = host.plan(host.pack("A", "lib"))
    assert changes(plan) == {"lib": "1.0", "rich": "14.0"}
    assert {each.package for each in plan.decisions} == {"numpy", "pillow"}
    assert violated(plan) == {("lib==1.0", "numpy<2"), ("lib==1.0", "pillow<10")}
    assert not plan.refusals


def test_an_override_keeps_extras(host: Workbench) -> None:
    """Forcing a version drops no extra somebody asked for; two libraries of one age cannot both be right."""
    host.offer("old", "1.0", "codec<2")
    host.offer("new", "1.0", "codec[fast]>=2")
    host.offer("codec", "1.0", extras={"fast": ["speedup"]})  # type: ignore[arg-type]
    host.offer("codec", "2.0", extras={"fast": ["speedup"]})  # type: ignore[arg-type]
    host.offer("speedup", "1.0")
    plan = host.plan(host.pack("A", "old"), host.pack("B", "new"))
    assert changes(plan) == {"old": "1.0", "new": "1.0", "codec": "2.0", "speedup": "1.0"}
    assert violated(plan) == {("old==1.0", "codec<2")}
    assert decision(plan, "codec").rule == "newest-wins"


def test_a_demand_a_library_does_not_allow_gives_way(host: Workbench) -> None:
    """A pack's own limit is given up before a library is put next to what it does not work with."""
    host.offer("old", "1.0", "codec<2")
    host.offer("codec", "1.0")
    host.offer("codec", "2.0")
    plan = host.plan(host.pack("A", "old"), host.pack("B", "codec>=2"))
    assert changes(plan) == {"old": "1.0", "codec": "1.0"}
    assert decision(plan, "codec").rule == "library-bounds"
    assert violated(plan) == {("B", "codec>=2")}


def test_companions_of_numpy_2_are_recent_enough(host: Workbench) -> None:
    """With numpy 2 a scipy from before does not import, whatever its metadata allows."""
    host.offer("scipy", "1.11", "numpy")
    host.offer("scipy", "1.14", "numpy")
    plan = host.plan(host.pack("A", "scipy<1.12"))
    assert changes(plan) == {"scipy": "1.14"}
    assert decision(plan, "scipy").rule == "numpy-2-abi"
    assert violated(plan) == {("A", "scipy<1.12")}


# --- pack against pack --------------------------------------------------------------------------------------------


def test_between_packs_the_newest_wins(bench: Workbench) -> None:
    """The newest version wanted is installed; who wanted what, and who loses, is said."""
    bench.offer("rich", "13.7")
    bench.offer("rich", "14.0")
    plan = bench.plan(bench.pack("A", "rich==13.7"), bench.pack("B", "rich>=14"))
    assert changes(plan) == {"rich": "14.0"}
    settled = decision(plan, "rich")
    assert settled.rule == "newest-wins"
    assert {(wish.pack, wish.requirement) for wish in settled.wanted} == {
        ("A", "rich==13.7"),
        ("B", "rich>=14"),
    }
    assert violated(plan) == {("A", "rich==13.7")}


def test_packs_may_clash_through_their_libraries(bench: Workbench) -> None:
    """Neither line names the other's package; the smallest conflict is found, and the older release gives way."""
    bench.offer("shared", "1.0")
    bench.offer("shared", "2.0")
    bench.offer("liba", "1.0", "shared<2")
    bench.offer("liba", "2.0", "shared>=2")
    bench.offer("libb", "1.0", "shared>=2")
    plan = bench.plan(bench.pack("A", "liba==1.0"), bench.pack("B", "libb==1.0"))
    assert changes(plan) == {"liba": "2.0", "libb": "1.0", "shared": "2.0"}
    assert violated(plan) == {("A", "liba==1.0")}
    assert not plan.library_lines


def test_a_line_given_up_in_vain_binds_again(bench: Workbench) -> None:
    """Three packs, one conflict: whose wish the solution meets anyway loses nothing."""
    for version in ("1.0", "2.0", "3.0"):
        bench.offer("rich", version)
    plan = bench.plan(
        bench.pack("A", "rich<3"),
        bench.pack("B", "rich>=2"),
        bench.pack("C", "rich==1.0"),
        bench.pack("D", "rich"),
    )
    assert changes(plan) == {"rich": "2.0"}
    assert violated(plan) == {("C", "rich==1.0")}


def test_a_pack_may_contradict_itself(bench: Workbench) -> None:
    """Its newest demand is kept, and the rule says whose fault it is."""
    bench.offer("lib", "1.0", "rich<14")
    bench.offer("lib", "2.0", "rich")
    bench.offer("rich", "13.0")
    bench.offer("rich", "14.0")
    plan = bench.plan(bench.pack("A", "lib==1.0", "rich>=14"))
    assert changes(plan) == {"lib": "2.0", "rich": "14.0"}
    assert decision(plan, "lib").rule == "pack-contradicts-itself"
    assert violated(plan) == {("A", "lib==1.0")}


def test_a_constraint_of_a_pack_limits_but_asks_for_nothing(bench: Workbench) -> None:
    """What `-c` names is not installed for its own sake, and its limit counts for what is."""
    bench.offer("rich", "13.0", "markup")
    bench.offer("markup", "2.0")
    bench.offer("markup", "3.0")
    bench.offer("unused", "1.0")
    files = {"limits.txt": "markup<3\nunused==1.0\n"}
    plan = bench.plan(bench.pack("A", "rich", "-c limits.txt", files=files))
    assert changes(plan) == {"rich": "13.0", "markup": "2.0"}
    assert not plan.decisions


# --- the other policy ---------------------------------------------------------------------------------------------


def test_fewest_broken_takes_what_most_packs_accept(bench: Workbench) -> None:
    """Newest violates two packs, the other policy one; either says so."""
    bench.offer("rich", "13.0")
    bench.offer("rich", "14.0")
    packs = [bench.pack("A", "rich<14"), bench.pack("B", "rich==13.0"), bench.pack("C", "rich>=14")]
    newest = bench.plan(*packs)
    fewest = bench.plan(*packs, policy=Policy.FEWEST_BROKEN)
    assert changes(newest) == {"rich": "14.0"}
    assert violated(newest) == {("A", "rich<14"), ("B", "rich==13.0")}
    assert changes(fewest) == {"rich": "13.0"}
    assert violated(fewest) == {("C", "rich>=14")}
    assert decision(fewest, "rich").rule == "fewest-broken-wins"
    assert newest.fingerprint != fewest.fingerprint


def test_fewest_broken_counts_through_libraries_too(bench: Workbench) -> None:
    """One pack's newer library against three packs' pins: newest breaks three lines, the other policy one."""
    bench.offer("dep", "1.0")
    bench.offer("dep", "2.0")
    bench.offer("lib", "1.0", "dep<2")
    bench.offer("lib", "2.0", "dep>=2")
    packs = [bench.pack("A", "lib==2.0"), *(bench.pack(name, "dep==1.0") for name in ("B", "C", "D"))]
    newest = bench.plan(*packs)
    fewest = bench.plan(*packs, policy=Policy.FEWEST_BROKEN)
    assert changes(newest) == {"lib": "2.0", "dep": "2.0"}
    assert len(violated(newest)) == 3
    assert changes(fewest) == {"lib": "1.0", "dep": "1.0"}
    assert violated(fewest) == {("A", "lib==2.0")}


def test_the_tie_break_of_fewest_broken_is_the_newest(bench: Workbench) -> None:
    """One against one: the newest of the equals."""
    bench.offer("rich", "13.0")
    bench.offer("rich", "14.0")
    plan = bench.plan(
        bench.pack("A", "rich==13.0"), bench.pack("B", "rich==14.0"), policy=Policy.FEWEST_BROKEN
    )
    assert changes(plan) == {"rich": "14.0"}


# --- names that are no packages -----------------------------------------------------------------------------------


def test_import_names_and_standard_library_names(bench: Workbench) -> None:
    """Import names lead to their distributions; what Python has itself is not installed. All of it is said."""
    for name in ("pillow", "scikit-learn", "av", "pyyaml", "asyncio", "pathlib", "pil", "sklearn"):
        bench.offer(name, "9.0")
    plan = bench.plan(
        bench.pack("A", "PIL", "sklearn", "pyav", "yaml>=1", "asyncio", "pathlib", "typing==3.7.4")
    )
    assert set(changes(plan)) == {"pillow", "scikit-learn", "av", "pyyaml"}
    assert {
        each.package: each.chosen for each in plan.decisions if each.rule == "standard-library"
    } == dict.fromkeys(("asyncio", "pathlib", "typing"), "nothing installed")
    assert {line.text: line.outcome for line in plan.lines}["asyncio"] == "decision"
    assert not plan.refusals
    assert "line-no-such-package" not in codes(plan)


def test_a_version_of_an_import_name_that_means_nothing(bench: Workbench) -> None:
    """`sklearn==0.0` was a version of the placeholder; scikit-learn never had it."""
    bench.offer("scikit-learn", "1.5")
    plan = bench.plan(bench.pack("A", "sklearn==0.0"))
    assert changes(plan) == {"scikit-learn": "1.5"}
    assert decision(plan, "scikit-learn").rule == "import-name"
    assert violated(plan) == {("A", "sklearn==0.0")}
    assert not plan.refusals
