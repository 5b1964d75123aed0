"""The main job on a throw-away ComfyUI folder and environment, with the real package index.

Every command printed here can be typed by hand. `--keep` leaves the folder for a look around.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CORE = "numpy>=2\npillow\nrequests\ntqdm\npyyaml\n"
INSTALLED = ("numpy", "pillow", "requests", "tqdm", "pyyaml", "opencv-python-headless", "rich==13.7.1")
PACKS = {
    "comfyui-old-timer": {
        "__init__.py": "import cv2\nimport rich\n\nNODE_CLASS_MAPPINGS = {}\n",
        "requirements.txt": "numpy<2          # clashes with ComfyUI itself\nrich==13.7.1\nopencv-python\n",
    },
    "comfyui-new-kid": {
        "__init__.py": "import cv2\nimport humanize\nimport rich\n\nNODE_CLASS_MAPPINGS = {}\n",
        "requirements.txt": "rich>=14  # against the other\nopencv-contrib-python\nhumanize\nasyncio\n",
    },
}


def main() -> int:
    """Run the show; 0 when the environment came back byte for byte."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the workspace behind and say where it is")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="safe-install-demo-"))
    try:
        return show(folder)
    finally:
        if keep:
            print(f"\nThe workspace is left in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def show(folder: Path) -> int:
    """The story, in the order a user lives it."""
    comfy = folder / "ComfyUI"
    headline("A ComfyUI folder with an environment of its own")
    make_workspace(folder, comfy)
    sources = [str(folder / "packs" / name) for name in PACKS]
    before = tree_digest(comfy)

    headline("Two packs that fight with ComfyUI and with each other: both ways side by side")
    safe_install(comfy, "plan", "--compare", *sources)

    headline("Install them as one transaction")
    safe_install(comfy, "install", "--yes", *sources)
    safe_install(comfy, "verify")
    safe_install(comfy, "why", "opencv-python")

    headline("Go back, with no network")
    begun = time.monotonic()
    safe_install(comfy, "rollback", "--yes", offline=True)
    print(f"  (whole command: {time.monotonic() - begun:.2f} s)")
    if not same(before, tree_digest(comfy)):
        return 1

    headline("What somebody else does is noticed, and with a full snapshot undone exactly")
    safe_install(comfy, "snapshot", "create", "--full", "--label", "good")
    uv = str(Path(sys.executable).with_name("uv"))
    run(uv, "pip", "install", "--quiet", "--python", str(python_of(comfy)), "numpy<2", "requests==2.31.0")
    safe_install(comfy, "verify", fails=True)
    safe_install(comfy, "rollback", "good", "--yes", offline=True)
    return 0 if same(before, tree_digest(comfy)) else 1


def same(before: str, after: str) -> bool:
    """Whether the tree is what it was, said."""
    if before != after:
        print("The environment is NOT what it was.", file=sys.stderr)
        return False
    print(f"\nEvery file of the environment is what it was: sha256 {after[:16]} before and after.")
    return True


def make_workspace(folder: Path, comfy: Path) -> None:
    """A ComfyUI folder, its environment with a few real packages, and the packs' folders."""
    (comfy / "custom_nodes").mkdir(parents=True)
    (comfy / "requirements.txt").write_text(CORE, encoding="utf-8")
    for name, files in PACKS.items():
        for file, text in files.items():
            path = folder / "packs" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    uv = str(Path(sys.executable).with_name("uv"))
    run(uv, "venv", "--quiet", str(comfy / ".venv"), "--python", sys.executable)
    run(uv, "pip", "install", "--quiet", "--python", str(python_of(comfy)), *INSTALLED)
    # As after a first start: bytecode lies beside the sources, and must come back as well.
    run(str(python_of(comfy)), "-c", "import cv2, numpy, requests, rich")


def safe_install(comfy: Path, *arguments: str, offline: bool = False, fails: bool = False) -> None:
    """One command of ours, printed before it runs. `fails`: it may find something, and say so by its exit code."""
    env = {**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(comfy / "empty-cache")} if offline else None
    shown = [argument.replace(f"{comfy.parent}{os.sep}", "") for argument in arguments]
    print(f"\n$ safe-install --comfyui ComfyUI {' '.join(shown)}", flush=True)
    command = [sys.executable, str(ROOT), "--comfyui", str(comfy), *arguments]
    subprocess.run(command, check=not fails, env=env)


def run(*command: str) -> None:
    """One command of somebody else's."""
    print(f"$ {Path(command[0]).name} {' '.join(command[1:])}", flush=True)
    subprocess.run(command, check=True)


def python_of(comfy: Path) -> Path:
    """The interpreter of the workspace's environment."""
    return comfy / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def tree_digest(comfy: Path) -> str:
    """sha256 over every file of the environment and of custom_nodes: path, mode and bytes, .pyc included."""
    digest = hashlib.sha256()
    for root in (comfy / ".venv", comfy / "custom_nodes"):
        for path in sorted(root.rglob("*")):
            if ".safe-install" in path.parts:  # beside site-packages: where displaced files are kept
                continue
            digest.update(f"{path.relative_to(root)} {path.lstat().st_mode}\n".encode())
            if path.is_symlink():
                digest.update(str(path.readlink()).encode())
            elif path.is_file():
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def headline(text: str) -> None:
    """A line that stands out."""
    print(f"\n=== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
