"""Exactly one OpenCV and one ONNX Runtime, whatever packs and libraries write."""

from __future__ import annotations

import pytest

from comfyui_safe_install.tests.integration.planning.workbench import (
    Workbench,
    changes,
    codes,
    decision,
    violated,
)

HEADLESS, GUI = "opencv-python-headless", "opencv-python"
CONTRIB_HEADLESS, CONTRIB = "opencv-contrib-python-headless", "opencv-contrib-python"


@pytest.fixture
def families(bench: Workbench) -> Workbench:
    """A host whose index has every member of both families."""
    bench.requires("numpy")
    bench.install("numpy", "1.26")
    for name in (HEADLESS, GUI, CONTRIB_HEADLESS, CONTRIB):
        for version in ("4.8.0.76", "4.10.0.84"):
            bench.offer(name, version, "numpy")
    for name in ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"):
        for version in ("1.17.0", "1.20.1"):
            bench.offer(name, version, "numpy")
    return bench


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        (["opencv-python"], HEADLESS),
        (["opencv-python-headless"], HEADLESS),
        (["opencv-contrib-python"], CONTRIB_HEADLESS),
        (["opencv-python", "opencv-contrib-python"], CONTRIB_HEADLESS),
        (["opencv-python-headless", "opencv-contrib-python-headless", "opencv_python"], CONTRIB_HEADLESS),
        (["cv2"], HEADLESS),
    ],
)
def test_one_opencv_covers_all_packs(families: Workbench, lines: list[str], chosen: str) -> None:
    """Contrib where anyone wants contrib, and headless where nothing needs windows."""
    packs = [families.pack(f"P{number}", line) for number, line in enumerate(lines)]
    plan = families.plan(*packs)
    assert changes(plan) == {chosen: "4.10.0.84"}
    assert not plan.refusals
    assert not violated(plan)


def test_the_choice_is_a_decision(families: Workbench) -> None:
    """Nothing is put in another's place in silence: who wanted what is said, and nobody's line is violated."""
    plan = families.plan(
        families.pack("A", "opencv-python>=4.5"), families.pack("B", "opencv-contrib-python")
    )
    settled = decision(plan, CONTRIB_HEADLESS)
    assert settled.rule == "opencv-one-owner"
    assert {wish.pack for wish in settled.wanted} == {"A", "B"}
    assert not settled.violates


def test_version_limits_of_all_members_count(families: Workbench) -> None:
    """A limit on one name binds the member that takes its place."""
    plan = families.plan(families.pack("A", "opencv-python<4.9"), families.pack("B", "opencv-contrib-python"))
    assert changes(plan) == {CONTRIB_HEADLESS: "4.8.0.76"}
    assert not violated(plan)


def test_clashing_limits_within_a_family_are_settled(families: Workbench) -> None:
    """Two names, two versions: the newest wins, and the loser is named as it was written."""
    plan = families.plan(
        families.pack("A", "opencv-python==4.8.0.76"), families.pack("B", "opencv-python-headless>=4.10")
    )
    assert changes(plan) == {HEADLESS: "4.10.0.84"}
    assert violated(plan) == {("A", "opencv-python==4.8.0.76")}


def test_an_installed_superset_is_kept(families: Workbench) -> None:
    """What is there covers what is asked, so nothing changes."""
    families.install(CONTRIB, "4.10.0.84", "numpy")
    plan = families.plan(families.pack("A", "opencv-python-headless"), families.pack("B", "cv2>=4.5"))
    assert not plan.changes


def test_an_installed_one_that_lacks_something_is_replaced(families: Workbench) -> None:
    """The one with contrib comes and the one without goes, in one plan."""
    families.install(HEADLESS, "4.10.0.84", "numpy")
    families.own_pack("Old", "opencv-python-headless")
    plan = families.plan(families.pack("A", "opencv-contrib-python"))
    assert changes(plan) == {CONTRIB_HEADLESS: "4.10.0.84", HEADLESS: "-"}


def test_windows_stay_where_something_installed_needs_them(families: Workbench) -> None:
    """A library that requires `opencv-python` by name gets the one with windows."""
    families.install(GUI, "4.10.0.84", "numpy")
    families.install("viewer", "1.0", "opencv-python")
    plan = families.plan(families.pack("A", "opencv-contrib-python-headless"))
    assert changes(plan) == {CONTRIB: "4.10.0.84", GUI: "-"}


def test_a_library_brings_the_member_that_was_chosen(families: Workbench) -> None:
    """A new library asks for OpenCV by another name than the packs: one distribution serves both."""
    families.offer("detector", "1.0", "opencv-python-headless", "numpy")
    plan = families.plan(families.pack("A", "opencv-contrib-python", "detector"))
    assert changes(plan) == {"detector": "1.0", CONTRIB_HEADLESS: "4.10.0.84"}


