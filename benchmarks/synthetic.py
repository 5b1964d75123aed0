"""A small made-up set with an index of its own, so that planning can be compared without the corpus."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..tests.kit.index import IndexServer
from ..tests.kit.wheels import make_wheel
from .core_environment import make_core_environment
from .pack_sets import make_comfyui
from .values import PackSet
from .workshop import Workshop

NAME = "synthetic"

# Names are real where a rule speaks of them; the wheels are empty. name: {version: requirements}
_INDEX: dict[str, dict[str, tuple[str, ...]]] = {
    "torch": {"2.13.0": ("filelock",), "2.15.0": ("filelock",)},
    "filelock": {"3.0.0": (), "4.0.0": ()},
    "numpy": {"1.26.4": (), "2.1.0": (), "2.4.0": ()},
    "pillow": {"11.0.0": (), "12.0.0": ()},
    "transformers": {
        "4.50.0": ("numpy>=1.17", "tokenizers<0.22"),
        "4.57.0": ("numpy>=1.17", "tokenizers>=0.21,<0.23"),
        "5.1.0": ("numpy>=2", "tokenizers>=0.22"),
    },
    "tokenizers": {"0.21.0": (), "0.22.0": (), "0.23.0": ()},
    "opencv-python": {"4.9.0.80": ("numpy",), "4.11.0.86": ("numpy>=1.23",)},
    "opencv-python-headless": {"4.11.0.86": ("numpy>=1.23",)},
    "opencv-contrib-python-headless": {"4.11.0.86": ("numpy>=1.23",)},
    "opencv-contrib-python": {"4.11.0.86": ("numpy>=1.23",)},
    "scikit-image": {"0.22.0": ("numpy<2",), "0.25.0": ("numpy>=1.23", "pillow>=10")},
    "diffusers": {"0.31.0": ("huggingface-hub",), "0.35.0": ("huggingface-hub>=0.30",)},
    "huggingface-hub": {"0.25.0": (), "0.36.0": (), "1.1.0": ()},
    "timm": {"0.9.0": ("torch", "huggingface-hub<1"), "1.0.0": ("torch", "huggingface-hub")},
    "protobuf": {"3.20.0": (), "5.29.0": (), "6.33.0": ()},
    "mediapipe": {"0.10.0": ("protobuf>=3.11,<4", "numpy<2", "opencv-contrib-python"), "0.10.30": ("numpy",)},
    "onnx": {"1.16.0": ("protobuf>=3.20",), "1.19.0": ("protobuf>=4.25",)},
}
_CORE = "torch\nnumpy>=1.25\ntransformers>=4.50\ntokenizers>=0.13\nPillow\n"
_INSTALLED = {"numpy": "2.1.0", "transformers": "4.57.0", "tokenizers": "0.22.0", "pillow": "11.0.0"}
_PACKS = {
    "pack-agrees": "numpy\npillow\n",
    "pack-old-numpy": "numpy<2\nscikit-image\n",
    "pack-new-diffusers": "diffusers>=0.33\ntimm\n",
    "pack-old-diffusers": "diffusers==0.31.0\n",
    "pack-vision": "opencv-python\nmediapipe\n",
    "pack-vision-contrib": "opencv-contrib-python\nopencv-python-headless\n",
    "pack-onnx": "onnx>=1.17\nprotobuf>=5\n",
    "pack-broken": "no-such-package-anywhere\nnumpy>=2\n",
}


@contextmanager
def synthetic_set(workshop: Workshop) -> Iterator[PackSet]:
    """The made-up set, with its index answering inside the `with` block."""
    wheels = workshop.once(("synthetic", "index"), _INDEX, _make_wheels)
    # pip, setuptools, wheel and uv come from the real index once; afterwards only ours is asked.
    with IndexServer(wheels) as index:
        core = workshop.folder("synthetic") / "core.txt"
        pinned = {**_INSTALLED, "torch": "2.13.0"}
        core.write_text("".join(f"{name}=={version}\n" for name, version in pinned.items()), encoding="utf-8")
        python = make_core_environment(workshop, core, name="synthetic", wheels=wheels)
        variables = {
            "UV_DEFAULT_INDEX": index.url,
            "PIP_INDEX_URL": index.url,
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
        }
        comfyui = make_comfyui(
            workshop, NAME, _CORE.encode(), {name: text.encode() for name, text in _PACKS.items()}
        )
        before = dict(os.environ)
        os.environ.update(variables)  # the judge reads metadata from the same index
        try:
            yield PackSet(name=NAME, comfyui=comfyui, python=python, variables=variables)
        finally:
            os.environ.clear()
            os.environ.update(before)


def _make_wheels(folder: Path) -> None:
    for name, versions in _INDEX.items():
        for version, requires in versions.items():
            make_wheel(folder, name, version, requires=requires)
