"""A ComfyUI folder with an environment of its own, and packs that fight with it and with each other."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from devhost.checkout import put_in

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""
CORE = "numpy>=2\npillow\nrequests\ntqdm\npyyaml\n"
_INSTALLED = ("numpy", "pillow", "requests", "tqdm", "pyyaml", "opencv-python-headless", "rich==13.7.1")
_NODE = '''"""A sample pack: {says}"""

{imports}

class {node}:
    CATEGORY = "demo"
    RETURN_TYPES = ("STRING",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {{"required": {{}}}}

    def run(self):
        return ({says!r},)


NODE_CLASS_MAPPINGS = {{"{node}": {node}}}
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample pack."""

    name: str
    node: str
    says: str
    imports: tuple[str, ...]
    requirements: str


SETTLED = Sample(
    name="comfyui-settled",
    node="DemoSettled",
    says="installed already; holds rich at 13.7.1",
    imports=("rich",),
    requirements="rich==13.7.1\n",
)
GREETER = Sample(
    name="comfyui-greeter",
    node="DemoGreeter",
    says="fits; brings one new library",
    imports=("humanize",),
    requirements="humanize\n",
)
OLD_TIMER = Sample(
    name="comfyui-old-timer",
    node="DemoOldTimer",
    says="wants numpy<2, against ComfyUI itself, and another OpenCV",
    imports=("cv2", "rich"),
    requirements="numpy<2          # clashes with ComfyUI itself\nrich==13.7.1\nopencv-python\n",
)
NEW_KID = Sample(
    name="comfyui-new-kid",
    node="DemoNewKid",
    says="wants rich>=14, against the two others, a third OpenCV, and a library that Python has",
    imports=("cv2", "humanize", "rich"),
    requirements="rich>=14  # against the other\nopencv-contrib-python\nhumanize\nasyncio\n",
)
READY = (GREETER, OLD_TIMER, NEW_KID)
"""To be installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Everything below one throw-away folder."""

    root: Path

    @property
    def comfyui(self) -> Path:
        """The ComfyUI folder."""
        return self.root / "ComfyUI"

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.comfyui / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def log(self) -> Path:
        """What the stand-in for ComfyUI says."""
        return self.root / "comfyui.log"

    def source(self, sample: Sample) -> Path:
        """The folder of a pack that is ready to be installed."""
        return self.root / "packs" / sample.name

    def digest(self) -> str:
        """sha256 over every file of the environment and of custom_nodes: path, mode and bytes, .pyc included."""
        digest = hashlib.sha256()
        for root in (self.comfyui / ".venv", self.comfyui / "custom_nodes"):
            for path in sorted(root.rglob("*")):
                if ".safe-install" in path.parts:  # beside site-packages: where displaced files are kept
                    continue
                digest.update(f"{path.relative_to(root)} {path.lstat().st_mode}\n".encode())
                if path.is_symlink():
                    digest.update(str(path.readlink()).encode())
                elif path.is_file():
                    digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def make_workspace(root: Path) -> Workspace:
    """Make it: folders, an environment with a few real packages and what we need ourselves, sample packs."""
    headline("A ComfyUI folder with an environment of its own")
    workspace = Workspace(root=root)
    packs = workspace.comfyui / "custom_nodes"
    packs.mkdir(parents=True)
    (workspace.comfyui / "requirements.txt").write_text(CORE, encoding="utf-8")
    _write(packs / SETTLED.name, SETTLED)
    put_in(packs)
    for sample in READY:
        _write(workspace.source(sample), sample)
    settings = workspace.comfyui / "user" / "default" / "comfy.settings.json"
    settings.parent.mkdir(parents=True)
    # Or the front end greets a new user with a dialog over everything.
    settings.write_text(json.dumps({"Comfy.TutorialCompleted": True}), encoding="utf-8")
    uv = str(Path(sys.executable).with_name("uv"))
    run(uv, "venv", "--quiet", str(workspace.comfyui / ".venv"), "--python", sys.executable)
    own = ("--requirements", str(ROOT / "requirements.txt"))
    run(uv, "pip", "install", "--quiet", "--python", str(workspace.python), *_INSTALLED, *own)
    # As after a first start: bytecode lies beside the sources, and must come back as well.
    run(str(workspace.python), "-c", "import cv2, numpy, requests, rich")
    return workspace


def _write(folder: Path, sample: Sample) -> None:
    folder.mkdir(parents=True)
    imports = "".join(f"import {name}\n" for name in sample.imports)
    text = _NODE.format(node=sample.node, says=sample.says, imports=imports)
    (folder / "__init__.py").write_text(text, encoding="utf-8")
    (folder / "requirements.txt").write_text(sample.requirements, encoding="utf-8")


def run(*command: str) -> None:
    """One command of somebody else's, printed before it runs."""
    print(f"$ {Path(command[0]).name} {' '.join(command[1:])}", flush=True)
    subprocess.run(command, check=True)


def headline(text: str) -> None:
    """A line that stands out."""
    print(f"\n=== {text}", flush=True)
