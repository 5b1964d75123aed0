"""Laws of reading requirements: nothing crashes, nothing vanishes, nothing changes on the way."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from comfyui_safe_install.resolver.core.gather import gather
from comfyui_safe_install.resolver.core.likely import likely_intended
from comfyui_safe_install.resolver.core.pyproject import read_pyproject
from comfyui_safe_install.resolver.core.reader import Reader, UnreadableFile
from comfyui_safe_install.resolver.core.requirements import read_requirements
from comfyui_safe_install.resolver.core.text import decode
from comfyui_safe_install.resolver.core.types import (
    Finding,
    Gathered,
    Include,
    IndexOption,
    RequirementLine,
)

Placed = RequirementLine | IndexOption | Finding | Include
laws = settings(deadline=None, max_examples=200)

# Pieces that mean something in a requirements file, so that chance makes interesting ones.
PIECES = (
    "numpy", "Torch", "a.b-c_d", "1.0", "==", ">=", "<", "=", "~=", "!", "[x]", "[", "]", "(", ")", ";", ",",
    "@", " @ ", " ", "  ", "\t", "\n", "\r\n", "\r", "\\", "\\\n", "#", " # ", "'", '"', "$", "${X}", "-",
    "--", "-r ", "-c", "-e ", "-i", "--pre", "--index-url ", "--hash=sha256:" + "0" * 64, "--no-deps",
    "b.txt", "../x", "/", ":", "https://", "git+https://example.org/o/r.git",
    "https://u:p@example.org/a-1.0-py3-none-any.whl",
    "#egg=", "os_name", "== 'nt'", "<<<<<<< ", "=======", "pip install ", "import os\n", "def f():", "<html>",
    "{", "[project]\n", "dependencies = [", "\0", "\x0c", "\x1c", "\x85", "\u2028", "\ufeff",
    "\N{FULLWIDTH SEMICOLON}", "\N{GREATER-THAN OR EQUAL TO}", "ü",
)  # fmt: skip
pieces = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
anything = st.one_of(
    st.binary(max_size=300),
    pieces.map(str.encode),
    st.tuples(pieces, st.sampled_from(["utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig"])).map(
        lambda pair: pair[0].encode(pair[1], "replace")
    ),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
)


def reader(files: Mapping[str, bytes]) -> Reader:
    """A reader of exactly these files."""

    def read(path: str) -> bytes:
        if path not in files:
            raise UnreadableFile("file-missing", f"{path} is not there.")
        return files[path]

    return read


def begin_of_lines(text: str) -> set[int]:
    """Where the lines begin that are neither blank nor comment, found in another way than the code's."""
    physical = text.splitlines()
    # Comments first, with a sign where each was, since what ends in a comment does not go on.
    bare = [re.sub(r"(?:^|(?<=\s))#.*", "\0#", line, count=1, flags=re.DOTALL) for line in physical]
    begins, number = set(), 0
    while number < len(bare):
        start, joined = number, ""
        while bare[number].endswith("\\") and number + 1 < len(bare):
            joined += bare[number].rstrip("\\")
            number += 1
        joined += bare[number].rstrip("\\") if bare[number].endswith("\\") else bare[number]
        if joined.replace("\0#", "").strip():
            begins.add(start + 1)
        number += 1
    return begins


def accounted(gathered: Gathered, file: str) -> set[int]:
    """The lines of the file that appear anywhere in what was gathered."""
    every: tuple[Placed, ...] = (*gathered.lines, *gathered.options, *gathered.findings, *gathered.includes)
    return {one.line for one in every if one.file == file and one.line}


WHOLE_FILE = {"not-a-requirements-file", "file-too-large"}


@laws
@given(anything)
def test_no_line_vanishes_and_none_is_invented(raw: bytes) -> None:
    """Any bytes: every line that says something is accounted for by its number, and taken at most once."""
    gathered = read_requirements("pack", "r.txt", reader({"r.txt": raw}))
    if any(finding.code in WHOLE_FILE for finding in gathered.findings):
        assert [finding.line for finding in gathered.findings] == [0]
        assert (gathered.lines, gathered.options, gathered.includes) == ((), (), ())
        return
    assert accounted(gathered, "r.txt") == begin_of_lines(decode(raw).text)
    taken = [line.line for line in gathered.lines]
    assert len(taken) == len(set(taken))


@laws
@given(anything, anything)
def test_both_files_survive_anything(requirements: bytes, project: bytes) -> None:
    """Any bytes in both files give a result that can be shown, without credentials and control characters."""
    files = {"requirements.txt": requirements, "pyproject.toml": project}
    gathered = gather("pack", reader(files), tuple(files))
    for finding in gathered.findings:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", finding.code)
        assert finding.message
        assert "://u:p@" not in repr(finding)
    assert "://u:p@" not in repr([line.text for line in gathered.lines])


@laws
@given(anything)
def test_what_is_taken_can_be_written_for_a_solver(raw: bytes) -> None:
    """A taken requirement is one line that reads back as itself, and its marker can be decided."""
    for line in read_requirements("pack", "r.txt", reader({"r.txt": raw})).lines:
        line.applies({"os_name": "posix"})
        written = str(line.requirement) if line.requirement else line.url
        assert len(written.splitlines()) == 1
        assert line.requirement is None or Requirement(written) == line.requirement


