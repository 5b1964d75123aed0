"""The environments that are changed: real distributions, made anew for each run; and how they are judged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..tests.kit.trees import Entry, hash_tree
from .core_environment import make_core_environment
from .index_pages import fresh_pages
from .pack_sets import make_comfyui
from .peers.safe_install import plan_install
from .processes import run
from .values import Place
from .workshop import BenchError, Workshop

CORE = """torch
numpy>=1.25.0
einops
transformers>=4.50.3
tokenizers>=0.13.3
sentencepiece
safetensors>=0.4.2
aiohttp>=3.11.8
yarl>=1.18.0
pyyaml
Pillow
scipy
tqdm
psutil
alembic
SQLAlchemy
av>=14.2.0
kornia>=0.7.1
pydantic~=2.0
pydantic-settings~=2.0
"""
"""What ComfyUI asks for, less its own front end, and less torchvision with what needs it: not every build of torch has
one that works with it, and in a broken environment a trial of imports does more than it should."""

BEFORE = (
    "opencv-python==4.11.0.86", "accelerate==1.6.0", "imageio==2.36.1", "matplotlib==3.10.0",
    "tifffile==2025.1.10",
)  # fmt: skip
"""Installed beside core, as earlier packs left it."""

WANTED = (
    "opencv-contrib-python>=4.12", "accelerate>=1.10", "imageio>=2.37", "matplotlib>=3.10.5",
    "tifffile>=2025.6", "pandas", "scikit-image", "scikit-learn", "diffusers", "peft", "numba",
    "trimesh", "onnx", "gguf", "ftfy", "lark", "shapely", "piexif", "webcolors",
)  # fmt: skip
"""What the pack to be installed asks for: newer versions, OpenCV by another of its names, many new ones."""

USED_BEFORE = (
    "torch", "transformers", "scipy.stats", "kornia", "safetensors.torch", "sqlalchemy", "alembic", "av", "aiohttp",
    "cv2", "imageio", "matplotlib.pyplot", "accelerate", "tifffile", "PIL.Image", "pydantic_settings",
)  # fmt: skip
"""Imported before anything is changed, so that there is bytecode, as after any start of ComfyUI."""

USED_AFTER = ("cv2", "imageio", "matplotlib.pyplot", "skimage", "pandas")
"""Imported between applying and rolling back, so that there is bytecode of what is new too."""

AREA = ".safe-install"
"""Our own store in the environment, which belongs to no comparison of what was restored."""
PACK = "bench-pack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every Place is made from."""

    workshop: Workshop
    core: bytes
    freeze: Path
    lock: Path
    pack: Path
    names_after: Mapping[str, str]
    """{name: version} as it shall be after applying."""
    variables: Mapping[str, str]


