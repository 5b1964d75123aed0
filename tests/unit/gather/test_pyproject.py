"""What a pack's pyproject.toml says."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from comfyui_safe_install.resolver.core.pyproject import Pyproject, read_pyproject
from comfyui_safe_install.resolver.core.reader import MAX_FILE_BYTES, UnreadableFile
from comfyui_safe_install.resolver.core.types import Finding


def project(text: str | bytes, files: Mapping[str, str] | None = None) -> Pyproject:
    """The project file of that content in a pack with those other files."""

    def read(path: str) -> bytes:
        if path not in (files or {}):
            raise UnreadableFile("file-missing", f"{path} is not there.")
        return (files or {})[path].encode()

    return read_pyproject("pack", text.encode() if isinstance(text, str) else text, read)


def names(of: Pyproject) -> list[str]:
    """The names of all packages it asks for."""
    return [line.name for line in of.gathered.lines]


def only_finding(text: str | bytes) -> Finding:
    """The one finding on a file that asks for nothing."""
    result = project(text)
    assert not result.gathered.lines
    (finding,) = result.gathered.findings
    assert (finding.pack, finding.file) == ("pack", "pyproject.toml")
    return finding


def test_everything_of_a_usual_file_is_read() -> None:
    """Name, version, bounds, ComfyUI's own table, dependencies with their lines, and extras apart."""
    result = project(
        """\
[project]
name = "my-pack"
version = "1.2.3"
requires-python = ">=3.10"
dependencies = [
  "numpy>=1.25", "scipy ; python_version < '3.13'",
  "clip @ git+https://example.org/clip.git",
]
[project.optional-dependencies]
gpu = ["onnxruntime-gpu", "not valid!"]
[tool.comfy]
DisplayName = "My pack"
requires-comfyui = ">=0.3.64"
"""
    )
    assert (result.name, result.version, result.display_name) == ("my-pack", "1.2.3", "My pack")
    assert (result.requires_python, result.requires_comfyui) == (">=3.10", ">=0.3.64")
    gathered = result.gathered
    assert (gathered.requires_python, gathered.requires_comfyui) == (">=3.10", ">=0.3.64")
    assert [(line.file, line.line, line.name) for line in gathered.lines] == [
        ("pyproject.toml", 6, "numpy"),
        ("pyproject.toml", 6, "scipy"),
        ("pyproject.toml", 7, "clip"),
    ]
    assert not gathered.findings
    assert [(line.line, line.name) for line in result.extras["gpu"].lines] == [(10, "onnxruntime-gpu")]
    assert [finding.code for finding in result.extras["gpu"].findings] == ["invalid-requirement"]


