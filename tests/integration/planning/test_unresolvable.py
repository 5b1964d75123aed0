"""A pack that cannot be had is named with the reason; the others go on, and its own install is stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.plan import Plan
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.tests.integration.planning.workbench import (
    Workbench,
    changes,
    codes,
    finding,
    status,
)
from comfyui_safe_install.tests.kit.index import Fault


@pytest.fixture
def troubled(bench: Workbench) -> Workbench:
    """An index with everything that can be wrong with a package, and one that is right."""
    bench.offer("good", "1.0")
    bench.offer("newpython", "1.0", requires_python=">=3.99")
    bench.offer("otherplatform", "1.0", tag="cp311-cp311-win_amd64")
    bench.offer("onlyold", "1.0")
    bench.offer("needsghost", "1.0", "ghost")
    bench.offer_source("fromsource", "1.0")
    bench.offer_source("broken", "1.0", fails=True)
    return bench


REASONS = [
    ("nosuchpackage", "line-no-such-package"),
    ("needsghost", "line-no-such-package"),
    ("newpython", "line-no-version-for-this-python"),
    ("otherplatform", "line-no-version-for-this-python"),
    ("onlyold>=2", "line-no-version-for-this-python"),
    ("onlyold==2", "line-no-version-for-this-python"),
    ("fromsource", "line-needs-build"),
    ("fromsource==1.0", "line-needs-build"),
]


@pytest.mark.parametrize(("line", "code"), REASONS)
def test_each_reason_has_its_class(troubled: Workbench, line: str, code: str) -> None:
    """The line is named with file, number and what to do; the pack being installed is stopped, nothing changes."""
    plan = troubled.plan(troubled.pack("A", "good", line))
    named = finding(plan, code)
    assert (named.pack, named.file, named.line) == ("A", "requirements.txt", 2)
    assert named.hints
    assert line in named.message
    assert [refusal.code for refusal in plan.refusals] == [code]
    assert not plan.to_dict()["ok"]
    assert status(plan, "A") == ("partial", code)


@pytest.mark.parametrize(("line", "code"), REASONS)
def test_others_go_on(troubled: Workbench, line: str, code: str) -> None:
    """In a sync the good pack gets what it needs and the bad one is unresolvable, with the reason."""
    troubled.own_pack("Bad", line)
    troubled.own_pack("Good", "good")
    plan = troubled.plan()
    assert changes(plan) == {"good": "1.0"}
    assert status(plan, "Bad") == ("unresolvable", code)
    assert status(plan, "Good") == ("ok", "")
    assert not plan.refusals


def test_a_bad_pack_from_before_stops_nobody(troubled: Workbench) -> None:
    """Installing a good pack beside one that was never resolvable."""
    troubled.own_pack("Bad", "nosuchpackage")
    plan = troubled.plan(troubled.pack("A", "good"))
    assert changes(plan) == {"good": "1.0"}
    assert not plan.refusals
    assert "line-no-such-package" not in codes(plan)


def test_several_bad_lines_are_all_named(troubled: Workbench) -> None:
    """One look at the plan shows everything that is wrong."""
    plan = troubled.plan(troubled.pack("A", "nosuchpackage", "newpython", "fromsource"))
    assert sorted(refusal.code for refusal in plan.refusals) == [
        "line-needs-build",
        "line-no-such-package",
        "line-no-version-for-this-python",
    ]
    assert status(plan, "A")[0] == "unresolvable"


def test_a_line_nobody_understands(troubled: Workbench) -> None:
    """pip would stop at it too; the hint says what was probably meant."""
    plan = troubled.plan(troubled.pack("A", "good", "numpy<1.24>=1.18"))
    assert [refusal.code for refusal in plan.refusals] == ["invalid-requirement"]
    assert status(plan, "A") == ("partial", "invalid-requirement")


def test_a_pack_for_another_python(troubled: Workbench) -> None:
    """The pack's own `requires-python` stops it before anything is asked of the index."""
    files = {"pyproject.toml": '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.99"\n'}
    plan = troubled.plan(troubled.pack("A", "good", files=files))
    assert [refusal.code for refusal in plan.refusals] == ["python-not-supported"]


# --- building -----------------------------------------------------------------------------------------------------


def test_a_build_is_done_only_with_consent(troubled: Workbench, tmp_path: Path) -> None:
    """Without consent no line of the package's code runs; with it the build is planned, and named as one."""
    log = tmp_path / "ran.txt"
    troubled.offer_source("loud", "1.0", touches=log)
    source = troubled.pack("A", "loud")
    assert finding(troubled.plan(source), "line-needs-build").hints[0].code == "allow-builds"
    assert not log.exists()
    plan = troubled.plan(source, allow=["builds"])
    assert changes(plan) == {"loud": "1.0"}
    assert log.exists()
    (package,) = [each for each in plan.lock if each.name == "loud"]
    assert package.builds
    assert not plan.refusals


def test_wheels_are_taken_first(troubled: Workbench) -> None:
    """An older wheel is better than a newer source nobody consented to run."""
    troubled.offer("mixed", "1.0")
    troubled.offer_source("mixed", "2.0")
    plan = troubled.plan(troubled.pack("A", "mixed"))
    assert changes(plan) == {"mixed": "1.0"}
    assert not plan.refusals


def test_a_build_that_fails(troubled: Workbench) -> None:
    """The line is named; a missing compiler is not the network's fault, nor the version's."""
    plan = troubled.plan(troubled.pack("A", "good", "broken"), allow=["builds"])
    assert [refusal.code for refusal in plan.refusals] == ["line-build-failed"]
    assert status(plan, "A") == ("partial", "line-build-failed")


# --- the index ----------------------------------------------------------------------------------------------------


def fails_to_plan(bench: Workbench) -> SafeInstallError:
    """The error of a plan that cannot be made."""
    source = bench.pack("A", "good", "onlyold==2")
    with pytest.raises(SafeInstallError) as caught:
        bench.plan(source)
    return caught.value


def test_an_index_that_is_down(troubled: Workbench) -> None:
    """Nothing can be planned, and no pack is blamed for it."""
    troubled.index.__exit__(None, None, None)
    error = fails_to_plan(troubled)
    assert error.code == "network-unreachable"
    assert error.hints
    troubled.index = type(troubled.index)(troubled.index.folder)
    troubled.index.__enter__()


@pytest.mark.parametrize("fault", [Fault.GARBAGE, Fault.SERVER_ERROR])
def test_an_index_that_misbehaves(troubled: Workbench, fault: Fault) -> None:
    """A login page or a server error is no conflict of versions."""
    troubled.index.break_down("good", fault)
    assert fails_to_plan(troubled).code == "network-unreachable"


def test_no_network_is_needed_where_nothing_is_asked(bench: Workbench) -> None:
    """A pack without requirements is planned while the index is down."""
    bench.index.break_down("*", Fault.SERVER_ERROR)
    plan: Plan = bench.plan(bench.pack("A"))
    assert not plan.changes
    assert not plan.refusals