def prepare(workshop: Workshop) -> Ground:
    """The environment before, and the lock after, planned once by us for all. Raises BenchError."""
    core = workshop.folder("apply") / "core.txt"
    core.write_text(CORE, encoding="utf-8")
    base = make_core_environment(workshop, core, name="changing")
    variables = fresh_pages(workshop, {})
    links = {"UV_FIND_LINKS": str(workshop.folder("torch")), "PIP_FIND_LINKS": str(workshop.folder("torch"))}
    variables = {**variables, **links, "UV_CACHE_DIR": str(workshop.folder("uv", "workshop"))}
    variables["PIP_CACHE_DIR"] = str(workshop.folder("pip"))
    frozen = run([workshop.uv, "pip", "freeze", "--python", base], cwd=workshop.folder(), variables=variables)
    texts = workshop.folder("apply") / "before.txt"
    texts.write_text(frozen.stdout + "\n".join(BEFORE) + "\n", encoding="utf-8")
    freeze = workshop.folder("apply") / "freeze.txt"
    compiled = run(
        [
            workshop.uv,
            "pip",
            "compile",
            texts,
            "--quiet",
            "--python",
            base,
            "--no-annotate",
            "--no-header",
            "-o",
            freeze,
        ],
        cwd=workshop.folder(),
        variables=variables,
    )
    if not compiled.ok:
        raise BenchError(f"the environment to change cannot be resolved: {compiled.complaint}")
    pack = workshop.folder("apply", PACK, fresh=True)
    (pack / "requirements.txt").write_text("\n".join(WANTED) + "\n", encoding="utf-8")
    (pack / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n", encoding="utf-8")
    lock = workshop.folder("apply") / "lock.txt"
    ground = Ground(
        workshop=workshop,
        core=core.read_bytes(),
        freeze=freeze,
        lock=lock,
        pack=pack,
        names_after={},
        variables=variables,
    )
    place = make_place(ground, "reference")
    document = plan_install(place)
    changes = document["changes"]
    if not isinstance(changes, list):
        raise BenchError("our plan has no changes")
    lock.write_text(
        "".join(f"{each['name']}=={each['to']}\n" for each in changes if each["action"] != "remove"),
        encoding="utf-8",
    )
    after = installed(place)
    for each in changes:
        after.pop(each["name"], None)
        if each["action"] != "remove":
            after[each["name"]] = each["to"]
    kinds = [str(each["action"]) for each in changes]
    files = sum(1 for _ in place.venv.rglob("*"))
    print(
        f"  environment: {len(installed(place))} distributions, {files} files; "
        + ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    )
    return replace(ground, names_after=after)


def make_place(ground: Ground, name: str) -> Place:
    """A new environment with everything of `freeze` installed and used, and a new ComfyUI."""
    workshop = ground.workshop
    folder = workshop.folder("places", name, fresh=True)
    recipe = [ground.freeze.read_text(encoding="utf-8"), USED_BEFORE]

    def make(venv: Path) -> None:
        python = workshop.make_venv(venv)
        workshop.install(python, "--no-deps", "-r", str(ground.freeze), variables=ground.variables)
        import_all(python, USED_BEFORE, cwd=folder)

    template = workshop.once(("environments", "changing-template"), recipe, make)
    # Links to the template's files, as uv makes them to its cache: every tool here replaces files, none edits one.
    shutil.copytree(template, folder / "venv", symlinks=True, copy_function=os.link)
    comfyui = make_comfyui(workshop, f"place-{name}", ground.core, {})
    (folder / "own").mkdir()
    return Place(
        comfyui=comfyui,
        venv=folder / "venv",
        workshop=workshop,
        folder=folder / "own",
        lock=ground.lock,
        pack=ground.pack,
        freeze=ground.freeze,
        variables=ground.variables,
    )


# --- looking at a Place ---


def import_all(python: Path, names: Sequence[str], *, cwd: Path) -> None:
    """Import what can be imported, as any start of ComfyUI does; writes bytecode."""
    code = "import importlib, contextlib\n" + "".join(
        f"with contextlib.suppress(Exception): importlib.import_module({name!r})\n" for name in names
    )
    run([python, "-I", "-c", code], cwd=cwd)


def use(place: Place) -> None:
    """Start ComfyUI with what was installed, as far as bytecode goes."""
    import_all(place.python, USED_AFTER, cwd=place.folder)


def installed(place: Place) -> dict[str, str]:
    """{name: version} of what is installed."""
    listed = run(
        [place.workshop.uv, "pip", "list", "--format", "json", "--python", place.python], cwd=place.folder
    )
    return {entry["name"]: entry["version"] for entry in json.loads(listed.stdout)}


def tree(place: Place) -> dict[str, Entry]:
    """Every entry of the environment with its content's digest, less our own store."""
    return hash_tree(place.venv, exclude=[AREA])


def difference(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> str:
    """`exact`, or how many files (folders where only those) are extra, missing or changed.

    Bytecode that was written meanwhile for files that were there before and still are is nobody's fault.
    """
    written = {path for path in after.keys() - before.keys() if _is_bytecode_of(path, before)}
    after = {path: entry for path, entry in after.items() if path not in written}
    if before == after:
        return "exact"
    extra = _files(after, after.keys() - before.keys())
    missing = _files(before, before.keys() - after.keys())
    changed = _files(before, {path for path in before.keys() & after.keys() if before[path] != after[path]})
    if not (extra or missing or changed):
        return f"files exact, {len(before.keys() ^ after.keys())} folders differ"
    return f"{extra} extra, {missing} missing, {changed} changed"


def _is_bytecode_of(path: str, before: Mapping[str, Entry]) -> bool:
    folder, _, name = path.rpartition("/")
    if name == "__pycache__":
        return folder in before
    package, _, cache = folder.rpartition("/")
    return cache == "__pycache__" and f"{package}/{name.split('.')[0]}.py" in before


def _files(entries: Mapping[str, Entry], paths: Collection[str]) -> int:
    return sum(entries[path][0] != "dir" for path in paths)


def cv2_version(place: Place) -> str:
    """The version of OpenCV that is imported, or `broken`."""
    shown = run([place.python, "-I", "-B", "-c", "import cv2; print(cv2.__version__)"], cwd=place.folder)
    return shown.stdout.strip() if shown.ok else "broken"


def remove_places(workshop: Workshop) -> None:
    """The environments that were changed; they are large."""
    shutil.rmtree(workshop.folder("places"))
