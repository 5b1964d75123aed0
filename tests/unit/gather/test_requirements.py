"""Each line of a requirements file ends as a requirement, an option, or a finding that says why not."""

from __future__ import annotations

import time

import pytest

from comfyui_safe_install.resolver.core.reader import MAX_FILE_BYTES
from comfyui_safe_install.resolver.core.requirements import read_requirements
from comfyui_safe_install.resolver.core.text import MAX_LINES
from comfyui_safe_install.resolver.core.types import Finding, Gathered

HASH = "sha256:" + "ab" * 32


def gathered(text: str | bytes) -> Gathered:
    """What a requirements.txt of that content declares."""
    raw = text.encode() if isinstance(text, str) else text
    return read_requirements("pack", "requirements.txt", lambda _: raw)


def only_finding(text: str | bytes) -> Finding:
    """The finding on a file that gives nothing else."""
    result = gathered(text)
    assert not result.lines
    assert not result.options
    (finding,) = result.findings
    assert (finding.pack, finding.file) == ("pack", "requirements.txt")
    return finding


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("numpy", "numpy"),
        ("numpy >= 1.25 , < 2", "numpy<2,>=1.25"),
        ("lark >= 1.1.0, != 1.1.7", "lark!=1.1.7,>=1.1.0"),
        ("torch==2.1.1+cu118", "torch==2.1.1+cu118"),
        ("gruut[de,es,fr]==2.2.3", "gruut[de,es,fr]==2.2.3"),
        ("ffmpeg; sys_platform == 'linux'", 'ffmpeg; sys_platform == "linux"'),
        ("opencv_python", "opencv_python"),
        ("fsspec>=2023.6.0 # <= 2023.9.1 makes aux tests fail", "fsspec>=2023.6.0"),
        ("pathway[xpack-llm]", "pathway[xpack-llm]"),
        ("pillow (>=9)", "pillow>=9"),
    ],
)
def test_a_requirement_is_taken_as_written(line: str, requirement: str) -> None:
    """What packaging accepts is taken, its text kept without the comment."""
    (taken,) = gathered(f"\n{line}  \n").lines
    assert str(taken.requirement) == requirement
    assert (taken.line, taken.text) == (2, line.partition(" #")[0])
    assert not taken.constraint


def test_the_same_package_twice_is_two_lines() -> None:
    """Repeated packages are both kept; that the stricter one counts is for the solver to see."""
    result = gathered("einops>=0.6.1\npandas \neinops\n")
    assert [line.name for line in result.lines] == ["einops", "pandas", "einops"]
    assert not result.findings


