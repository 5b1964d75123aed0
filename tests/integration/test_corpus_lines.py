"""The dependency files of real packs are read without losing a line."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.gather import gather
from comfyui_safe_install.resolver.core.types import Finding, Gathered, IndexOption, RequirementLine
from comfyui_safe_install.resolver.io.pack_files import pack_reader, root_names

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib


@pytest.fixture(scope="module")
def packs(corpus: Path) -> dict[str, Gathered]:
    """Every pack of the corpus, gathered from the disk."""
    folders = sorted((corpus / "packs").iterdir())
    return {folder.name: gather(folder.name, pack_reader(folder), root_names(folder)) for folder in folders}


def lines_of(gathered: Gathered, name: str) -> list[RequirementLine]:
    """The lines that ask for that package."""
    return [line for line in gathered.lines if line.name == name]


def codes(gathered: Gathered) -> list[tuple[str, str, int]]:
    """Code, file and line of every finding."""
    return [(finding.code, finding.file, finding.line) for finding in gathered.findings]


def nameless(gathered: Gathered) -> list[str]:
    """The URLs without a name."""
    return [line.url for line in gathered.lines if line.requirement is None]


def test_every_pack_is_there(corpus: Path, packs: dict[str, Gathered]) -> None:
    """The corpus is the one its manifest speaks of."""
    manifest = json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))
    assert set(packs) == {entry["name"] for entry in manifest}


def test_no_line_of_a_requirements_file_vanishes(corpus: Path, packs: dict[str, Gathered]) -> None:
    """Each line that says something is a requirement, an option or a finding, exactly once."""
    total = 0
    for name, gathered in packs.items():
        path = corpus / "packs" / name / "requirements.txt"
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        expected = [
            number
            for number, line in enumerate(text.splitlines(), start=1)
            if re.sub(r"(^|\s+)#.*", "", line).strip()
        ]
        refused = [finding for finding in gathered.findings if finding.code != "files-disagree"]
        every: list[RequirementLine | IndexOption | Finding] = [*gathered.lines, *gathered.options, *refused]
        own = [one.line for one in every if one.file == "requirements.txt"]
        assert sorted(own) == expected, name
        total += len(expected)
    assert total > 900


def test_no_dependency_of_a_project_file_vanishes(corpus: Path, packs: dict[str, Gathered]) -> None:
    """Each entry of `[project] dependencies` is a line or a finding, and stands where it is said to."""
    total = 0
    for name, gathered in packs.items():
        path = corpus / "packs" / name / "pyproject.toml"
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        physical = text.splitlines()
        expected = tomllib.loads(text).get("project", {}).get("dependencies", [])
        own = [line for line in gathered.lines if line.file == "pyproject.toml"]
        comments = [one for one in gathered.findings if one.code == "comment-as-dependency"]
        assert len(own) + len(comments) == len(expected), name
        for line in own:
            assert line.text in expected
            assert line.text.replace('"', '\\"') in physical[line.line - 1], (name, line)
        total += len(expected)
    assert total > 250


def test_reading_the_whole_corpus_is_fast(corpus: Path) -> None:
    """All packs together take a tenth of a second here; half a second is the limit on a slow machine."""
    folders = sorted((corpus / "packs").iterdir())
    best = min(_seconds_to_gather(folders) for _ in range(3))
    assert best < 0.5


def _seconds_to_gather(folders: Sequence[Path]) -> float:
    begin = time.perf_counter()
    for folder in folders:
        gather(folder.name, pack_reader(folder), root_names(folder))
    return time.perf_counter() - begin


def test_the_findings_are_exactly_the_known_ones(packs: dict[str, Gathered]) -> None:
    """One broken line, two comments as strings, and packs whose two files disagree: nothing else is wrong."""
    found = {name: codes(gathered) for name, gathered in packs.items() if gathered.findings}
    disagreeing = {
        name for name, all_codes in found.items() if "files-disagree" in {c for c, _, _ in all_codes}
    }
    others = {
        name: [one for one in all_codes if one[0] != "files-disagree"] for name, all_codes in found.items()
    }
    assert {name: all_codes for name, all_codes in others.items() if all_codes} == {
        "was-node-suite-comfyui": [("invalid-requirement", "requirements.txt", 9)],
        "ComfyUI-FluxTrainer": [("comment-as-dependency", "pyproject.toml", 6)] * 2,
    }
    assert {"comfyui_LLM_party", "RES4LYF", "ComfyUI-RMBG", "ComfyUI-GGUF"} <= disagreeing
    # These two differ only in which packages they name, which the union settles.
    assert not {"ComfyUI-KJNodes", "ComfyUI_Fill-Nodes"} & disagreeing
    assert {"librosa", "color-matcher"} <= {line.name for line in packs["ComfyUI-KJNodes"].lines}
    assert {"glitch-this", "pymupdf"} <= {line.name for line in packs["ComfyUI_Fill-Nodes"].lines}


def test_the_broken_line_comes_with_what_was_meant(packs: dict[str, Gathered]) -> None:
    """`numpy<1.24>=1.18` is refused, and the hint has the comma."""
    (finding,) = packs["was-node-suite-comfyui"].findings
    assert [hint.text for hint in finding.hints] == ["Probably meant: numpy<1.24,>=1.18"]
    assert not lines_of(packs["was-node-suite-comfyui"], "numpy")


def test_urls_with_and_without_a_name(packs: dict[str, Gathered]) -> None:
    """VCS and archive URLs are taken as they are, with the name where there is one."""
    assert len(nameless(packs["comfyui-mixlab-nodes"])) == 2
    assert [url.rpartition("@")[2] for url in nameless(packs["ComfyUI-MuseV"])] == ["main", "main"]
    assert [url.rpartition("@")[2] for url in nameless(packs["ComfyUI-Flowty-TripoSR"])] == ["dev-fix"]
    assert len(nameless(packs["deforum-comfy-nodes"])) == 1
    for pack, name in (
        ("comfyui_segment_anything", "detectron2"),
        ("ComfyUI-DragNUWA", "clip"),
        ("ComfyUI-AnimateAnyone-Evolved", "clip"),
        ("ComfyUI-AniPortrait", "clip"),
    ):
        (line,) = lines_of(packs[pack], name)
        assert line.url.startswith(("git+https://", "https://"))
    assert "#sha256=" in lines_of(packs["ComfyUI-AniPortrait"], "clip")[0].url


def test_a_wheel_with_a_marker(packs: dict[str, Gathered]) -> None:
    """The Windows wheel is asked for on Windows only, the index package on Linux only."""
    in_file = [
        line
        for line in lines_of(packs["ComfyUI-ExLlama-Nodes"], "exllamav2")
        if line.file == "requirements.txt"
    ]
    assert [bool(line.url) for line in in_file] == [False, True]
    assert [line.applies({"platform_system": "Windows"}) for line in in_file] == [False, True]
    assert [line.applies({"platform_system": "Linux"}) for line in in_file] == [True, False]


def test_an_index_in_mid_file(packs: dict[str, Gathered]) -> None:
    """The option is handed on; local versions are kept, as are lines with blanks at their end."""
    gathered = packs["ComfyUI_MagicClothing"]
    assert [(option.option, option.line) for option in gathered.options] == [("--extra-index-url", 3)]
    assert [line.text for line in gathered.lines[2:5]] == [
        "torch==2.1.1+cu118",
        "torchvision==0.16.1+cu118",
        "numpy==1.25.1",
    ]


def test_markers_and_comments_between_requirements(packs: dict[str, Gathered]) -> None:
    """A mixed file with CRLF, comments and a marker is read to its end."""
    (line, other) = lines_of(packs["ComfyUI-RMBG"], "groundingdino-py")
    assert (line.line, other.file) == (6, "pyproject.toml")
    assert not line.applies({"platform_system": "Windows"})
    (ffmpeg,) = lines_of(packs["comfyui_LLM_party"], "ffmpeg")
    assert ffmpeg.applies({"sys_platform": "linux"})
    assert lines_of(packs["comfyui_LLM_party"], "langchain-openai")[0].file == "requirements.txt"


def test_inline_comments_go(packs: dict[str, Gathered]) -> None:
    """What stands behind the blank and the hash is no part of the requirement."""
    assert [line.text for line in lines_of(packs["facerestore_cf"], "gdown")] == ["gdown"]
    assert [line.text for line in lines_of(packs["ComfyUI_Anytext"], "numpy")] == ["numpy<=1.26.4"]
    assert [line.text for line in lines_of(packs["ComfyUI-DeepFuze"], "fsspec")] == ["fsspec>=2023.6.0"]


@pytest.mark.parametrize(
    ("pack", "name", "texts"),
    [
        ("ComfyUI-DragNUWA", "einops", ["einops>=0.6.1", "einops"]),
        ("ComfyUI-DragNUWA", "pandas", ["pandas>=2.0.3", "pandas"]),
        ("ComfyUI-InstantID", "accelerate", ["accelerate"]),
        ("EasyAnimate", "imageio", ["imageio[ffmpeg]", "imageio[pyav]"]),
        ("anynode", "cv2", ["cv2"]),
        ("ComfyUI-Tripo", "asyncio", ["asyncio"]),
        ("ComfyUI-Anyline", "pathlib", ["pathlib"]),
        ("PuLID_ComfyUI", "onnxruntime", ["onnxruntime"]),
        ("PuLID_ComfyUI", "onnxruntime-gpu", ["onnxruntime-gpu"]),
        ("ComfyUI-AnimateAnyone-Evolved", "opencv-contrib-python", ["opencv-contrib-python"]),
        ("ComfyUI-AnimateAnyone-Evolved", "opencv-python", ["opencv-python"]),
        ("avatar-graph-comfyui", "opencv-contrib-python", ["opencv-contrib-python"]),
        ("ComfyUI-ToonCrafter", "open-clip-torch", ["open_clip_torch==2.22.0"]),
        ("ComfyUI-ToonCrafter", "opencv-python", ["opencv_python"]),
        ("comfyui_fk_server", "pycryptodome", ["PyCryptodome"]),
        ("ComfyUI_Anytext", "open-clip-torch", ["open_clip_torch"]),
    ],
)
def test_oddities_are_taken_as_they_are(
    packs: dict[str, Gathered], pack: str, name: str, texts: list[str]
) -> None:
    """Repeats, variants, odd spellings and names that are no package are left for the rules to decide on."""
    assert [line.text for line in lines_of(packs[pack], name)] == texts


def test_what_the_project_files_say_besides(packs: dict[str, Gathered]) -> None:
    """Python bounds and uv's index come along as data."""
    assert packs["FastVideo"].requires_python == ">=3.10"
    assert [option.option for option in packs["FastVideo"].options] == ["--extra-index-url"]
    assert packs["comfyui-prompt-control"].requires_python == ">= 3.10"


def test_cores_own_requirements_have_no_finding(corpus: Path) -> None:
    """ComfyUI's requirements at three versions are read completely."""
    for path in sorted((corpus / "core").glob("requirements*.txt")):
        gathered = gather("ComfyUI", lambda _, path=path: path.read_bytes(), ["requirements.txt"])  # type: ignore[misc]
        assert not gathered.findings
        assert len(gathered.lines) > 20
