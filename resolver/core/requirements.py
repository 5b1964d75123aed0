"""What a pack's requirements.txt says: requirements, options, and a finding for whatever is neither.

The syntax is pip's (`pip._internal.req.req_file`). Where pip silently drops or repairs something, a finding
says so: no line vanishes.
"""

from __future__ import annotations

import re

from ..errors import Hint
from .options import (
    BUILD_OPTIONS,
    COMMAND_OPTIONS,
    INCLUDE_OPTIONS,
    INDEX_OPTIONS,
    LineOption,
    LineOptions,
    OptionError,
    parse_options,
    split_options,
)
from .place import Place, shown
from .reader import MAX_FILE_BYTES, Reader, UnreadableFile, path_inside
from .requirement_text import invalid_requirement, line_too_long, read_requirement, refuse_plainly
from .text import MAX_LINES, LogicalLine, count_lines, decode, foreign_kind, logical_lines
from .types import Finding, Gathered, Include, IndexOption, RequirementLine

MAX_INCLUDED_FILES = 100
MAX_LOGICAL_LINE = 100_000
"""Characters of one line with all its hashes."""

_HASH = re.compile(r"sha256:[0-9a-fA-F]{64}|sha384:[0-9a-fA-F]{96}|sha512:[0-9a-fA-F]{128}")
"""The algorithms pip accepts (`STRONG_HASHES`)."""


def read_requirements(
    pack: str, entry: str, read: Reader, *, asked: Place | None = None, constraint: bool = False
) -> Gathered:
    """What the file `entry` of the pack declares, with all files it includes by `-r` and `-c`.

    A file is read once as requirements and once as constraints, however often it is included. What a
    constraint file includes counts as constraints too (as uv does; pip would install it).
    `asked` is the place that names the file, where that is no requirements file itself.
    Blocks only as `read` does. Raises nothing of its own: all that is wrong is a finding.

    Example: a file with the line `numpy>=1.25  # fast` gives one RequirementLine of text `numpy>=1.25`.
    """
    reading = _Reading(pack, read)
    reading.read_file(entry, constraint=constraint, asked=asked)
    return reading.gathered()


