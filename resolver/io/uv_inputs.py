"""What is asked of uv, as the files it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from packaging.version import Version

from ..core.solve import SolveInput
from ..core.text import has_control_characters
from ..errors import Hint, SafeInstallError
from .credentials import bare as without_user
from .credentials import for_requirements, index_variables, reveal, variables_for, without_repository_user

_TOO_LONG_NUMBER = re.compile(r"\d{19}")
"""More digits than uv has bits for."""


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


def access_of(entries: Sequence[SolveInput]) -> dict[str, str]:
    """Environment variables that let uv in where these inputs lead, as `write_inputs` names their indexes."""
    return {
        **variables_for(text for entry in entries for text in entry.texts),
        **index_variables(
            {f"granted-in{number:04d}": entry.index for number, entry in enumerate(entries) if entry.index}
        ),
    }


def lines_of(texts: Sequence[str]) -> str:
    """The texts as lines of a file for uv. Raises SafeInstallError `unsafe-line` for one that would be more.

    They have all been judged before; but a snapshot may be anybody's, and so may what is installed.
    """
    for text in texts:
        if not is_one_line(text):
            raise SafeInstallError(
                "unsafe-line",
                f"{text!r} is no line that may be handed to uv.",
                context={"line": text},
                hints=(
                    Hint("check-origin", "Look where it comes from: a snapshot, or an installed package."),
                ),
            )
    return "".join(f"{for_requirements(text)}\n" for text in texts)


def is_one_line(text: str) -> bool:
    """Whether uv takes the text as one requirement and nothing else: no break, no continuation, no option."""
    return (
        text.splitlines() == [text]
        and not has_control_characters(text)
        and not text.endswith("\\")
        and text.strip()[:1] not in ("", "-", "#")
    )


def is_version(text: str) -> bool:
    """Whether uv can read the version; what is installed may have any."""
    try:
        Version(text)
    except ValueError:
        return False
    return _TOO_LONG_NUMBER.search(text) is None


def _is_bare_url(text: str) -> bool:
    return "://" in text.split(" ", 1)[0]


def _write_requirements(root: Path, stem: str, texts: Sequence[str]) -> str:
    (root / f"{stem}.in").write_text(lines_of(texts), encoding="utf-8")
    return f"{stem}.in"


def _write_project(root: Path, stem: str, entry: SolveInput, texts: Sequence[str]) -> str:
    """An index granted to one pack serves that pack's own packages only.

    uv can bind an index to named packages (`tool.uv.sources`) in a project file alone.
    """
    folder = root / stem
    folder.mkdir()
    # uv puts no variables into a project file.
    dependencies = ",\n".join(json.dumps(reveal(without_repository_user(text))) for text in texts)
    sources = "\n".join(f'{json.dumps(name)} = {{ index = "granted-{stem}" }}' for name in entry.indexed)
    address = json.dumps(without_user(reveal(entry.index)))
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "granted-{stem}"\nversion = "0"\ndependencies = [\n{dependencies}\n]\n'
        f'[[tool.uv.index]]\nname = "granted-{stem}"\nurl = {address}\nexplicit = true\n'
        f"[tool.uv.sources]\n{sources}\n",
        encoding="utf-8",
    )
    return f"{stem}/pyproject.toml"
