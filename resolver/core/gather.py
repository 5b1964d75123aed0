"""Everything one pack declares, from its requirements.txt and its pyproject.toml together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from ..errors import Hint
from .place import Place, shown
from .pyproject import PYPROJECT, read_pyproject
from .reader import Reader, UnreadableFile
from .requirements import read_requirements
from .types import Finding, Gathered, RequirementLine

REQUIREMENTS = "requirements.txt"


def gather(pack: str, read: Reader, names: Collection[str]) -> Gathered:
    """The pack's lines, options and findings: the union of its two files.

    `names` are the names at the pack's root. Optional dependencies (extras) are left out. Where both files
    limit one package differently, both lines are kept and a finding `files-disagree` names them; that only
    one file names a package is no disagreement. Blocks only as `read` does; raises nothing of its own.
    """
    file = _requirements_file(names)
    gathered = read_requirements(pack, file, read) if file else Gathered(pack=pack)
    if PYPROJECT not in names:
        return gathered
    try:
        project = read_pyproject(pack, read(PYPROJECT), read).gathered
    except UnreadableFile as problem:
        return replace(gathered, findings=(*gathered.findings, problem.finding(pack=pack, file=PYPROJECT)))
    own = [line for line in project.lines if line.file == PYPROJECT]
    return Gathered(
        pack=pack,
        lines=_once((*gathered.lines, *project.lines)),
        options=tuple(dict.fromkeys((*gathered.options, *project.options))),
        findings=tuple(
            dict.fromkeys((*gathered.findings, *project.findings, *_disagreements(gathered.lines, own)))
        ),
        includes=tuple(dict.fromkeys((*gathered.includes, *project.includes))),
        requires_python=project.requires_python,
        requires_comfyui=project.requires_comfyui,
    )


def _requirements_file(names: Collection[str]) -> str:
    """The root's requirements.txt; else one whose name differs only in case; else empty."""
    alike = sorted(name for name in names if name.casefold() == REQUIREMENTS)
    return REQUIREMENTS if REQUIREMENTS in alike else next(iter(alike), "")


def _once(lines: Iterable[RequirementLine]) -> tuple[RequirementLine, ...]:
    """Without the lines of a file that was read for itself and again because pyproject.toml names it.

    Such a file gives one line a place; pyproject.toml may repeat a dependency, which is kept as it is.
    """
    seen: set[tuple[str, int, bool]] = set()
    once = []
    for line in lines:
        place = (line.file, line.line, line.constraint)
        if line.file == PYPROJECT or place not in seen:
            once.append(line)
        seen.add(place)
    return tuple(once)


def _disagreements(
    listed: Collection[RequirementLine], project: Collection[RequirementLine]
) -> Iterable[Finding]:
    """One finding for each package that both files want, but not in the same versions, extras or markers."""
    in_file, in_project = _by_name(listed), _by_name(project)
    for name in sorted(in_file.keys() & in_project.keys()):
        if _wishes(in_file[name]) != _wishes(in_project[name]):
            first = in_file[name][0]
            there = shown(" and ".join(line.text for line in in_project[name]))
            here = shown(" and ".join(line.text for line in in_file[name]))
            yield Place(pack=first.pack, file=first.file, line=first.line).finding(
                "files-disagree",
                f"{first.file} wants {here}, but {PYPROJECT} wants {there}. Both count.",
                Hint(
                    "align-files", f"Whoever keeps the pack should write the same for {name} in both files."
                ),
            )


def _by_name(lines: Iterable[RequirementLine]) -> dict[str, list[RequirementLine]]:
    names: dict[str, list[RequirementLine]] = {}
    for line in lines:
        if line.name and not line.constraint:
            names.setdefault(line.name, []).append(line)
    return names


def _wishes(lines: Iterable[RequirementLine]) -> set[tuple[str, ...]]:
    """What the lines ask for, apart from spelling; a bare name beside another line asks for nothing more."""
    wishes = {
        (str(wanted.specifier), str(wanted.marker or ""), wanted.url or "", *sorted(wanted.extras))
        for line in lines
        if (wanted := line.requirement)
    }
    return wishes - {("", "", "")} or wishes