@pytest.mark.parametrize(
    ("line", "intended"),
    [
        ("numpy<1.24>=1.18", "numpy<1.24,>=1.18"),
        ("numpy=1.24", "numpy==1.24"),
        ("numpy=1.24=py310_0", "numpy==1.24"),
        ("numpy=>1.24", "numpy>=1.24"),
        ("numpy> =1.24", "numpy>=1.24"),
        ("numpy 1.24", "numpy==1.24"),
        ("numpy>=1.*", "numpy>=1"),
        ('"numpy>=1",', "numpy>=1"),
        ("numpy;", "numpy"),
        ("numpy#fast", "numpy"),
        ("numpy^1.24", "numpy>=1.24,<2"),
        ("numpy\N{NO-BREAK SPACE}>=1.24", "numpy >=1.24"),
        ("numpy\N{GREATER-THAN OR EQUAL TO}1.24", "numpy>=1.24"),
        ("numpy\N{FULLWIDTH SEMICOLON}os_name=='nt'", "numpy;os_name=='nt'"),
        ("numpy; python_version < 3.9", 'numpy; python_version < "3.9"'),
    ],
)
def test_a_broken_requirement_is_refused_with_what_was_meant(line: str, intended: str) -> None:
    """Nothing is repaired silently; the finding names the form the author most likely meant."""
    finding = only_finding(f"# first\n{line}\n")
    assert (finding.code, finding.line) == ("invalid-requirement", 2)
    assert ("likely-intended", f"Probably meant: {intended}") in [(h.code, h.text) for h in finding.hints]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("torch torchvision", "one-per-line"),
        ("torch>=2.0+cu118", "local-version"),
        ("torch; platform == 'Windows'", "check-marker"),
        ("numpy \\ ", "blank-after-backslash"),
        ("\N{CYRILLIC SMALL LETTER A}lbumentations", "strange-character"),
    ],
)
def test_a_broken_requirement_comes_with_a_hint(line: str, hint: str) -> None:
    """Where no single form is sure, the hint says what is wrong."""
    finding = only_finding(line)
    assert finding.code == "invalid-requirement"
    assert hint in [one.code for one in finding.hints]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("we need numpy for this", "invalid-requirement"),
        ("numpy - for arrays", "invalid-requirement"),
        ("numpy 1.2.x", "invalid-requirement"),
        ("numpy^1.2.x", "invalid-requirement"),
        ("Pillow -- images", "invalid-requirement"),
        ("!!!", "invalid-requirement"),
        ("a; os_name ~= 'posix'", "invalid-marker"),
        ("a; 'x' in extras", "invalid-marker"),
        ("pip install torch", "install-command"),
        ("python -m pip install -U torch", "install-command"),
        ("!pip3 install torch", "install-command"),
        ("uv pip install torch", "install-command"),
        ("conda install -c conda-forge dlib", "install-command"),
        ("sudo apt-get install ffmpeg", "install-command"),
        ("<<<<<<< HEAD", "merge-conflict-marker"),
        ("=======", "merge-conflict-marker"),
        (">>>>>>> 1234abc (Update)", "merge-conflict-marker"),
        ("num\x00py", "control-character"),
        ("num\x1bpy", "control-character"),
        ("requirements-dev.txt", "file-name-as-requirement"),
        ("torch @ https://${TOKEN}@example.org/torch.zip", "environment-variable"),
        ("--extra-index-url https://${PYPI_TOKEN}@example.org/simple", "environment-variable"),
        ("-e .", "editable-refused"),
        ("-e git+https://example.org/a/b.git#egg=b", "editable-refused"),
        ("--editable=../b", "editable-refused"),
        (".", "local-path-refused"),
        ("./wheels/a-1.0-py3-none-any.whl", "local-path-refused"),
        ("wheels/a-1.0-py3-none-any.whl", "local-path-refused"),
        ("a-1.0-py3-none-any.whl", "local-path-refused"),
        ("a-1.0.tar.gz ; os_name == 'nt'", "local-path-refused"),
        ("../../etc/passwd", "local-path-refused"),
        ("/srv/a", "local-path-refused"),
        ("~/a", "local-path-refused"),
        ("C:\\wheels\\a.whl", "local-path-refused"),
        ("\\\\server\\a.whl", "local-path-refused"),
        ("a/../../b", "local-path-refused"),
        ("file:///srv/a.whl", "local-path-refused"),
        ("file:a.whl", "local-path-refused"),
        ("a @ file:///croot/a_1700/work", "local-path-refused"),
        ("a @ ./b", "local-path-refused"),
        ("git+file:///srv/a", "local-path-refused"),
        ("--unknown", "unknown-option"),
        ("numpy --unknown", "unknown-option"),
        ("-", "unknown-option"),
        ("--index-url", "invalid-option"),
        ("--pre=yes", "invalid-option"),
        ("--find-links 'a", "invalid-option"),
        ("--extra-index-url --pre", "invalid-option"),
        ("-r", "invalid-option"),
        ("--upgrade", "option-ignored"),
        (f"--hash={HASH}", "option-ignored"),
        ("a --hash=sha256:abc", "invalid-hash"),
        ("a --hash=md5:d41d8cd98f00b204e9800998ecf8427e", "invalid-hash"),
        ("a==" + "9" * 5000, "line-too-long"),
        ("a; " + "(" * 50 + "os_name=='nt'" + ")" * 50, "line-too-long"),
        ("a" * 200_000, "line-too-long"),
    ],
)
def test_a_line_that_is_not_taken_is_a_finding(line: str, code: str) -> None:
    """Whatever cannot be or is not followed is named with a stable code and its line."""
    finding = only_finding(f"\n\n{line}\n")
    assert (finding.code, finding.line) == (code, 3)
    assert len(finding.message) < 700


