"""A torch build for a graphics card that no index has is never changed, never fetched, and still counts."""

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

BUILD = "2.5.1+cu121"


@pytest.fixture
def gpu(bench: Workbench) -> Workbench:
    """A host with a torch of its own; the index offers newer ones, and what they need."""
    bench.requires("torch", "numpy>=1.25")
    bench.install("torch", BUILD, "numpy", "nvidia-cublas-cu12==12.1")
    bench.install("nvidia-cublas-cu12", "12.1")
    bench.install("numpy", "2.0")
    for version in ("2.0.0", "2.5.1", "2.6.0"):
        bench.offer("torch", version, "numpy", "nvidia-cublas-cu12==12.4")
    bench.offer("nvidia-cublas-cu12", "12.4")
    return bench


def fetched(bench: Workbench, name: str) -> int:
    """How often a file of that distribution was asked for."""
    return sum(
        count
        for path, count in bench.index.requests.items()
        if path.startswith(f"/files/{name.replace('-', '_')}-")
    )


@pytest.mark.parametrize("line", ["torch", "torch>=2.0", "torch==2.5.1", "torch>2,<3"])
def test_a_line_the_build_satisfies_asks_for_nothing(gpu: Workbench, line: str) -> None:
    """`torch>=2.0` and `torch==2.5.1` are met by 2.5.1+cu121."""
    plan = gpu.plan(gpu.pack("A", line))
    assert not plan.changes
    assert not plan.decisions
    assert not plan.refusals
    assert fetched(gpu, "torch") == 0


@pytest.mark.parametrize(
    "line", ["torch==2.6", "torch>=2.6", "torch<2", "torch==2.5.1+cu118", "torch~=2.6.0"]
)
def test_a_line_it_does_not_satisfy_is_given_up_loudly(gpu: Workbench, line: str) -> None:
    """The installed build stays, and the pack's line is named as violated by the rule."""
    plan = gpu.plan(gpu.pack("A", line))
    assert not plan.changes
    assert plan.versions["torch"] == BUILD
    settled = decision(plan, "torch")
    assert (settled.rule, settled.chosen) == ("torch-family", BUILD)
    assert violated(plan) == {("A", line)}
    assert fetched(gpu, "torch") == 0
    assert not plan.refusals


def test_a_library_that_needs_torch_gets_the_installed_one(gpu: Workbench) -> None:
    """The build satisfies it, so neither torch nor its CUDA packages come."""
    gpu.offer("diffusers", "0.30", "torch>=1.9", "numpy")
    plan = gpu.plan(gpu.pack("A", "diffusers"))
    assert changes(plan) == {"diffusers": "0.30"}
    assert "torch" not in plan.pylock
    assert fetched(gpu, "torch") + fetched(gpu, "nvidia-cublas-cu12") == 0


def test_bounds_of_libraries_on_the_build_still_count(gpu: Workbench) -> None:
    """A newer release that needs torch 2.6 is passed over for the one that works with 2.5.1+cu121."""
    gpu.offer("xlib", "1.0", "torch>=2.0")
    gpu.offer("xlib", "2.0", "torch>=2.6")
    plan = gpu.plan(gpu.pack("A", "xlib"))
    assert changes(plan) == {"xlib": "1.0"}
    assert not plan.decisions


def test_a_pack_that_pins_a_release_for_another_torch_gives_way(gpu: Workbench) -> None:
    """`torchlib==1.0` needs an old torch; the pack's pin is relaxed, by the rule that keeps torch."""
    gpu.offer("torchlib", "1.0", "torch<2")
    gpu.offer("torchlib", "2.0", "torch>=2")
    plan = gpu.plan(gpu.pack("A", "torchlib==1.0"))
    assert changes(plan) == {"torchlib": "2.0"}
    assert violated(plan) == {("A", "torchlib==1.0")}
    assert decision(plan, "torchlib").rule == "torch-family"


def test_a_library_without_any_release_for_the_build_is_one_named_override(gpu: Workbench) -> None:
    """Where every release wants another torch, the library's bound is passed over, by name, and torch stays."""
    gpu.offer("onlynew", "1.0", "torch>=2.6")
    plan = gpu.plan(gpu.pack("A", "onlynew"))
    assert changes(plan) == {"onlynew": "1.0"}
    settled = decision(plan, "torch")
    assert (settled.rule, settled.chosen) == ("torch-family", BUILD)
    assert violated(plan) == {("onlynew==1.0", "torch>=2.6")}


def test_a_url_to_a_torch_wheel_changes_nothing(gpu: Workbench) -> None:
    """Not even with consent to URLs: the rule is about torch, wherever it comes from."""
    url = gpu.index.file_url(gpu.offer("torch", "2.7.0"))
    plan = gpu.plan(gpu.pack("A", f"torch @ {url}"), allow=["urls"])
    assert not plan.changes
    assert decision(plan, "torch").rule == "torch-family"
    assert violated(plan) == {("A", f"torch @ {url}")}


def test_what_is_bound_to_torch_and_not_there_is_not_fetched(gpu: Workbench) -> None:
    """xformers on the index was built for another torch: it is named, with what to do, and left out."""
    gpu.offer("xformers", "0.0.28", "torch==2.6.0")
    plan = gpu.plan(gpu.pack("A", "xformers", "numpy"))
    assert not plan.changes
    named = finding(plan, "torch-family-not-installed")
    assert (named.pack, named.file, named.line) == ("A", "requirements.txt", 1)
    assert named.hints
    assert status(plan, "A") == ("partial", "torch-family-not-installed")


def test_a_library_may_want_what_is_not_fetched(gpu: Workbench) -> None:
    """A library that requires xformers comes without it, and its broken line is said."""
    gpu.offer("xformers", "0.0.28", "torch==2.6.0")
    gpu.offer("videolib", "1.0", "xformers>=0.0.20", "torch")
    plan = gpu.plan(gpu.pack("A", "videolib"))
    assert changes(plan) == {"videolib": "1.0"}
    assert "library-line-broken" in codes(plan)
    assert "videolib==1.0" in finding(plan, "library-line-broken").message


def test_cuda_packages_by_pattern_are_not_fetched(gpu: Workbench) -> None:
    """A pattern such as `nvidia-*-cu12` is found only once a library brings such a name: it is kept away too."""
    gpu.offer("nvidia-newthing-cu12", "1.0")
    gpu.offer("videolib", "1.0", "nvidia-newthing-cu12", "nvidia-cublas-cu12>=12.4")
    plan = gpu.plan(gpu.pack("A", "videolib"))
    assert changes(plan) == {"videolib": "1.0"}
    assert plan.versions["nvidia-cublas-cu12"] == "12.1"


def test_sync_leaves_the_build_alone_too(gpu: Workbench) -> None:
    """Repairing everything to the full lock repairs no torch."""
    gpu.offer("rich", "14.0")
    gpu.own_pack("A", "torch==2.6", "rich")
    plan = gpu.plan()
    assert changes(plan) == {"rich": "14.0"}
    assert violated(plan) == {("A", "torch==2.6")}


def test_a_host_without_torch_gets_none_from_the_index(bench: Workbench) -> None:
    """Even then: which build is right depends on the graphics card, which no index knows."""
    bench.requires("torch", "numpy")
    bench.install("numpy", "2.0")
    bench.offer("torch", "2.6.0", "numpy")
    bench.offer("diffusers", "0.30", "torch>=1.9")
    plan = bench.plan(bench.pack("A", "torch>=2", "diffusers"))
    assert changes(plan) == {"diffusers": "0.30"}
    assert "torch-family-not-installed" in codes(plan)
