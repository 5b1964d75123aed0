"""Families that share one folder: a swap leaves exactly one owner, and comes back exactly."""

from __future__ import annotations

from comfyui_safe_install.tests.kit.installation import Installation, differences


def _opencv(here: Installation, name: str, version: str) -> dict[str, object]:
    """A wheel of the family: all own cv2, with different content."""
    contrib = "contrib" in name
    details: dict[str, object] = {
        "files": {
            "cv2/__init__.py": f"NAME = {name!r}\n__version__ = {version!r}\nfrom . import data\n",
            "cv2/data/__init__.py": "",
            "cv2/data/cascade.xml": "<same/>",
            f"cv2/core_{name.replace('-', '_')}.py": f"# {name} {version}\n",
            f"{name.replace('-', '_')}.libs/lib.so": name,
            **({"cv2/aruco/__init__.py": ""} if contrib else {}),
        }
    }
    here.wheel(name, version, **details)
    return details


def _owners(here: Installation, folder: str) -> list[str]:
    """Distributions whose RECORD names files below `folder`."""
    records = here.venv.site_packages.glob("*.dist-info/RECORD")
    return sorted(
        path.parent.name.partition("-")[0] for path in records if f"\n{folder}/" in f"\n{path.read_text()}"
    )


def test_an_opencv_swap_leaves_one_owner_of_cv2_and_comes_back(here: Installation) -> None:
    """Who wants contrib gets it in place of the one installed; nothing of the old one is left over."""
    here.have("opencv-python-headless", "4.10", **_opencv(here, "opencv-python-headless", "4.10"))
    for name in ("opencv-contrib-python", "opencv-contrib-python-headless", "opencv-python"):
        _opencv(here, name, "4.11")
    here.compile()
    before = here.tree()

    answer = here.run("install", here.source("demo", "opencv-contrib-python"), "--yes")

    assert answer.applied
    assert _owners(here, "cv2") == ["opencv_contrib_python_headless"]
    assert here.python("import cv2, cv2.aruco; print(cv2.NAME)") == "opencv-contrib-python-headless"
    assert [path for path in here.tree() if "core_opencv_python_headless" in path] == []
    assert here.run("verify").document["ok"] is True
    after = here.tree()
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []
    assert here.run("rollback", "--yes").code == 0
    assert differences(after, here.tree()) == []


def test_two_owners_become_one_and_come_back_as_two(here: Installation) -> None:
    """Where two variants lie over each other already, both go aside together and both come back."""
    here.have("opencv-python", "4.10", **_opencv(here, "opencv-python", "4.10"))
    here.have("opencv-contrib-python", "4.11", **_opencv(here, "opencv-contrib-python", "4.11"))
    here.wheel("needs-newer", "1.0", requires=["opencv-contrib-python>=4.12"])
    _opencv(here, "opencv-contrib-python", "4.12")
    _opencv(here, "opencv-python", "4.12")
    before = here.tree()

    answer = here.run("install", here.source("demo", "needs-newer"), "--yes")

    assert answer.applied
    assert _owners(here, "cv2") == ["opencv_contrib_python"]
    assert here.python("import cv2, cv2.aruco; print(cv2.__version__)") == "4.12"
    after = here.tree()
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []
    assert here.run("rollback", "--yes").code == 0
    assert differences(after, here.tree()) == []


def test_an_accelerated_onnxruntime_is_not_swapped_for_the_plain_one(here: Installation) -> None:
    """A pack that asks for `onnxruntime` is content with the installed GPU build; the decision is said."""

    def files(name: str) -> dict[str, str]:
        return {"onnxruntime/__init__.py": f"NAME = {name!r}\n", "onnxruntime/capi.py": name.join("##")}

    here.have("onnxruntime-gpu", "1.20", files=files("gpu"))
    here.wheel("onnxruntime", "1.20", files=files("cpu"))
    answer = here.run("install", here.source("demo", "onnxruntime"), "--yes")
    assert answer.applied
    assert here.versions() == {"onnxruntime-gpu": "1.20"}
    assert here.python("import onnxruntime; print(onnxruntime.NAME)") == "gpu"
    assert [each["rule"] for each in answer.document["plan"]["decisions"]] == ["onnxruntime-one-flavour"]


def test_an_onnxruntime_swap_leaves_one_owner_and_comes_back(here: Installation) -> None:
    """Who asks for the GPU build by name gets it in place of the plain one."""

    def files(name: str) -> dict[str, str]:
        return {"onnxruntime/__init__.py": f"NAME = {name!r}\n", f"onnxruntime/{name}.py": ""}

    here.have("onnxruntime", "1.20", files=files("cpu"))
    here.wheel("onnxruntime-gpu", "1.21", files=files("gpu"))
    before = here.tree()
    assert here.run("install", here.source("demo", "onnxruntime-gpu"), "--yes").applied
    assert _owners(here, "onnxruntime") == ["onnxruntime_gpu"]
    assert here.python("import onnxruntime; print(onnxruntime.NAME)") == "gpu"
    assert here.run("rollback", "--yes").code == 0
    assert differences(before, here.tree()) == []
