"""The lists of dependencies a pyproject.toml may hold, wherever its build backend keeps them."""

from __future__ import annotations

import re

from ..errors import Hint
from .place import Place, shown
from .poetry import poetry_requirement, poetry_specifier
from .pyproject_tables import Table, not_a_string
from .reader import Reader, UnreadableFile, path_inside
from .requirement_text import invalid_requirement, read_requirement, refuse_plainly
from .requirement_url import URL_START
from .requirements import read_requirements
from .types import Finding, Gathered, Include, IndexOption, RequirementLine

_HATCH = ("tool", "hatch", "metadata", "hooks", "requirements_txt")
_MISPLACED = ((), ("project", "urls"), ("project", "scripts"), ("tool", "comfy"))
_POETRY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class DependencyLists:
    """What the file asks for. `read` fills the lists; findings go to those of the table."""

    def __init__(self, top: Table, read: Reader) -> None:
        self._top = top
        self._read = read
        self._project = top.table("project")
        self.lines: list[RequirementLine] = []
        self.options: list[IndexOption] = []
        self.includes: list[Include] = []
        self.extras: dict[str, Gathered] = {}
        self.poetry_python = ""

    def read(self) -> None:
        """Read every list there is."""
        for entry, place in self._project.entries("dependencies"):
            self._take(entry, place)
        self._read_optional()
        found = self._read_files()
        poetry = self._top.table("tool", "poetry", "dependencies")
        if "dependencies" not in self._project and poetry.data:
            self._read_poetry(poetry)
            found = True
        if not found:
            self._check_dynamic()
        self._read_uv()
        for path in _MISPLACED:
            table = self._top.table(*path)
            if isinstance(table.data.get("dependencies"), list):
                self._top.findings.append(_misplaced(table))

    def _take(self, entry: object, place: Place) -> None:
        taken = read_dependency(entry, place)
        if isinstance(taken, RequirementLine):
            self.lines.append(taken)
        else:
            self._top.findings.append(taken)

    def _read_optional(self) -> None:
        optional = self._project.table("optional-dependencies")
        for extra in optional:
            taken = [read_dependency(entry, place) for entry, place in optional.entries(extra)]
            self._add_extra(
                extra,
                Gathered(
                    pack=self._top.pack,
                    lines=tuple(line for line in taken if isinstance(line, RequirementLine)),
                    findings=tuple(finding for finding in taken if isinstance(finding, Finding)),
                ),
            )

    def _read_files(self) -> bool:
        """Read the files that hold the dependencies; whether any file is named."""
        setuptools = self._top.table("tool", "setuptools", "dynamic")
        hatch = self._top.table(*_HATCH)
        # hatch-requirements-txt: `filename` was the name of `files` before its version 0.4.
        named = [
            *(setuptools.table("dependencies").texts("file") if "dependencies" in setuptools else ()),
            *hatch.texts("files"),
            *hatch.texts("filename"),
        ]
        for target, place in named:
            gathered = self._from_file(target, place)
            self.lines.extend(gathered.lines)
            self.options.extend(gathered.options)
            self.includes.extend(gathered.includes)
            self._top.findings.extend(gathered.findings)
        optional = setuptools.table("optional-dependencies")
        for extra in optional:
            for target, place in optional.table(extra).texts("file"):
                self._add_extra(extra, self._from_file(target, place))
        optional = hatch.table("optional-dependencies")
        for extra in optional:
            for target, place in optional.texts(extra):
                self._add_extra(extra, self._from_file(target, place))
        return bool(named)

    def _from_file(self, target: str, place: Place) -> Gathered:
        try:
            file = path_inside(place.file, target)
        except UnreadableFile as problem:
            finding = problem.finding(pack=place.pack, file=place.file, line=place.line)
            return Gathered(pack=place.pack, findings=(finding,))
        return read_requirements(place.pack, file, self._read, asked=place)

    def _add_extra(self, extra: str, more: Gathered) -> None:
        old = self.extras.get(extra, Gathered(pack=more.pack))
        self.extras[extra] = Gathered(
            pack=more.pack,
            lines=old.lines + more.lines,
            options=old.options + more.options,
            findings=old.findings + more.findings,
            includes=old.includes + more.includes,
        )

    def _read_poetry(self, poetry: Table) -> None:
        extras = self._top.table("tool", "poetry", "extras")
        asked_by: dict[str, list[str]] = {}
        for extra in extras:
            for name, _ in extras.texts(extra):
                asked_by.setdefault(name, []).append(extra)
        for name, wanted in poetry.data.items():
            place = poetry.place_of(name)
            if name == "python":
                self._read_poetry_python(wanted, place)
                continue
            taken = _read_poetry_dependency(name, wanted, place)
            if isinstance(wanted, dict) and wanted.get("optional"):
                one = (
                    Gathered(pack=place.pack, lines=(taken,))
                    if isinstance(taken, RequirementLine)
                    else Gathered(pack=place.pack, findings=(taken,))
                )
                for extra in asked_by.get(name, []):
                    self._add_extra(extra, one)
            elif isinstance(taken, RequirementLine):
                self.lines.append(taken)
            else:
                self._top.findings.append(taken)

    def _read_poetry_python(self, wanted: object, place: Place) -> None:
        try:
            self.poetry_python = poetry_specifier(wanted) if isinstance(wanted, str) else ""
        except ValueError as error:
            self._top.findings.append(
                place.finding(
                    "invalid-specifier", f"python = {shown(str(wanted))!r} is not followed: {error}."
                )
            )

    def _check_dynamic(self) -> None:
        dynamic = [text for text, _ in self._project.texts("dynamic")]
        if "dependencies" in dynamic and "dependencies" not in self._project:
            self._top.findings.append(
                self._project.place_of("dynamic").finding(
                    "dynamic-dependencies-not-read",
                    "The dependencies are computed when the pack is built, which would run its code.",
                    Hint("list-dependencies", "List them in [project] dependencies or in requirements.txt."),
                )
            )

    def _read_uv(self) -> None:
        """Indexes the author named for uv. They widen trust as a line in requirements.txt would."""
        for uv in (self._top.table("tool", "uv"), self._top.table("tool", "uv", "pip")):
            for key in ("index-url", "extra-index-url", "find-links"):
                self.options.extend(_option(f"--{key}", url, place) for url, place in uv.texts(key))
        uv = self._top.table("tool", "uv")
        for entry, place in uv.entries("index") if isinstance(uv.data.get("index"), list) else ():
            # An explicit index serves only packages that `sources` sends to it.
            if isinstance(entry, dict) and isinstance(entry.get("url"), str) and not entry.get("explicit"):
                option = "--index-url" if entry.get("default") else "--extra-index-url"
                self.options.append(_option(option, entry["url"], place))
        sources = uv.table("sources")
        if sources.data:
            self._top.findings.append(
                uv.place_of("sources").finding(
                    "uv-sources-not-read",
                    f"[tool.uv.sources] moves {shown(', '.join(sources))} to other places; not followed.",
                    Hint("write-url", "Where another place is needed, write name @ URL in the dependencies."),
                )
            )


