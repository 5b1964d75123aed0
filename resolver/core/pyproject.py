"""What a pack's pyproject.toml says of itself and of what it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

from packaging.specifiers import SpecifierSet

from ..errors import Hint
from .place import Place, shown
from .pyproject_lists import DependencyLists
from .pyproject_tables import Table
from .reader import MAX_FILE_BYTES, Reader
from .text import decode
from .toml_lines import TomlLines
from .types import Finding, Gathered

PYPROJECT = "pyproject.toml"
MAX_DOTS = 1000
"""Dots in one line: TOML parsers take quadratic time on a dotted key."""

_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})(\s|$)", re.MULTILINE)
_AT_LINE = re.compile(r"\(at line (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pyproject:
    """A pack's project file. Texts are empty where the file does not say, or says it wrongly (a finding)."""

    name: str = ""
    version: str = ""
    display_name: str = ""
    """`[tool.comfy] DisplayName`."""
    requires_python: str = ""
    """A valid specifier, or empty."""
    requires_comfyui: str = ""
    """`[tool.comfy] requires-comfyui`; a valid specifier, or empty."""
    gathered: Gathered
    """What is to be installed, and everything found in the file."""
    extras: Mapping[str, Gathered] = field(default_factory=dict, hash=False)
    """{extra: what it would add}. Not installed unless asked for, so its findings are not in `gathered`."""


def read_pyproject(pack: str, raw: bytes, read: Reader) -> Pyproject:
    """The project file of that content; `read` is asked for files that it names as its dependencies.

    Read are `[project]` (PEP 621), dependencies kept in files (setuptools' `dynamic`,
    hatch-requirements-txt), Poetry's where that is exact, indexes of `[tool.uv]`, and `[tool.comfy]`.
    Raises nothing of its own: what is wrong is a finding.
    """
    place = Place(pack=pack, file=PYPROJECT)
    data, text, findings = _parse(raw, place)
    top = Table(data, (), TomlLines(text), place, findings)
    project, comfy, poetry = top.table("project"), top.table("tool", "comfy"), top.table("tool", "poetry")
    lists = DependencyLists(top, read)
    lists.read()
    requires_python = _specifier(project, "requires-python") or lists.poetry_python
    requires_comfyui = _specifier(comfy, "requires-comfyui")
    return Pyproject(
        name=project.text("name") or poetry.text("name"),
        version=project.text("version") or poetry.text("version"),
        display_name=comfy.text("DisplayName"),
        requires_python=requires_python,
        requires_comfyui=requires_comfyui,
        gathered=Gathered(
            pack=pack,
            lines=tuple(lists.lines),
            options=tuple(lists.options),
            findings=tuple(dict.fromkeys(findings)),
            includes=tuple(lists.includes),
            requires_python=requires_python,
            requires_comfyui=requires_comfyui,
        ),
        extras=lists.extras,
    )


def _parse(raw: bytes, place: Place) -> tuple[Mapping[str, object], str, list[Finding]]:
    """The data and text of the file, both empty where it cannot be parsed, and what was found on the way."""
    if len(raw) > MAX_FILE_BYTES:
        message = f"{place.file} has {len(raw)} bytes and is not read."
        return {}, "", [place.finding("file-too-large", message)]
    findings = []
    decoded = decode(raw)
    # TOML knows CRLF and LF alone; a lone CR would make one line of the file.
    text = decoded.text.replace("\r\n", "\n")
    if decoded.encoding != "utf-8":
        message = f"{place.file} is not in UTF-8, as TOML demands; it was read as {decoded.encoding}."
        hint = Hint("save-as-utf8", "Save the file in UTF-8, or other tools will not read it.")
        findings.append(place.finding("encoding-not-utf8", message, hint))
    conflict = _CONFLICT.search(text)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        hint = Hint("finish-merge", "Keep one of the two sides and remove the marker lines.")
        message = f"A merge was never finished in line {line}, so that nothing of {place.file} can be read."
        return {}, "", [*findings, place.at(line).finding("merge-conflict-marker", message, hint)]
    try:
        return read_toml(text), text, findings
    # Not only TOMLDecodeError: impossible dates and very long numbers raise others.
    except (ValueError, RecursionError) as error:
        at = _AT_LINE.search(str(error))
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        return {}, "", [*findings, _invalid_toml(reason, place.at(int(at.group(1)) if at else 0))]


def read_toml(text: str) -> dict[str, Any]:
    """The tables of the text, in time that grows with its length; ValueError or RecursionError for bad text."""
    if any(line.count(".") > MAX_DOTS for line in text.split("\n")):
        raise ValueError("a line with thousands of dots")
    tables: dict[str, Any] = tomllib.loads(text)
    return tables


def _invalid_toml(reason: str, place: Place) -> Finding:
    return place.finding(
        "invalid-toml",
        f"{place.file} is no valid TOML, so that nothing of it can be read: {shown(reason)}.",
        Hint("fix-toml", "Correct the file, or report it to the pack's author."),
    )


def _specifier(table: Table, key: str) -> str:
    """The key's version specifier, or empty where there is none that is valid."""
    text = table.text(key).strip()
    try:
        SpecifierSet(text)
    except ValueError:
        message = f"{key} = {shown(text)!r} is no version specifier and is not followed."
        hint = Hint("fix-specifier", 'Write it like ">=1.0,<2".')
        table.findings.append(table.place_of(key).finding("invalid-specifier", message, hint))
        return ""
    return text
