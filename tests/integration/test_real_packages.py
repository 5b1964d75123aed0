"""Real wheels of the real index into an environment as ComfyUI has it, and back without a network."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from comfyui_safe_install.tests.kit.installation import Installation, differences

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(900)]

CORE = """\
numpy>=1.25.0
scipy
Pillow
safetensors>=0.4.2
transformers>=4.50.3,<5
tokenizers>=0.13.3
einops
pyyaml
tqdm
requests
"""
"""ComfyUI's own lines, less PyTorch and the web server."""

INSTALLED = ("numpy<2.3", "pillow<11.3", "opencv-python-headless<4.12", "rich<13.8")
"""What is older in the environment than a pack will want, and an OpenCV."""

WORKS = "import cv2, numpy, PIL, rich, safetensors, scipy.ndimage, tokenizers, transformers, yaml"

NOWHERE = "http://127.0.0.1:9/simple/"


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A ComfyUI whose environment has been in use for a while; uv has a cache of its own."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    here = Installation(root=tmp_path, dists=tmp_path / "dists", core=CORE)
    requirements = here.comfy / "requirements.txt"
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--quiet", "--python", str(here.venv.python), *INSTALLED,
         "-r", str(requirements)],
        check=True, timeout=600,
    )  # fmt: skip
    # Its bytecode was written by use, and somebody keeps a file of their own among the modules.
    subprocess.run([str(here.venv.python), "-c", f"{WORKS}, scipy.sparse"], check=True, timeout=120)
    (here.venv.site_packages / "sitecustomize.py").write_text("# mine\n")
    return here


def owners_of_cv2(here: Installation) -> list[str]:
    """The distributions that own cv2 by their RECORD."""
    records = here.venv.site_packages.glob("*.dist-info/RECORD")
    return [path.parent.name for path in records if "\ncv2/__init__.py," in f"\n{path.read_text()}"]


def test_conflicting_packs_come_and_go_without_a_trace(
    real: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two packs that contradict each other and core are installed; the way back needs no network and no cache."""
    before = real.tree()
    first = real.source("first", "numpy<2", "opencv-contrib-python>=4.8", "rich==13.7.1", "color-matcher")
    second = real.source("second", "rich>=14", "pillow>=11.3", "scikit-image", "cv2", "asyncio")

    answer = real.run("install", first, second, "--yes")

    assert answer.applied
    decided = {each["package"]: each["rule"] for each in answer.document["plan"]["decisions"]}
    assert decided["rich"] == "newest-wins"
    assert decided["numpy"] == "core-wins"
    assert "opencv-one-owner" in decided.values()
    versions = real.versions()
    assert int(versions["rich"].split(".")[0]) >= 14
    assert versions["numpy"].startswith("2.")
    (owner,) = owners_of_cv2(real)
    assert owner.startswith("opencv_contrib_python_headless-")
    assert real.python(f"{WORKS}, skimage.measure, cv2.xfeatures2d\nprint(cv2.__version__)")
    assert real.run("verify").document["faults"] == []
    recorded = (real.state / "record.jsonl").read_text().splitlines()
    assert len(recorded) == len(answer.document["plan"]["decisions"])
    after = real.tree()

    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_DEFAULT_INDEX", NOWHERE)
    shutil.rmtree(real.root / "uv-cache")
    shutil.rmtree(real.state / "cache")
    back = real.run("rollback", "--yes")

    assert back.document["plan"]["exact"] is True
    assert differences(before, real.tree()) == []
    assert real.python(f"{WORKS}\nprint(cv2.__version__)").startswith("4.")
    assert len(owners_of_cv2(real)) == 1
    assert real.run("rollback", "--yes").applied
    assert differences(after, real.tree()) == []