class _Reading:
    """The files read so far and what they gave."""

    def __init__(self, pack: str, read: Reader) -> None:
        self._pack = pack
        self._read = read
        self._open: list[str] = []
        self._seen: set[tuple[str, bool]] = set()
        self._lines: list[RequirementLine] = []
        self._options: list[IndexOption] = []
        self._findings: list[Finding] = []
        self._includes: list[Include] = []

    def gathered(self) -> Gathered:
        """Everything so far; what both readings of one file gave appears once."""
        return Gathered(
            pack=self._pack,
            lines=tuple(self._lines),
            options=tuple(dict.fromkeys(self._options)),
            findings=tuple(dict.fromkeys(self._findings)),
            includes=tuple(dict.fromkeys(self._includes)),
        )

    def read_file(self, file: str, *, constraint: bool, asked: Place | None) -> None:
        """Take the file's lines; `asked` is the place of the line that includes it."""
        try:
            raw = self._read(file)
        except UnreadableFile as problem:
            place = asked or Place(pack=self._pack, file=file)
            self._findings.append(problem.finding(pack=place.pack, file=place.file, line=place.line))
            return
        if asked:
            self._includes.append(Include(file=asked.file, line=asked.line, target=file))
        self._seen.add((file, constraint))
        self._open.append(file)
        for line in self._lines_of(raw, Place(pack=self._pack, file=file)):
            self._read_line(line, Place(pack=self._pack, file=file, line=line.line), constraint=constraint)
        self._open.pop()

    def _lines_of(self, raw: bytes, place: Place) -> tuple[LogicalLine, ...]:
        """The logical lines of the file, or none and a finding about the whole file."""
        look = Hint("look-at-file", "Look at the file; the pack's repository may hold the right one.")
        if len(raw) > MAX_FILE_BYTES:
            self._findings.append(
                place.finding("file-too-large", f"{place.file} has {len(raw)} bytes and is not read.", look)
            )
            return ()
        decoded = decode(raw)
        lines = logical_lines(decoded.text)
        kind = foreign_kind(decoded.text, lines)
        if kind:
            message = f"{place.file} is {kind}, not a list of requirements; it is not read."
            self._findings.append(place.finding("not-a-requirements-file", message, look))
            return ()
        number = count_lines(decoded.text)
        if number > MAX_LINES:
            message = f"{place.file} has {number} lines, more than {MAX_LINES}, and is not read."
            self._findings.append(place.finding("file-too-large", message, look))
            return ()
        if decoded.unknown_encoding:
            message = f"{place.file} declares the encoding {decoded.unknown_encoding}, which is not known."
            self._findings.append(place.finding("unknown-encoding", f"{message} Read as {decoded.encoding}."))
        # In comments a wrong guess does no harm.
        if decoded.guessed and not all(line.text.isascii() for line in lines):
            message = f"{place.file} is not in UTF-8 and was read as {decoded.encoding}, which is a guess."
            self._findings.append(
                place.finding("encoding-guessed", message, Hint("save-as-utf8", "Save the file in UTF-8."))
            )
        return lines

    def _read_line(self, line: LogicalLine, place: Place, *, constraint: bool) -> None:
        if len(line.text) > MAX_LOGICAL_LINE:
            self._findings.append(line_too_long(len(line.text), place))
            return
        refused = refuse_plainly(line.text, place)
        if refused:
            self._findings.append(refused)
            return
        requirement, options_text = split_options(line.text)
        try:
            options = parse_options(options_text)
        except OptionError as problem:
            self._findings.append(_refused_options(line.text, requirement, problem, place))
            return
        if requirement:
            self._take_requirement(requirement, options, place, constraint=constraint)
        for option in options.options:
            self._take_option(option, place, requirement=requirement, constraint=constraint)
        if options.stray:
            # pip leaves such words out without a sign.
            words = shown(" ".join(options.stray))
            self._findings.append(
                place.finding(
                    "text-after-option",
                    f"{words} stands behind an option and is not read.",
                    Hint("line-of-its-own", f"Write it on a line of its own: {words}"),
                )
            )

    def _take_requirement(self, text: str, options: LineOptions, place: Place, *, constraint: bool) -> None:
        hashes = tuple(option.value for option in options.options if option.option == "--hash")
        wrong = [value for value in hashes if not _HASH.fullmatch(value)]
        if wrong:
            self._findings.append(
                place.finding(
                    "invalid-hash",
                    f"{shown(wrong[0])} is no hash to check {shown(text)} against; it is not taken.",
                    Hint("fix-hash", "Write --hash=sha256:<64 hexadecimal digits>."),
                )
            )
            return
        taken = read_requirement(text, place, hashes=hashes, constraint=constraint)
        if isinstance(taken, RequirementLine):
            self._lines.append(taken)
        else:
            self._findings.append(taken)

    def _take_option(self, option: LineOption, place: Place, *, requirement: str, constraint: bool) -> None:
        if option.option in INCLUDE_OPTIONS:
            self._include(option.value, place, constraint=constraint or option.option == "--constraint")
        elif option.option in INDEX_OPTIONS:
            self._options.append(
                IndexOption(
                    pack=place.pack,
                    file=place.file,
                    line=place.line,
                    option=option.option,
                    value=option.value,
                )
            )
        elif option.option == "--editable":
            self._findings.append(_editable(option.value, place))
        elif option.option in BUILD_OPTIONS or option.option in COMMAND_OPTIONS or not requirement:
            what = shown(f"{option.option} {option.value}".strip())
            self._findings.append(place.finding("option-ignored", f"{what} is not followed."))

    def _include(self, target: str, place: Place, *, constraint: bool) -> None:
        try:
            file = path_inside(place.file, target)
        except UnreadableFile as problem:
            self._findings.append(problem.finding(pack=place.pack, file=place.file, line=place.line))
            return
        if file in self._open:
            self._findings.append(
                place.finding(
                    "include-cycle", f"{shown(target)} is being read already: the files include each other."
                )
            )
        elif (file, constraint) in self._seen:
            self._includes.append(Include(file=place.file, line=place.line, target=file))
        elif len(self._seen) >= MAX_INCLUDED_FILES:
            self._findings.append(
                place.finding(
                    "too-many-files",
                    f"{shown(target)} is not read: more than {MAX_INCLUDED_FILES} files of requirements.",
                )
            )
        else:
            self.read_file(file, constraint=constraint, asked=place)


def _refused_options(text: str, requirement: str, problem: OptionError, place: Place) -> Finding:
    """Options that cannot be read; unless the line is no line with options at all."""
    if not requirement or re.search(r"\s-{1,2}[A-Za-z]", text):
        return place.finding(problem.code, f"{shown(text)} is not taken: {shown(str(problem))}.")
    return invalid_requirement(text, place)


def _editable(value: str, place: Place) -> Finding:
    hints = [Hint("use-index", "Name the package and its version instead, such as name==1.0.")]
    if "://" in value:
        hints.insert(0, Hint("likely-intended", f"Without -e it is an ordinary requirement: {shown(value)}"))
    return place.finding(
        "editable-refused",
        f"{shown(value)} is asked for as an editable install, which points at files that may change.",
        *hints,
    )
