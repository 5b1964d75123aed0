"""What nobody may move: conda's and editable installs, installers, and our own runtime."""

from __future__ import annotations

import json

import pytest

from comfyui_safe_install.tests.integration.planning.workbench import Workbench, changes, decision, violated
from comfyui_safe_install.tests.kit.venvs import install
from comfyui_safe_install.tests.kit.wheels import make_wheel


@pytest.fixture
def host(bench: Workbench) -> Workbench:
    """A host with `shared` 1.0, of which there is a newer release."""
    bench.install("shared", "1.0", "dep<2")
    bench.install("dep", "1.0")
    bench.offer("shared", "2.0", "dep")
    bench.offer("dep", "2.0")
    return bench


def test_what_conda_installed_stays(host: Workbench) -> None:
    """Its files belong to conda, which would never know; the bounds of it count too."""
    (host.info("shared") / "INSTALLER").write_text("conda\n")
    plan = host.plan(host.pack("A", "shared>=2"), host.pack("B", "dep"))
    assert not plan.changes
    assert decision(plan, "shared").rule == "conda-kept"
    assert violated(plan) == {("A", "shared>=2")}


def test_an_editable_install_stays(host: Workbench) -> None:
    """It is somebody's checkout; what it requires counts."""
    info = host.info("shared")
    (info / "direct_url.json").write_text(
        json.dumps({"url": "file:///src/shared", "dir_info": {"editable": True}})
    )
    plan = host.plan(host.pack("A", "shared>=2"), host.pack("B", "dep>=2"))
    assert not plan.changes
    assert decision(plan, "shared").rule == "editable-kept"
    assert violated(plan) == {("A", "shared>=2"), ("B", "dep>=2")}


def test_a_local_build_is_no_newer_release(host: Workbench) -> None:
    """A build that no index has satisfies what its version satisfies, and is not fetched again."""
    host.install("special", "3.0+mine")
    host.offer("special", "3.0")
    plan = host.plan(host.pack("A", "special>=2.5"))
    assert not plan.changes


@pytest.mark.parametrize("name", ["pip", "setuptools", "wheel", "uv"])
def test_installers_stay(bench: Workbench, name: str) -> None:
    """A pack must not swap the tool that installs it; where it is missing, it may come."""
    bench.offer(name, "99.0")
    assert changes(bench.plan(bench.pack("A", name))) == {name: "99.0"}
    bench.install(name, "98.0")
    plan = bench.plan(bench.pack("B", f"{name}>=99"))
    assert not plan.changes
    assert decision(plan, name).rule == "installer-protected"
    assert violated(plan) == {("B", f"{name}>=99")}


def test_our_own_runtime_stays_usable(bench: Workbench) -> None:
    """It may be moved within what we need, and not beyond."""
    bench.install("pydantic", "2.5")
    for version in ("1.10", "2.9", "3.0"):
        bench.offer("pydantic", version)
    assert changes(bench.plan(bench.pack("A", "pydantic>=2.6,<3"))) == {"pydantic": "2.9"}
    plan = bench.plan(bench.pack("B", "pydantic<2"))
    assert not plan.changes
    assert decision(plan, "pydantic").rule == "own-runtime-protected"
    assert violated(plan) == {("B", "pydantic<2")}


def test_our_runtime_is_protected_against_libraries_too(bench: Workbench) -> None:
    """An old library that needs pydantic 1 gives way to its newer release."""
    bench.install("pydantic", "2.5")
    bench.offer("pydantic", "1.10")
    bench.offer("oldlib", "1.0", "pydantic<2")
    bench.offer("oldlib", "2.0", "pydantic>=2")
    plan = bench.plan(bench.pack("A", "oldlib==1.0"))
    assert changes(plan) == {"oldlib": "2.0"}
    assert decision(plan, "oldlib").rule == "own-runtime-protected"


def test_what_has_no_record_cannot_be_changed(host: Workbench) -> None:
    """Nobody knows which files are its own (PEP 627), so the plan that would change it is stopped."""
    (host.info("dep") / "RECORD").unlink()
    plan = host.plan(host.pack("A", "shared>=2", "dep>=2"))
    assert [refusal.code for refusal in plan.refusals] == ["no-record"]
    assert not host.plan(host.pack("B", "dep")).refusals


def test_two_metadata_folders_of_one_name(host: Workbench) -> None:
    """Which of the two is there nobody can say; a plan that touches it is stopped, another is not."""
    wheel = make_wheel(host.root / "twice", "dep", "1.5")
    folder = host.venv.site_packages / "dep-1.5.dist-info"
    install(host.venv, make_wheel(host.root / "twice", "dep2", "1.5"))
    assert wheel.exists()
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: dep\nVersion: 1.5\n")
    (folder / "RECORD").write_text("dep-1.5.dist-info/METADATA,,\n")
    plan = host.plan(host.pack("A", "dep>=2", "shared>=2"))
    assert "duplicate-metadata" in [refusal.code for refusal in plan.refusals]
    host.offer("rich", "14.0")
    assert not host.plan(host.pack("B", "rich")).refusals
