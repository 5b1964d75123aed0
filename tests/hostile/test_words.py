"""Words from outside: requirement lines, names, messages. They neither steer uv nor the terminal."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.cli import main
from comfyui_safe_install.resolver.core.gather import gather
from comfyui_safe_install.resolver.core.pack_names import check_pack_name
from comfyui_safe_install.resolver.core.types import Gathered
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.resolver.io.pack_files import pack_reader, root_names
from comfyui_safe_install.resolver.io.uv_inputs import is_one_line
from comfyui_safe_install.tests.kit.installation import Installation
from comfyui_safe_install.tests.kit.rogue import RogueServer
from comfyui_safe_install.tests.kit.surroundings import Surroundings

ESCAPES = ("\x1b", "\x9b", "\x07", "\x08", "\u202e", "\u2066", "\u200b", "\u2028", "\x85")


def gathered(folder: Path, **files: str | bytes) -> Gathered:
    """What the files of a pack declare; `requirements_txt` is requirements.txt."""
    for name, text in files.items():
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        (folder / name.replace("_", ".")).write_bytes(raw)
    return gather("pack", pack_reader(folder), root_names(folder))


SMUGGLED = [
    "a \\\n--index-url http://127.0.0.1:1/",
    "a\\\n --index-url\\\n=http://127.0.0.1:1/",
    "a\r--index-url http://127.0.0.1:1/",
    "a\x0b--index-url http://127.0.0.1:1/",
    "a\x0c--index-url http://127.0.0.1:1/",
    "a\x1c--index-url http://127.0.0.1:1/",
    "a\x85--index-url http://127.0.0.1:1/",
    "a\u2028--index-url http://127.0.0.1:1/",
    "a\u2029--index-url http://127.0.0.1:1/",
    "a\0--index-url http://127.0.0.1:1/",
    "\ufeff--index-url http://127.0.0.1:1/\n\ufeffa",
    "--index-\\\nurl http://127.0.0.1:1/",
    "--i http://127.0.0.1:1/",
    "-ihttp://127.0.0.1:1/",
    "'--index-url' http://127.0.0.1:1/",
    "a --config-settings=x --global-option=y",
    "a ; os_name == 'posix' --index-url http://127.0.0.1:1/",
    "-r /etc/passwd",
    "-r ../../../etc/passwd",
    "-r http://127.0.0.1:1/x.txt",
    "-r file:///etc/passwd",
    "-c C:\\windows\\win.ini",
    "-r \\\\server\\share\\x.txt",
    "-e .",
    "-e git+https://example.org/x#egg=y",
    "a @ file:///etc/passwd",
    "a @ file:../x",
    "./a",
    "../a.whl",
    "~/a",
    "C:\\a.whl",
    "a @ https://${HOME}/x.whl",
    "${PIP_INDEX_URL}",
    "a @ ext::sh -c x",
    "a @ git+ext::sh -c x",
    "a @ git+file:///etc",
    "a @ git+ssh://-oProxyCommand=x/y",
    "a @ git+ssh://-l@example.org/y",
    "a @ git+https://example.org/x@--upload-pack=x",
    "a @ git+https://example.org/x@%2d%2dupload-pack=x",
    "a @ git+https://example.org/x#subdirectory=../../..",
    "a @ https://example.org/x.whl\\",
    "a @ svn+ssh://example.org/x",
    "a @ javascript:x",
    "a" * 100_000,
    "a" + "[b]" * 30_000,
    "a ; " + "(" * 900 + "os_name == 'x'" + ")" * 900,
    "a ; " + " and ".join(["os_name == 'x'"] * 5000),
    "a" + ",>1" * 2000,
    "a==" + "9" * 5000,
]


@pytest.mark.parametrize("line", SMUGGLED, ids=lambda line: ascii(line[:40]))
@pytest.mark.parametrize("file", ["requirements_txt", "pyproject_toml"])
def test_no_option_gets_through(tmp_path: Path, file: str, line: str) -> None:
    """What is taken is one plain line; everything else is an option that needs consent, or a finding."""
    text = line if file == "requirements_txt" else f"[project]\ndependencies = [{json.dumps(line)}]\n"
    found = gathered(tmp_path, **{file: text})
    for taken in found.lines:
        assert is_one_line(str(taken.requirement) if taken.requirement else taken.url)
        assert taken.url.partition(":")[0] in ("", "https", "http", "git+https", "git+ssh")
        assert "--" not in str(taken.requirement)
        assert "subdirectory=.." not in taken.url
    if not found.lines:
        assert found.options or found.findings
    if "index" in line and found.lines and not found.findings:
        assert found.options, found


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("requirements_txt", b"a\n" * 25_000_000),
        ("pyproject_toml", b"[project]\nx = '" + b"a" * 50_000_000 + b"'"),
        ("pyproject_toml", b"x = " + b"[" * 500_000),
        ("pyproject_toml", b"x = " + b"{a=" * 300_000),
        ("pyproject_toml", b"a." * 500_000 + b"a = 1"),
        ("pyproject_toml", b"[" + b"a." * 300_000 + b"a]"),
        (
            "pyproject_toml",
            b"[project]\nname = 1979-05-27\nversion = inf\nrequires-python = nan\ndependencies = {a = 1}\n",
        ),
        ("pyproject_toml", b"[[project]]\n[[tool]]\n"),
        ("pyproject_toml", "[project]\nname = 'x'\n".encode("utf-16")),
        ("requirements_txt", "a\n".encode("utf-32")),
        ("requirements_txt", b"\xff\xfe\xfd" * 1000),
        ("requirements_txt", b"# -*- coding: idna -*-\n" + b"a" * 500_000),
    ],
    ids=lambda value: value if isinstance(value, str) else ascii(value[:14]),
)
def test_files_of_any_size_and_kind_are_read_or_refused(tmp_path: Path, name: str, raw: bytes) -> None:
    """Quickly, and with a finding where something is not taken."""
    found = gathered(tmp_path, **{name: raw})
    assert found.findings or found.lines


def everything_said(here: Installation, *arguments: str) -> str:
    """What a command prints as text and as JSON, both streams."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        main(["--comfyui", str(here.comfy), *arguments])
    return out.getvalue() + err.getvalue() + str(here.run(*arguments))


