"""One pack's two files together."""

from __future__ import annotations

from collections.abc import Mapping

from comfyui_safe_install.resolver.core.gather import gather
from comfyui_safe_install.resolver.core.reader import UnreadableFile
from comfyui_safe_install.resolver.core.types import Gathered


def gathered(files: Mapping[str, str]) -> Gathered:
    """What a pack of these files declares."""

    def read(path: str) -> bytes:
        if path not in files:
            raise UnreadableFile("file-missing", f"{path} is not there.")
        return files[path].encode()

    return gather("pack", read, tuple(files))


def test_a_pack_without_files_asks_for_nothing() -> None:
    """Many packs need nothing but ComfyUI."""
    assert gathered({"__init__.py": ""}) == Gathered(pack="pack")


def test_both_files_count() -> None:
    """The union is taken; a package that only one file names is no disagreement."""
    result = gathered(
        {
            "requirements.txt": "librosa\nnumpy\npillow>=10.3.0\n--pre\n",
            "pyproject.toml": '[project]\nrequires-python = ">=3.10"\n'
            'dependencies = ["Pillow >= 10.3.0", "matplotlib"]\n[tool.comfy]\nrequires-comfyui = ">=0.4"\n',
        }
    )
    assert [(line.file, line.name) for line in result.lines] == [
        ("requirements.txt", "librosa"),
        ("requirements.txt", "numpy"),
        ("requirements.txt", "pillow"),
        ("pyproject.toml", "pillow"),
        ("pyproject.toml", "matplotlib"),
    ]
    assert [option.option for option in result.options] == ["--pre"]
    assert not result.findings
    assert (result.requires_python, result.requires_comfyui) == (">=3.10", ">=0.4")


def test_a_disagreement_is_one_finding_per_package() -> None:
    """Versions, extras, markers and URLs are compared; spelling and an added bare name are not."""
    result = gathered(
        {
            "requirements.txt": "# c\nnumpy>=2.1.0\nrembg[gpu]\na; os_name == 'nt'\n"
            "Einops>=1\neinops\nb>=1,<2\nc\ngit+https://example.org/d.git\n",
            "pyproject.toml": '[project]\ndependencies = ["numpy>=1.26.4", "rembg", "a", "einops>=1", '
            '"b<2,>=1", "c", "c @ https://example.org/c.zip"]\n',
        }
    )
    findings = [finding for finding in result.findings if finding.code == "files-disagree"]
    assert [(finding.line, finding.file) for finding in findings] == [
        (4, "requirements.txt"),
        (8, "requirements.txt"),
        (2, "requirements.txt"),
        (3, "requirements.txt"),
    ]
    assert "numpy>=2.1.0" in findings[2].message
    assert "numpy>=1.26.4" in findings[2].message
    assert findings == list(result.findings)


def test_a_file_named_by_the_project_file_counts_once() -> None:
    """Dynamic dependencies that point at requirements.txt add nothing and disagree with nothing."""
    result = gathered(
        {
            "requirements.txt": "a>=1\n--pre\nnot valid!\n-r b.txt\n",
            "b.txt": "b",
            "pyproject.toml": "[project]\ndynamic = ['dependencies']\n"
            "[tool.setuptools.dynamic]\ndependencies = { file = 'requirements.txt' }\n",
        }
    )
    assert [line.name for line in result.lines] == ["a", "b"]
    assert len(result.options) == 1
    assert [finding.code for finding in result.findings] == ["invalid-requirement"]
    assert [(one.file, one.target) for one in result.includes] == [
        ("requirements.txt", "b.txt"),
        ("pyproject.toml", "requirements.txt"),
    ]


def test_a_file_name_in_other_letters_is_found() -> None:
    """`Requirements.txt` works on Windows, so packs have it; the exact name goes first."""
    assert [line.file for line in gathered({"Requirements.TXT": "a"}).lines] == ["Requirements.TXT"]
    both = gathered({"Requirements.txt": "a", "requirements.txt": "b"})
    assert [line.name for line in both.lines] == ["b"]


def test_a_project_file_that_cannot_be_read_costs_only_itself() -> None:
    """The requirements are taken, and the other file is a finding."""

    def read(path: str) -> bytes:
        if path == "pyproject.toml":
            raise UnreadableFile("file-outside-pack", "pyproject.toml leads out of the pack.")
        return b"a"

    result = gather("pack", read, ["requirements.txt", "pyproject.toml"])
    assert [line.name for line in result.lines] == ["a"]
    assert [(finding.code, finding.file) for finding in result.findings] == [
        ("file-outside-pack", "pyproject.toml")
    ]