def test_an_empty_file_says_nothing() -> None:
    """No project table is no fault: many packs keep only settings of tools there."""
    result = project("[tool.ruff]\nline-length = 100\n")
    assert (result.name, result.gathered.lines, result.gathered.findings) == ("", (), ())


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ('"# for Image utils"', "comment-as-dependency"),
        ('"numpy<1.24>=1.18"', "invalid-requirement"),
        ('""', "invalid-requirement"),
        ('"git+https://example.org/a.git"', "invalid-requirement"),
        ('"https://example.org/a-1.0-py3-none-any.whl"', "invalid-requirement"),
        ('"a @ file:///srv/a"', "local-path-refused"),
        ('"a @ {root:uri}/a"', "local-path-refused"),
        ('"../a"', "local-path-refused"),
        ('"pip install torch"', "install-command"),
        ('"-r requirements.txt"', "option-in-pyproject"),
        ('"--extra-index-url https://example.org"', "option-in-pyproject"),
        ("\"a ; os_name == 'x\\nb'\"", "control-character"),
        ('"a\\u0000"', "control-character"),
        ('"${NAME}"', "environment-variable"),
        ("7", "wrong-type"),
        ('["a"]', "wrong-type"),
        ('{ name = "a" }', "wrong-type"),
    ],
)
def test_a_dependency_that_is_not_taken_is_a_finding(entry: str, code: str) -> None:
    """It is named with its line, and the others are taken."""
    result = project(f'[project]\ndependencies = [\n  "a",\n  {entry},\n  "b",\n]\n')
    assert names(result) == ["a", "b"]
    assert [(finding.code, finding.line) for finding in result.gathered.findings] == [(code, 4)]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("[project\nname = 'x'\n", "invalid-toml", 1),
        ("[project]\nname = 'x'\nname = 'y'\n", "invalid-toml", 3),
        ("[project]\nx = 2024-99-99\n", "invalid-toml", 2),
        ("x = " + "9" * 5000, "invalid-toml", 0),
        ("x = " + "[" * 5000, "invalid-toml", 0),
        ("a." * 5000 + "b = 1", "invalid-toml", 0),
        (
            "[project]\n<<<<<<< HEAD\nversion = '1'\n=======\nversion = '2'\n>>>>>>> x\n",
            "merge-conflict-marker",
            2,
        ),
        (b"x = 1\n" * MAX_FILE_BYTES, "file-too-large", 0),
        ("project = 3\n", "wrong-type", 1),
        ("[project]\nname = 3\n", "wrong-type", 2),
        ("[project]\n\ndependencies = 'numpy'\n", "wrong-type", 3),
        ("[project]\ndependencies = { numpy = '>=1' }\n", "wrong-type", 2),
        ("[project.dependencies]\nnumpy = '>=1'\n", "wrong-type", 1),
        ("[project]\noptional-dependencies = ['a']\n", "wrong-type", 2),
        ("tool = 3\n", "wrong-type", 1),
        ("[tool]\ncomfy = 3\n", "wrong-type", 2),
        ("[project]\nrequires-python = '3.10+'\n", "invalid-specifier", 2),
        ("[tool.comfy]\nrequires-comfyui = 'new'\n", "invalid-specifier", 2),
        ("[project]\ndynamic = ['dependencies']\n", "dynamic-dependencies-not-read", 2),
        ("[project]\nname='x'\n[project.urls]\ndependencies = ['a']\n", "misplaced-dependencies", 4),
        ("dependencies = ['a']\n", "misplaced-dependencies", 1),
        ("[tool.poetry.dependencies]\n'a b' = '*'\n", "poetry-dependency-not-read", 2),
        ("[tool.poetry.dependencies]\npython = '^3.9 || ^3.11'\n", "invalid-specifier", 2),
        ("[tool.setuptools.dynamic]\ndependencies.file = [\n3]\n", "wrong-type", 3),
        ("[tool.uv.sources]\ntorch = { index = 'x' }\n", "uv-sources-not-read", 1),
    ],
)
def test_a_file_or_table_that_cannot_be_read_is_a_finding(text: str | bytes, code: str, line: int) -> None:
    """Broken TOML and wrong types never stop the work and never go unsaid."""
    finding = only_finding(text)
    assert (finding.code, finding.line) == (code, line)


def test_other_encodings_are_read_and_told() -> None:
    """A byte-order mark does no harm; anything but UTF-8 is against TOML."""
    text = '[project]\r\ndependencies = ["numpy"]\r\n'
    assert names(project(text.encode("utf-8-sig"))) == ["numpy"]
    assert not project(text.encode("utf-8-sig")).gathered.findings
    result = project(b"\xff\xfe" + text.encode("utf-16-le"))
    assert names(result) == ["numpy"]
    assert [finding.code for finding in result.gathered.findings] == ["encoding-not-utf8"]


@pytest.mark.parametrize(
    "table",
    [
        "[tool.setuptools.dynamic]\ndependencies = { file = ['req/base.txt'] }",
        "[tool.setuptools.dynamic]\ndependencies = { file = 'req/base.txt' }",
        "[tool.setuptools.dynamic.dependencies]\nfile = ['./req/base.txt']",
        "[tool.hatch.metadata.hooks.requirements_txt]\nfiles = ['req/base.txt']",
    ],
)
def test_dependencies_kept_in_a_file_are_read(table: str) -> None:
    """setuptools and hatch-requirements-txt name files; their lines count with their own places."""
    text = f"[project]\ndynamic = ['dependencies']\n{table}\n"
    result = project(text, {"req/base.txt": "a\n-r more.txt\n", "req/more.txt": "--pre\nb\nnot valid!\n"})
    assert [(line.file, line.name) for line in result.gathered.lines] == [
        ("req/base.txt", "a"),
        ("req/more.txt", "b"),
    ]
    assert [option.option for option in result.gathered.options] == ["--pre"]
    assert [(finding.code, finding.file) for finding in result.gathered.findings] == [
        ("invalid-requirement", "req/more.txt")
    ]
    assert [(one.file, one.line, one.target) for one in result.gathered.includes] == [
        ("pyproject.toml", 4, "req/base.txt"),
        ("req/base.txt", 2, "req/more.txt"),
    ]


