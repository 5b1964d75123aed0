"""Pack after pack, each as plain pip would; and both ways side by side."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from comfyui_safe_install.resolver.engine.comparing import Side, compare
from comfyui_safe_install.resolver.engine.planned import Options
from comfyui_safe_install.resolver.io.environment import read_environment
from comfyui_safe_install.resolver.io.python_probe import probe_python
from comfyui_safe_install.tests.integration.planning.workbench import (
    Workbench,
    changes,
    codes,
    decision,
    finding,
    status,
    violated,
)

ONE_BY_ONE = "one-by-one"


@pytest.fixture
def host(bench: Workbench) -> Workbench:
    """A host as many have it, and an index that can do damage to it."""
    bench.requires("torch", "numpy>=1.25")
    bench.install("torch", "2.5.1+cu121", "numpy")
    bench.install("numpy", "2.0")
    bench.install("plot", "1.0", "numpy>=2")
    bench.own_pack("Plotter", "plot")
    bench.offer("numpy", "1.26")
    bench.offer("torch", "2.6.0", "numpy")
    for version in ("13.0", "14.0"):
        bench.offer("rich", version)
    return bench


def test_the_last_one_wins(host: Workbench) -> None:
    """Each pack gets what it asks for, in the order given, whatever that does to those before."""
    first, last = host.pack("First", "rich==14.0"), host.pack("Last", "rich==13.0")
    plan = host.plan(first, last, strategy=ONE_BY_ONE)
    assert changes(plan) == {"rich": "13.0"}
    assert decision(plan, "rich").rule == "last-wins"
    assert violated(plan) == {("First", "rich==14.0")}
    other = host.plan(last, first, strategy=ONE_BY_ONE)
    assert changes(other) == {"rich": "14.0"}
    assert violated(other) == {("Last", "rich==13.0")}


def test_core_and_the_gpu_build_are_clobbered(host: Workbench) -> None:
    """What pip does in silence is said: core's lines, the library's broken bound, the build that is gone."""
    plan = host.plan(host.pack("A", "torch==2.6.0", "numpy<2"), strategy=ONE_BY_ONE)
    assert changes(plan) == {"torch": "2.6.0", "numpy": "1.26"}
    broken = [line for line in plan.library_lines if not line.was_broken]
    assert [(line.wish.pack, line.wish.requirement) for line in broken] == [("plot==1.0", "numpy>=2")]
    assert "library-line-broken" in codes(plan)


def test_cores_violated_lines_are_named(host: Workbench) -> None:
    """ComfyUI's own requirement is among the violated ones."""
    host.offer("numpy", "1.20")
    plan = host.plan(host.pack("A", "numpy==1.20"), strategy=ONE_BY_ONE)
    assert ("ComfyUI", "numpy>=1.25") in violated(plan)
    assert "core-unsatisfied" in codes(plan)


def test_what_satisfies_is_kept(host: Workbench) -> None:
    """Plain pip changes nothing that satisfies the pack."""
    plan = host.plan(host.pack("A", "torch>=2", "numpy"), strategy=ONE_BY_ONE)
    assert not plan.changes


def test_a_pack_that_fails_is_named_and_the_others_go_on(host: Workbench) -> None:
    """Its lines are not held against what the others get; being installed, it stops the plan."""
    bad, good = host.pack("Bad", "nosuchpackage", "rich<1"), host.pack("Good", "rich>=14")
    plan = host.plan(bad, good, strategy=ONE_BY_ONE)
    assert changes(plan) == {"rich": "14.0"}
    assert finding(plan, "line-no-such-package").pack == "Bad"
    assert status(plan, "Bad") == ("unresolvable", "line-no-such-package")
    assert status(plan, "Good") == ("ok", "")
    assert not violated(plan)
    assert [refusal.code for refusal in plan.refusals] == ["line-no-such-package"]


