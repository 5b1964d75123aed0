"""The packs to plan for: the first N of the corpus, or a few made-up ones where there is no corpus."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from ..resolver.core.gather import gather
from ..resolver.io.pack_files import pack_reader
from .core_environment import make_core_environment
from .values import PackSet
from .workshop import ROOT, BenchError, Workshop

CORE_FILE = "core/requirements-0.8.0.txt"
CLEAN = "-clean"
"""Ending of a set's name: lines that are URLs or no valid requirement are left out, as some tools need."""

_UNRANKED = 10**6


def corpus_folder() -> Path | None:
    """The folder of real dependency files ($SAFE_INSTALL_CORPUS, else beside the repository), or None."""
    folder = Path(os.environ.get("SAFE_INSTALL_CORPUS") or ROOT.parent / "shared" / "corpus")
    return folder if (folder / "manifest.json").is_file() else None


def corpus_set(workshop: Workshop, name: str, corpus: Path) -> PackSet:
    """`S10`, `S30-clean` ...: the first packs by rank that have a requirements.txt. Raises BenchError."""
    number = name.removesuffix(CLEAN).removeprefix("S")
    if not number.isdigit():
        raise BenchError(f"{name} is no set; a set is S and a number, such as S30 or S30{CLEAN}")
    manifest = json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))
    packs = [entry for entry in manifest if "requirements.txt" in entry["files"]]
    packs.sort(key=lambda entry: (entry["rank"] or _UNRANKED, entry["name"]))
    files = {}
    for entry in packs[: int(number)]:
        raw = (corpus / "packs" / entry["name"] / "requirements.txt").read_bytes()
        files[entry["name"]] = _cleaned(raw) if name.endswith(CLEAN) else raw
    core = corpus / CORE_FILE
    python = make_core_environment(workshop, core)
    return PackSet(name=name, comfyui=make_comfyui(workshop, name, core.read_bytes(), files), python=python)


def make_comfyui(workshop: Workshop, name: str, core: bytes, packs: Mapping[str, bytes]) -> Path:
    """A folder that tools take for a ComfyUI, with these requirements.txt in it."""
    folder = workshop.folder("comfyui", name, fresh=True)
    for part in ("custom_nodes", "user", "models"):
        (folder / part).mkdir()
    (folder / "main.py").write_text('"""Stands for the host."""\n', encoding="utf-8")
    (folder / "requirements.txt").write_bytes(core)
    for pack, requirements in packs.items():
        place = folder / "custom_nodes" / pack
        place.mkdir()
        (place / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n", encoding="utf-8")
        (place / "requirements.txt").write_bytes(requirements)
    return folder


def _cleaned(raw: bytes) -> bytes:
    kept = []
    for line in raw.decode("utf-8", "replace").splitlines():
        text = line.partition(" #")[0].strip()
        try:
            if not Requirement(text).url:
                kept.append(text)
        except InvalidRequirement:
            continue
    return ("\n".join(kept) + "\n").encode()


def pack_names(packs: PackSet) -> Sequence[str]:
    """The names of the packs in the set, sorted."""
    return [file.parent.name for file in packs.pack_files]


def count_lines(packs: PackSet) -> int:
    """How many requirement lines the packs have."""
    return sum(
        len(gather(file.parent.name, pack_reader(file.parent), ("requirements.txt",)).lines)
        for file in packs.pack_files
    )