def read_dependency(entry: object, place: Place) -> RequirementLine | Finding:
    """One entry of a list of dependencies: a PEP 508 string, or why it is refused."""
    if not isinstance(entry, str):
        return not_a_string(entry, place, "dependencies")
    text = entry.strip()
    if text.startswith("#"):
        return place.finding(
            "comment-as-dependency",
            f"{shown(text)} is a comment written as a dependency; it is passed over.",
            Hint("move-comment", "Write comments outside the quotes."),
        )
    if len(text.splitlines()) > 1:
        # Written to a requirements file it would become several lines, the later ones unseen by any check.
        return place.finding(
            "control-character", "A dependency goes over more than one line; it is not taken."
        )
    refused = refuse_plainly(text, place)
    if refused:
        return refused
    if re.match(r"-{1,2}[A-Za-z]", text):
        return place.finding(
            "option-in-pyproject",
            f"{shown(text)} is an option of pip, which has no place in a list of dependencies.",
            Hint("use-requirements-txt", "Write the line in requirements.txt."),
        )
    if URL_START.match(text):
        return place.finding(
            "invalid-requirement",
            f"{shown(text)} has no name, which PEP 508 demands.",
            Hint("name-url", f"Write it as: name @ {shown(text)}"),
        )
    return read_requirement(text, place) if text else invalid_requirement(text, place)


def _read_poetry_dependency(name: str, wanted: object, place: Place) -> RequirementLine | Finding:
    try:
        if not _POETRY_NAME.fullmatch(name):
            raise ValueError("the name is none of a package")
        return read_dependency(poetry_requirement(name, wanted), place)
    except ValueError as error:
        return place.finding(
            "poetry-dependency-not-read",
            f"{shown(name)} is not taken, because its entry has no exact form in PEP 508: {error}.",
            Hint("use-project-table", "List it in [project] dependencies or in requirements.txt."),
        )


def _misplaced(table: Table) -> Finding:
    where = f"[{'.'.join(table.path)}]" if table.path else "the top of the file"
    return table.place_of("dependencies").finding(
        "misplaced-dependencies",
        f"The dependencies stand under {where}, where nobody reads them.",
        Hint("move-dependencies", "Move the list up, right below [project]."),
    )


def _option(option: str, value: str, place: Place) -> IndexOption:
    return IndexOption(pack=place.pack, file=place.file, line=place.line, option=option, value=value)
