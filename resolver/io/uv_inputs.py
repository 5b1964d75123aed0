"""What is asked of uv, as the files it reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..core.solve import SolveInput


def write_inputs(root: Path, entries: Sequence[SolveInput]) -> dict[str, str]:
    """Write the inputs below `root`; {file for uv's command line, relative to `root`: label}, in order."""
    labels: dict[str, str] = {}
    for number, entry in enumerate(entries):
        stem = f"in{number:04d}"
        # A project file takes no URL without a name.
        named = [text for text in entry.texts if not entry.index or not _is_bare_url(text)]
        bare = [text for text in entry.texts if text not in named]
        if entry.index and named:
            labels[_write_project(root, stem, entry, named)] = entry.label
        elif named:
            labels[_write_requirements(root, stem, named)] = entry.label
        if bare:
            labels[_write_requirements(root, f"{stem}-urls", bare)] = entry.label
    return labels


def _is_bare_url(text: str) -> bool:
    return "://" in text.split(" ", 1)[0]


def _write_requirements(root: Path, stem: str, texts: Sequence[str]) -> str:
    (root / f"{stem}.in").write_text("\n".join(texts) + "\n", encoding="utf-8")
    return f"{stem}.in"


def _write_project(root: Path, stem: str, entry: SolveInput, texts: Sequence[str]) -> str:
    """An index granted to one pack serves that pack's own packages only.

    uv can bind an index to named packages (`tool.uv.sources`) in a project file alone.
    """
    folder = root / stem
    folder.mkdir()
    dependencies = ",\n".join(json.dumps(text) for text in texts)
    sources = "\n".join(f'{json.dumps(name)} = {{ index = "granted-{stem}" }}' for name in entry.indexed)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "granted-{stem}"\nversion = "0"\ndependencies = [\n{dependencies}\n]\n'
        f'[[tool.uv.index]]\nname = "granted-{stem}"\nurl = {json.dumps(entry.index)}\nexplicit = true\n'
        f"[tool.uv.sources]\n{sources}\n",
        encoding="utf-8",
    )
    return f"{stem}/pyproject.toml"