def test_no_escape_reaches_the_terminal(here: Installation, around: Surroundings) -> None:
    """From lines, names, versions, file names, messages of git and uv: in no output, of no command."""
    here.have("base", "1.0")
    here.wheel("tool", "1.0", files={"tool/__init__.py": "raise RuntimeError('\\x1b[31m\\x9b\\u202e')\n"})
    evil = "".join(ESCAPES)
    pack = here.packs / f"bad{evil}pack"
    pack.mkdir()
    (pack / "__init__.py").write_text("")
    (pack / "requirements.txt").write_text(
        f"base>=9{evil}\n# {evil}\nno{evil}thing\n-r {evil}.txt\n--index-url {evil}\n"
    )
    (pack / "pyproject.toml").write_text('[project]\nname = "\\u001b[31m"\nversion = "\\u001b[2J\\u202e"\n')
    (here.venv.site_packages / f"odd{evil}-1.0.dist-info").mkdir()
    (here.venv.site_packages / f"un{evil}owned.pth").write_text("")
    source = here.source(
        "demo",
        "tool",
        files={"pyproject.toml": f'[project]\nname = "x"\ndependencies = ["{"b" * 9} @ nothing"]\n'},
    )
    around.remember()
    for arguments in (
        ["plan", source],
        ["install", source, "--yes"],
        ["install", f"git+https://127.0.0.1:9/{evil}", "--yes"],
        ["install", f"./{evil}", "--yes"],
        ["verify"],
        ["why", f"base{evil}"],
        ["snapshot", "create"],
        ["snapshot", "list"],
        ["rollback", evil],
    ):
        said = everything_said(here, *arguments)
        assert not [ascii(each) for each in ESCAPES[:6] if each in said], (arguments, ascii(said))
        assert "internal-error" not in said, (arguments, said)
    assert around.changed_outside() == []


def test_a_server_cannot_speak_to_the_terminal(here: Installation) -> None:
    """What git repeats of a server's answer is text without commands."""
    words = b'HTTP/1.1 401 \x1b[31mno\r\nWWW-Authenticate: Basic realm="\x1b]0;x\x07"\r\nContent-Length: 0\r\n\r\n'
    with RogueServer(lambda _line: words) as server:
        said = everything_said(here, "install", f"git+{server.url}/a/b", "--yes")
    assert not [each for each in ESCAPES if each in said]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "..",
            ".git",
            "-rf",
            "--index-url",
            "a/b",
            "a\\b",
            "/etc",
            "C:",
            "con",
            "NUL.txt",
            "aux",
            "a:b",
        ),
        *(
            "a\0b",
            "a\nb",
            "\x1b[31m",
            "__pycache__",
            "x.disabled",
            "x.",
            "x ",
            " x",
            "a" * 300,
            "\u00e9" * 100,
        ),
        *("a?", "a*", "a|b", "<a>", '"a"'),
    ],
    ids=ascii,
)
def test_no_folder_gets_such_a_name(name: str) -> None:
    """A path, an option, a device, a name hosts pass over, or one that not every file system takes."""
    with pytest.raises(SafeInstallError) as caught:
        check_pack_name(name)
    assert caught.value.code == "pack-name-invalid"
    assert caught.value.hints


@pytest.mark.parametrize(
    "source",
    [
        "ext::sh -c touch% mine",
        "git+ext::sh -c touch% mine",
        "fd::17/foo",
        "file::/etc",
        "-oProxyCommand=touch mine",
        "--upload-pack=touch mine",
        "ssh://-oProxyCommand=touch/x",
        "git+ssh://-oProxyCommand=touch/x",
        "git+ssh://-l@127.0.0.1/x",
        "git@-oProxyCommand=touch:x/y",
        "git@127.0.0.1:-x/y",
        "git+https://127.0.0.1:9/x@--upload-pack=touch",
        "git+https://127.0.0.1:9/x@%2d%2dupload-pack=touch",
        "git+https://127.0.0.1:9/x@HEAD~1",
        "git+https://127.0.0.1:9/x%0a--config=x",
        "git+https://127.0.0.1:9/..",
        "git+https://127.0.0.1:9/.git",
        "git+https://127.0.0.1:9/con.git",
        "git+https://127.0.0.1:9/x#egg=../../x",
        "git+https://127.0.0.1:9/x#subdirectory=..",
        "git+ftp://127.0.0.1/x",
        "git+file://127.0.0.1/etc",
        "https://127.0.0.1:9/x.zip",
        "pack@--version",
        "\ud800",
        "x" * 100_000,
    ],
    ids=lambda source: ascii(source[:40]),
)
def test_such_a_source_is_refused_before_anything_runs(
    here: Installation, around: Surroundings, source: str
) -> None:
    """With a usage error or a refusal, and nothing done."""
    answer = here.run("install", source, "--yes")
    assert answer.code in (1, 2, 3), answer
    around.untouched(answer)
    assert here.leftovers() == []