def test_only_a_library_asks(families: Workbench) -> None:
    """A family that no pack names is settled all the same."""
    families.offer("detector", "1.0", "opencv-python-headless", "numpy")
    families.offer("tracker", "1.0", "opencv-contrib-python-headless")
    plan = families.plan(families.pack("A", "detector"), families.pack("B", "tracker"))
    assert changes(plan) == {"detector": "1.0", "tracker": "1.0", CONTRIB_HEADLESS: "4.10.0.84"}


def test_a_librarys_wish_for_contrib_alone_brings_no_windows(families: Workbench) -> None:
    """What stands in for a member wants nothing of its own."""
    families.install(GUI, "4.10.0.84", "numpy")
    families.own_pack("Old", "opencv-python")
    families.offer("tracker", "1.0", "opencv-contrib-python-headless")
    plan = families.plan(families.pack("A", "tracker"))
    assert changes(plan) == {"tracker": "1.0", CONTRIB_HEADLESS: "4.10.0.84", GUI: "-"}


def test_a_new_library_and_an_installed_member(families: Workbench) -> None:
    """The installed member serves a library that asks for another name; nothing is added."""
    families.install(GUI, "4.10.0.84", "numpy")
    families.offer("detector", "1.0", "opencv-python-headless", "numpy")
    plan = families.plan(families.pack("A", "detector"))
    assert changes(plan) == {"detector": "1.0"}
    assert "library-line-broken" not in codes(plan)


def test_installing_something_else_leaves_two_members_alone(families: Workbench) -> None:
    """Two owners of cv2 from before are no business of a pack that does not touch them; sync mends it."""
    families.install(GUI, "4.10.0.84", "numpy")
    families.install(HEADLESS, "4.8.0.76", "numpy")
    families.own_pack("Old", "opencv-python")
    families.offer("rich", "14.0")
    assert changes(families.plan(families.pack("A", "rich"))) == {"rich": "14.0"}
    mended = changes(families.plan())
    assert len({GUI, HEADLESS} - {name for name, version in mended.items() if version == "-"}) == 1


# --- ONNX Runtime -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        (["onnxruntime"], "onnxruntime"),
        (["onnxruntime-gpu"], "onnxruntime-gpu"),
        (["onnxruntime", "onnxruntime-gpu"], "onnxruntime-gpu"),
    ],
)
def test_one_flavour_of_onnxruntime(families: Workbench, lines: list[str], chosen: str) -> None:
    """The plain one, or the accelerated one where anyone asks for it."""
    plan = families.plan(*(families.pack(f"P{number}", line) for number, line in enumerate(lines)))
    assert changes(plan) == {chosen: "1.20.1"}


@pytest.mark.parametrize(
    "line", ["onnxruntime", "onnxruntime-gpu", "onnxruntime>=1.16", "onnxruntime-directml"]
)
def test_an_installed_accelerated_one_is_kept(families: Workbench, line: str) -> None:
    """The user chose it for the graphics card; a pack that names another gets this one."""
    families.install("onnxruntime-directml", "1.20.1", "numpy")
    plan = families.plan(families.pack("A", line))
    assert not plan.changes
    assert not plan.refusals


def test_a_library_gets_the_accelerated_one(families: Workbench) -> None:
    """insightface and its like require `onnxruntime`; it is provided by the flavour that is there."""
    families.install("onnxruntime-gpu", "1.20.1", "numpy")
    families.offer("insightface", "0.7", "onnxruntime>=1.16")
    plan = families.plan(families.pack("A", "insightface"))
    assert changes(plan) == {"insightface": "0.7"}
    assert "library-line-broken" not in codes(plan)


def test_a_plain_one_gives_way_to_an_accelerated_one_that_is_asked_for(families: Workbench) -> None:
    """Both own the same folder, so one goes as the other comes."""
    families.install("onnxruntime", "1.20.1", "numpy")
    plan = families.plan(families.pack("A", "onnxruntime-gpu"))
    assert changes(plan) == {"onnxruntime-gpu": "1.20.1", "onnxruntime": "-"}


def test_a_version_the_kept_flavour_does_not_have_is_given_up(families: Workbench) -> None:
    """Pillow-SIMD ends at 9.5: a pack that wants pillow 10 gets what is kept, loudly, and is not refused."""
    families.requires("numpy", "Pillow")
    families.install("pillow-simd", "9.5.0")
    families.offer("pillow", "10.4.0")
    plan = families.plan(families.pack("A", "pillow>=10"))
    assert not plan.changes
    assert violated(plan) == {("A", "pillow>=10")}
    assert not plan.refusals
    assert "core-unsatisfied" not in codes(plan)