def test_no_rule_acts_and_no_line_is_lost(host: Workbench) -> None:
    """Two OpenCVs, a name of the standard library: pip would install them all."""
    for name in ("opencv-python", "opencv-python-headless", "asyncio"):
        host.offer(name, "4.10.0.84")
    plan = host.plan(
        host.pack("A", "opencv-python", "opencv-python-headless", "asyncio", "--pre"), strategy=ONE_BY_ONE
    )
    assert set(changes(plan)) == {"opencv-python", "opencv-python-headless", "asyncio"}
    assert {line.text: line.outcome for line in plan.lines} == {
        "opencv-python": "taken",
        "opencv-python-headless": "taken",
        "asyncio": "taken",
        "--pre": "finding",
    }


def test_the_lock_names_everything(host: Workbench) -> None:
    """What stays is in it too, and the stage gets what changes."""
    plan = host.plan(host.pack("A", "rich"), strategy=ONE_BY_ONE)
    assert plan.versions == {"torch": "2.5.1+cu121", "numpy": "2.0", "plot": "1.0", "rich": "14.0"}
    assert "rich" in plan.pylock
    assert "numpy" not in plan.pylock


def test_urls_need_consent_here_too(host: Workbench) -> None:
    """A wheel by URL replaces what is there, as with pip, once the user agrees to it."""
    url = host.index.file_url(host.offer("numpy", "2.1"))
    source = host.pack("A", f"numpy @ {url}")
    assert [each.code for each in host.plan(source, strategy=ONE_BY_ONE).refusals] == ["url-needs-consent"]
    plan = host.plan(source, strategy=ONE_BY_ONE, allow=["urls"])
    assert changes(plan) == {"numpy": "2.1"}
    assert url in plan.pylock


def test_what_plain_pip_does_is_what_we_say(host: Workbench, tmp_path: Path) -> None:
    """The packs' files, installed one after the other by a real installer, come to the plan's versions."""
    sources = [
        host.pack("A", "rich==14.0", "numpy<2"),
        host.pack("B", "rich<14", "tool"),
        host.pack("C", "torch==2.6.0", "rich"),
    ]
    host.offer("tool", "1.0", "numpy>=2")
    plan = host.plan(*sources, strategy=ONE_BY_ONE)
    for source in sources:
        command = [
            "pip",
            "install",
            "-q",
            "--python",
            str(host.venv.python),
            "-r",
            f"{source}/requirements.txt",
        ]
        subprocess.run([find_uv_bin(), *command], check=True, capture_output=True)
    assert read_environment(probe_python(host.venv.python)).versions == plan.versions


# --- side by side -------------------------------------------------------------------------------------------------


def test_both_ways_side_by_side(host: Workbench) -> None:
    """The same packs, merged and one by one: what is clobbered, whose lines break, what of core changes."""
    sources = [
        host.pack("A", "rich==14.0"),
        host.pack("B", "numpy<2", "rich==13.0"),
        host.pack("C", "torch==2.6.0"),
    ]
    merged, one_by_one = compare(host.session(), sources, Options())
    assert facts(merged) == ((), (), 3, 0, 0)
    assert facts(one_by_one) == (
        ("numpy 2.0 -> 1.26", "torch 2.5.1+cu121 -> 2.6.0"),
        ("numpy 2.0 -> 1.26", "torch 2.5.1+cu121 -> 2.6.0"),
        1,
        0,
        1,
    )
    assert changes(merged.plan) == {"rich": "14.0"}
    document = one_by_one.to_dict()
    assert document["strategy"] == ONE_BY_ONE
    assert document["core_changed"] == ["numpy 2.0 -> 1.26", "torch 2.5.1+cu121 -> 2.6.0"]


def test_all_installed_packs_side_by_side(host: Workbench) -> None:
    """Without a source, what is installed is compared."""
    host.own_pack("Z", "rich==13.0")
    host.own_pack("Y", "rich==14.0")
    merged, one_by_one = compare(host.session(), [], Options())
    assert changes(merged.plan) == {"rich": "14.0"}
    assert changes(one_by_one.plan) == {"rich": "13.0"}


def facts(side: Side) -> tuple[tuple[str, ...], tuple[str, ...], int, int, int]:
    """What the two are compared by."""
    return (
        side.core_changed,
        side.clobbered,
        side.pack_lines_violated,
        side.core_lines_violated,
        side.library_lines_broken,
    )
