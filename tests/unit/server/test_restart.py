"""How ComfyUI is started again: the command line, for every way in which it may have been started."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyui_safe_install.server_routes.restart import Launch, again, quoted, this_launch

PYTHON = "/env/bin/python"


@pytest.mark.parametrize(
    ("argv", "original", "expected"),
    [
        (["main.py", "--cpu"], [PYTHON, "main.py", "--cpu"], [PYTHON, "main.py", "--cpu"]),
        (["main.py"], ["python", "-s", "main.py"], [PYTHON, "-s", "main.py"]),
        (
            ["main.py", "--port", "1"],
            ["python", "-X", "utf8", "-u", "main.py", "--port", "1"],
            [PYTHON, "-X", "utf8", "-u", "main.py", "--port", "1"],
        ),
        (["/a/comfy/__main__.py", "-x"], ["python", "-m", "comfy", "-x"], [PYTHON, "-m", "comfy", "-x"]),
        (["/a/comfy/__main__.py"], ["python", "-s", "-m", "comfy"], [PYTHON, "-s", "-m", "comfy"]),
        (
            ["/a/devhost/main.py", "-x"],
            ["python", "-m", "devhost", "-x"],
            [PYTHON, "/a/devhost/main.py", "-x"],
        ),
        (["main.py", "--added"], ["python", "-E", "main.py"], [PYTHON, "main.py", "--added"]),
        (["main.py"], [], [PYTHON, "main.py"]),
        (["main.py"], ["python", "-c", "pass"], [PYTHON, "main.py"]),
    ],
)
def test_the_command_line_is_the_one_it_was_started_with(
    argv: list[str], original: list[str], expected: list[str]
) -> None:
    """Arguments, module or script, and options of the interpreter stay."""
    way = again(Launch(executable=PYTHON, argv=tuple(argv), original=tuple(original)))
    assert way.how == "exec"
    assert way.executable == PYTHON
    assert list(way.command) == expected


def test_the_portable_build_keeps_its_option_and_opens_no_second_browser() -> None:
    r"""`python_embeded\python.exe -s ComfyUI\main.py --windows-standalone-build`, in a folder with a space."""
    python = "C:\\My Comfy\\python_embeded\\python.exe"
    argv = ("ComfyUI\\main.py", "--windows-standalone-build", "--output-directory", "D:\\my art\\")
    launch = Launch(
        executable=python,
        argv=argv,
        original=(".\\python_embeded\\python.exe", "-s", *argv),
        windows=True,
        no_user_site=True,
    )
    way = again(launch)
    assert way.executable == python
    assert way.command == (
        f'"{python}"',
        "-s",
        "ComfyUI\\main.py",
        "--output-directory",
        '"D:\\my art\\\\"',
    )


def test_the_portable_builds_option_is_kept_when_the_arguments_changed() -> None:
    """Where the whole command line does not tell, the interpreter's own flag does."""
    launch = Launch(executable=PYTHON, argv=("main.py", "--new"), original=("x",), no_user_site=True)
    assert again(launch).command == (PYTHON, "-s", "main.py", "--new")


def test_comfy_cli_is_asked_by_its_file() -> None:
    """Under comfy-cli the process ends, and a file beside its session says that it is to start again."""
    way = again(Launch(executable=PYTHON, argv=("main.py",), session="/tmp/session"))  # noqa: S108
    assert (way.how, way.marker, way.command) == ("comfy-cli", "/tmp/session.reboot", ())  # noqa: S108


def test_this_process_can_be_started_again() -> None:
    """What is read of the running process makes a command line of it."""
    way = again(this_launch())
    assert way.command[0] == way.executable


@given(st.text(st.sampled_from('ab \t"\\-'), max_size=12))
def test_arguments_are_quoted_as_windows_reads_them(argument: str) -> None:
    """As the standard library quotes them for its own children."""
    assert quoted(argument) == subprocess.list2cmdline([argument])