@pytest.mark.parametrize(
    "table",
    [
        "[tool.setuptools.dynamic]\noptional-dependencies.gpu = { file = ['gpu.txt'] }",
        "[tool.hatch.metadata.hooks.requirements_txt.optional-dependencies]\ngpu = ['gpu.txt']",
    ],
)
def test_extras_kept_in_a_file_are_extras(table: str) -> None:
    """They are not wanted unless asked for."""
    result = project(f"[project]\ndynamic = ['optional-dependencies']\n{table}\n", {"gpu.txt": "a"})
    assert not result.gathered.lines
    assert [line.name for line in result.extras["gpu"].lines] == ["a"]


@pytest.mark.parametrize(
    ("file", "code"),
    [("missing.txt", "file-missing"), ("../x.txt", "file-outside-pack"), ("/x", "file-outside-pack")],
)
def test_a_file_of_dependencies_that_cannot_be_read_is_a_finding(file: str, code: str) -> None:
    """The finding stands where the file is named."""
    finding = only_finding(f"[tool.setuptools.dynamic]\ndependencies = {{ file = [\n'{file}'] }}\n")
    assert (finding.code, finding.line) == (code, 2)


def test_poetry_is_read_where_that_is_exact() -> None:
    """Exact conversions are lines, optional ones extras, the rest findings with their lines."""
    result = project(
        """\
[tool.poetry]
name = "p"
version = "0.1"
[tool.poetry.dependencies]
python = "^3.10"
numpy = "^1.25"
torch = { version = "2.7.1", source = "gpu" }
gradio = { version = "~4.1", optional = true }
local = { path = "../local" }
[tool.poetry.dependencies.clip]
git = "https://example.org/clip.git"
[tool.poetry.extras]
ui = ["gradio"]
[[tool.poetry.source]]
name = "gpu"
url = "https://example.org/gpu"
"""
    )
    assert (result.name, result.version) == ("p", "0.1")
    assert (result.requires_python, result.gathered.requires_python) == (">=3.10,<4", ">=3.10,<4")
    assert [(line.line, line.text) for line in result.gathered.lines] == [
        (6, "numpy>=1.25,<2"),
        (10, "clip @ git+https://example.org/clip.git"),
    ]
    assert [(finding.code, finding.line) for finding in result.gathered.findings] == [
        ("poetry-dependency-not-read", 7),
        ("poetry-dependency-not-read", 9),
    ]
    assert [line.text for line in result.extras["ui"].lines] == ["gradio>=4.1,<4.2"]


def test_poetry_beside_project_dependencies_only_enriches() -> None:
    """Poetry 2 takes versions from [project]; its own table adds sources for its lock."""
    result = project(
        "[project]\ndependencies = ['a>=1']\n[tool.poetry.dependencies]\na = { source = 'x' }\nb = '*'\n"
    )
    assert names(result) == ["a"]
    assert not result.gathered.findings


def test_indexes_named_for_uv_are_options() -> None:
    """They widen trust as a line in requirements.txt does, so consent is asked for them too."""
    result = project(
        """\
[tool.uv]
index-url = "https://example.org/a"
extra-index-url = ["https://example.org/b"]
find-links = ["https://example.org/c"]
[[tool.uv.index]]
url = "https://example.org/d"
[[tool.uv.index]]
url = "https://example.org/e"
default = true
[[tool.uv.index]]
url = "https://example.org/f"
explicit = true
"""
    )
    assert [(option.option, option.value[-1], option.line) for option in result.gathered.options] == [
        ("--index-url", "a", 2),
        ("--extra-index-url", "b", 3),
        ("--find-links", "c", 4),
        ("--extra-index-url", "d", 5),
        ("--index-url", "e", 5),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join("a." * 950 + f"b{number} = 1" for number in range(200)),
        "a = " + "{ b = " * 100_000,
        "'" * MAX_FILE_BYTES,
        '"""' + "\\" * (MAX_FILE_BYTES - 4),
        "[project]\ndependencies = [" + '"a",' * 50_000 + "]",
        "x = [" + "[1]," * 250_000 + "]",
    ],
    ids=range(6),
)
def test_no_file_takes_long_to_read(text: str) -> None:
    """Files made to slow a parser down are read in some seconds at worst."""
    begin = time.perf_counter()
    project(text)
    assert time.perf_counter() - begin < 20