@laws
@given(pieces)
def test_what_was_meant_is_always_valid(text: str) -> None:
    """A hint never proposes what would be refused again."""
    intended = likely_intended(text)
    if intended:
        Requirement(intended)


# ---------------------------------------------------------------- well-formed files

names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda name: not re.search(r"\.(txt|whl|zip|egg|tgz|tbz|txz|tlz|tar(\..*)?)$", name, re.IGNORECASE)
)
versions = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}", fullmatch=True)
specifiers = st.lists(
    st.tuples(st.sampled_from(["==", ">=", "<=", "<", ">", "!=", "==="]), versions), max_size=3
)
markers = st.sampled_from(["", " ; sys_platform == 'win32'", '; python_version<"3.12"', " ; extra == 'x'"])
requirements = st.builds(
    lambda name, extras, spec, blank, marker: (
        name
        + (f"[{','.join(extras)}]" if extras else "")
        + blank
        + ",".join("".join(s) for s in spec)
        + marker
    ),
    names,
    st.lists(names, max_size=2),
    specifiers,
    st.sampled_from(["", " "]),
    markers,
).filter(lambda text: not text.startswith("."))
around = st.sampled_from(
    [("", ""), ("  ", " "), ("", "  # why"), ("# before\n\n", ""), ("", "\n\n  # after \\")]
)
ENCODINGS = (
    ("utf-8", b""),
    ("utf-8", codecs.BOM_UTF8),
    ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE),
    ("utf-16-le", b""),
    ("utf-32-le", codecs.BOM_UTF32_LE),
    ("latin-1", b""),
)


@laws
@given(
    st.lists(st.tuples(requirements, around), min_size=1, max_size=15),
    st.sampled_from(ENCODINGS),
    # A lone CR before an empty line that ends in LF would be one CRLF, so it is not mixed with others.
    st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"], ["\r\n", "\n", "\n"]]),
    st.booleans(),
)
def test_a_well_formed_file_comes_back_whole(
    written: list[tuple[str, tuple[str, str]]],
    encoding: tuple[str, bytes],
    endings: list[str],
    final_newline: bool,
) -> None:
    """In every encoding and with any line ends, all requirements come back, in order, and no finding."""
    physical: list[str] = []
    expected = []
    for text, (before, after) in written:
        block = f"{before}{text}{after}".split("\n")
        expected.append((len(physical) + before.count("\n") + 1, Requirement(text)))
        physical += block
    content = "".join(line + endings[number % len(endings)] for number, line in enumerate(physical))
    if not final_newline:
        content = content.rstrip("\r\n")
    # Without a mark, UTF-16 is recognised by its many NULs alone, which a letter or two do not show.
    raw = encoding[1] + content.encode(encoding[0])
    if encoding == ("utf-16-le", b"") and len(content) < 3:
        return
    gathered = read_requirements("pack", "r.txt", reader({"r.txt": raw}))
    assert [(line.line, line.requirement) for line in gathered.lines] == expected
    assert gathered.findings == ()


@laws
@given(
    st.lists(requirements, max_size=10), st.randoms(use_true_random=False), st.sampled_from(["\n", "\r\n"])
)
def test_dependencies_of_a_project_file_have_their_lines(texts: list[str], random: Random, end: str) -> None:
    """However the array is laid out, each dependency comes back with the line it stands on."""
    content, expected = f"# top{end}[project]{end}name = 'x'{end}dependencies = [", []
    for text in texts:
        content += random.choice(["", " ", end, f" # [no, {end}", f'{end}  # "no",{end}\t'])
        expected.append((content.count("\n") + 1, Requirement(text)))
        quoted = (
            '"' + text.replace('"', '\\"') + '"' if "'" in text or random.random() < 1 / 2 else f"'{text}'"
        )
        content += quoted + random.choice(["", " ", end]) + ","
    content += f"]{end}[tool.comfy]{end}"
    project = read_pyproject("pack", content.encode(), reader({}))
    assert [(line.line, line.requirement) for line in project.gathered.lines] == expected
    assert project.gathered.findings == ()


# ---------------------------------------------------------------- includes

FILES = ("requirements.txt", "a.txt", "sub/b.txt", "sub/c.txt", "d.txt")
include_lines = st.lists(
    st.tuples(
        st.sampled_from(["-r ", "-c ", "-r", "--constraint="]), st.sampled_from([*FILES, "missing.txt"])
    ),
    max_size=4,
)


@laws
@given(st.fixed_dictionaries(dict.fromkeys(FILES, include_lines)))
def test_include_graphs_end_and_lose_nothing(graph: dict[str, list[tuple[str, str]]]) -> None:
    """Any graph of includes, cycles too: every file reached is read, every include line is accounted for."""
    files = {}
    for file, targets in graph.items():
        up = "../" if "/" in file else ""
        lines = [f"{option}{up}{target}" for option, target in targets]
        files[file] = "\n".join([f"name-{file.replace('/', '-').removesuffix('.txt')}", *lines]).encode()
    gathered = read_requirements("pack", "requirements.txt", reader(files))
    reached, todo = {"requirements.txt"}, ["requirements.txt"]
    while todo:
        for _, target in graph[todo.pop()]:
            if target in FILES and target not in reached:
                reached.add(target)
                todo.append(target)
    assert {line.file for line in gathered.lines} == reached
    for file in reached:
        assert accounted(gathered, file) == set(range(1, len(graph[file]) + 2))
    assert {finding.code for finding in gathered.findings} <= {"include-cycle", "file-missing"}
