"""`-r` and `-c` lines inside a pack."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from comfyui_safe_install.resolver.core.reader import UnreadableFile
from comfyui_safe_install.resolver.core.requirements import MAX_INCLUDED_FILES, read_requirements
from comfyui_safe_install.resolver.core.types import Gathered


def gathered(files: Mapping[str, str], entry: str = "requirements.txt") -> Gathered:
    """What a pack of these files declares."""

    def read(path: str) -> bytes:
        if path not in files:
            raise UnreadableFile("file-missing", f"{path} is not there.")
        return files[path].encode()

    return read_requirements("pack", entry, read)


def test_included_files_are_read_relative_to_the_including_file() -> None:
    """Each line carries the file it stands in, and each include is recorded."""
    result = gathered(
        {
            "requirements.txt": "a\n-r req/base.txt\n-creq/limits.txt\n--requirement=req/../extra.txt\n",
            "req/base.txt": "b\n-r more.txt # why\n",
            "req/more.txt": "c\n",
            "req/limits.txt": "d<2\n",
            "extra.txt": "e\n",
        }
    )
    assert [(line.file, line.name, line.constraint) for line in result.lines] == [
        ("requirements.txt", "a", False),
        ("req/base.txt", "b", False),
        ("req/more.txt", "c", False),
        ("req/limits.txt", "d", True),
        ("extra.txt", "e", False),
    ]
    assert [(one.file, one.line, one.target) for one in result.includes] == [
        ("requirements.txt", 2, "req/base.txt"),
        ("req/base.txt", 2, "req/more.txt"),
        ("requirements.txt", 3, "req/limits.txt"),
        ("requirements.txt", 4, "extra.txt"),
    ]
    assert not result.findings


def test_what_a_constraint_file_includes_only_constrains() -> None:
    """A `-r` inside a constraint file asks for nothing."""
    result = gathered({"requirements.txt": "-c c.txt", "c.txt": "-r d.txt", "d.txt": "a<2"})
    assert [line.constraint for line in result.lines] == [True]


def test_a_file_counts_once_as_requirements_and_once_as_constraints() -> None:
    """Including a file again adds nothing but the record of the include."""
    result = gathered({"requirements.txt": "-r a.txt\n-r ./a.txt\n-c a.txt\n", "a.txt": "x\n--pre\nb=1\n"})
    assert [(line.name, line.constraint) for line in result.lines] == [("x", False), ("x", True)]
    assert [one.line for one in result.includes] == [1, 2, 3]
    assert len(result.options) == 1
    assert len(result.findings) == 1


@pytest.mark.parametrize("other", ["requirements.txt", "./x/../requirements.txt", "b.txt"])
def test_a_cycle_is_a_finding(other: str) -> None:
    """Files that include each other are each read once."""
    result = gathered({"requirements.txt": f"a\n-r {other}\n", "b.txt": "b\n-c requirements.txt\n"})
    assert [finding.code for finding in result.findings] == ["include-cycle"]
    assert "a" in [line.name for line in result.lines]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("missing.txt", "file-missing"),
        ("../other/requirements.txt", "file-outside-pack"),
        ("x/../../y.txt", "file-outside-pack"),
        ("..", "file-outside-pack"),
        ("/etc/passwd", "file-outside-pack"),
        ("C:/x.txt", "file-outside-pack"),
        ("https://example.org/x.txt", "include-remote"),
        ("file:///etc/passwd", "include-remote"),
    ],
)
def test_an_include_that_is_not_followed_is_a_finding_at_its_line(target: str, code: str) -> None:
    """What lies outside the pack, on the network or nowhere is not read, and the rest of the file is."""
    result = gathered({"requirements.txt": f"a\n-r {target}\nb\n"})
    assert [line.name for line in result.lines] == ["a", "b"]
    assert [(finding.code, finding.file, finding.line) for finding in result.findings] == [
        (code, "requirements.txt", 2)
    ]
    assert not result.includes


def test_a_missing_first_file_is_a_finding_about_it() -> None:
    """There is no line to blame."""
    (finding,) = gathered({}).findings
    assert (finding.code, finding.file, finding.line) == ("file-missing", "requirements.txt", 0)


def test_a_chain_without_end_is_cut() -> None:
    """A pack cannot keep us reading forever."""
    read = []

    def reader(path: str) -> bytes:
        read.append(path)
        return f"-r {len(read)}.txt\n".encode()

    result = read_requirements("pack", "0.txt", reader)
    assert len(read) == MAX_INCLUDED_FILES
    assert [finding.code for finding in result.findings] == ["too-many-files"]