@pytest.mark.parametrize(
    ("line", "option", "value"),
    [
        ("-i https://example.org/simple", "--index-url", "https://example.org/simple"),
        ("-ihttps://example.org/simple", "--index-url", "https://example.org/simple"),
        ("--index-url=https://example.org/simple", "--index-url", "https://example.org/simple"),
        ("--extra-index-url  https://example.org", "--extra-index-url", "https://example.org"),
        ("--extra-index https://example.org", "--extra-index-url", "https://example.org"),
        ("--find-links 'a b'", "--find-links", "a b"),
        ("-f https://example.org/links.html", "--find-links", "https://example.org/links.html"),
        ("--trusted-host example.org", "--trusted-host", "example.org"),
        ("--pre", "--pre", ""),
        ("--no-index", "--no-index", ""),
        ("--only-binary :all:", "--only-binary", ":all:"),
        ("--no-binary=a,b", "--no-binary", "a,b"),
        ("--prefer-binary", "--prefer-binary", ""),
        ("--require-hashes", "--require-hashes", ""),
        ("--use-feature=fast-deps", "--use-feature", "fast-deps"),
    ],
)
def test_an_option_is_handed_on_in_its_long_form(line: str, option: str, value: str) -> None:
    """Options that widen trust are data for the consent asked later, in each of pip's ways to write them."""
    result = gathered(f"a\n{line} # why\nb\n")
    (taken,) = result.options
    assert (taken.option, taken.value, taken.line, taken.file) == (option, value, 2, "requirements.txt")
    assert [one.name for one in result.lines] == ["a", "b"]
    assert not result.findings


def test_an_option_behind_a_requirement_counts_and_the_requirement_too() -> None:
    """`torch --index-url X`, which ComfyUI-Manager honours, gives a requirement and an option."""
    result = gathered("torch==2.1 --index-url https://example.org/cu121\n")
    assert [line.text for line in result.lines] == ["torch==2.1"]
    assert [option.value for option in result.options] == ["https://example.org/cu121"]
    assert not result.findings


def test_hashes_are_kept_with_their_requirement() -> None:
    """`--hash` on continued lines belongs to the requirement that began them."""
    (line,) = gathered(f"a==1.0 \\\n  --hash={HASH} \\\n  --hash {HASH}\n").lines
    assert (line.line, line.text, line.hashes) == (1, "a==1.0", (HASH, HASH))


@pytest.mark.parametrize(
    "option", ["--config-settings=a=b", "--global-option x", "--no-deps", "-U", "--no-build-isolation"]
)
def test_an_option_that_is_not_followed_is_named_and_the_requirement_taken(option: str) -> None:
    """Options of the command line or of the build do not cost the requirement, but are said to be ignored."""
    result = gathered(f"flash-attn {option}\n")
    assert [line.name for line in result.lines] == ["flash-attn"]
    assert [(finding.code, finding.line) for finding in result.findings] == [("option-ignored", 1)]


def test_text_behind_an_option_is_found() -> None:
    """pip drops a requirement that follows an option on its line; here it is a finding."""
    result = gathered("--pre torch\n")
    assert [option.option for option in result.options] == ["--pre"]
    (finding,) = result.findings
    assert finding.code == "text-after-option"
    assert "torch" in finding.message


def test_both_sides_of_a_merge_conflict_count() -> None:
    """The markers are findings; the lines between them are still requirements."""
    result = gathered("a\n<<<<<<< HEAD\nb==1\n=======\nb==2\n>>>>>>> other\nc\n")
    assert [line.text for line in result.lines] == ["a", "b==1", "b==2", "c"]
    assert [finding.line for finding in result.findings] == [2, 4, 6]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"a\n" * (MAX_FILE_BYTES // 2 + 1), "file-too-large"),
        (b"x" * 10 * MAX_FILE_BYTES, "file-too-large"),
        (b"a\n" * (MAX_LINES + 1), "file-too-large"),
        (b"<!DOCTYPE html>\n<title>404</title>\n", "not-a-requirements-file"),
        (b"import os\nos.system('x')\n", "not-a-requirements-file"),
        (bytes(range(32)) * 100, "not-a-requirements-file"),
    ],
)
def test_a_file_that_is_no_list_of_requirements_is_one_finding(raw: bytes, code: str) -> None:
    """A huge, binary or foreign file gives one finding for the whole, and nothing is taken from it."""
    finding = only_finding(raw)
    assert (finding.code, finding.line) == (code, 0)


def test_a_guessed_encoding_is_told_only_where_it_matters() -> None:
    """Latin-1 in a comment is no one's business; in a line it is."""
    assert gathered("a # für b\n".encode("latin-1")).findings == ()
    codes = [finding.code for finding in gathered("aü\n".encode("latin-1")).findings]
    assert codes == ["encoding-guessed", "invalid-requirement"]


def test_an_unknown_declared_encoding_is_told() -> None:
    """The file is read all the same."""
    result = gathered("# coding: klingon\nnumpy\n")
    assert [line.name for line in result.lines] == ["numpy"]
    assert [finding.code for finding in result.findings] == ["unknown-encoding"]


def test_credentials_are_never_shown() -> None:
    """Passwords in URLs are in no text and no finding; only `url` and `value` keep them for use."""
    secret = "s3cr%40t"
    result = gathered(
        f"a @ https://user:{secret}@example.org/a.zip\n"
        f"-e git+https://user:{secret}@example.org/b.git\n"
        f"--extra-index-url https://user:{secret}@example.org/simple\n"
        f"b =1 https://user:{secret}@example.org/x\n"
        f"-r https://user:{secret}@example.org/x.txt\n"
        f"--bad https://user:{secret}@example.org/x\n"
        f"--pre https://user:{secret}@example.org/x\n"
        f"pip install git+https://user:{secret}@example.org/x\n"
        f"--https://user:{secret}@example.org/x\n"
        f"bzr+https://user:{secret}@example.org/x\n"
        f"https://user:{secret}@example.org/x/{'y' * 300}.git\n"
    )
    assert secret in result.lines[0].url
    assert secret in result.options[0].value
    assert secret not in result.lines[0].text
    assert len(result.findings) == 9
    assert secret not in repr([(finding.message, finding.hints) for finding in result.findings])


@pytest.mark.parametrize(
    "raw",
    [
        b"a" * MAX_FILE_BYTES,
        b" " * (MAX_FILE_BYTES - 1) + b"x",
        b"a" + b" " * (MAX_FILE_BYTES - 2) + b"x",
        b"#" * MAX_FILE_BYTES,
        b"a\\\n" * 4999,
        (b"a" * 208 + b"\n") * 4999,
        (b"a;" * 104 + b"\n") * 4999,
        b"://" * (MAX_FILE_BYTES // 3),
        b"-" * MAX_FILE_BYTES,
        b"a " + b"--pre " * 16_000,
        b'"' * MAX_FILE_BYTES,
    ],
    ids=range(11),
)
def test_no_file_takes_long_to_read(raw: bytes) -> None:
    """Files made to slow a parser down are read in a few seconds at worst."""
    begin = time.perf_counter()
    gathered(raw)
    assert time.perf_counter() - begin < 10
