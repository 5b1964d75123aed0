"""Where the parts of an environment lie, in several shapes of environment."""

from __future__ import annotations

import pytest

from comfyui_safe_install.resolver.core.layout import Layout
from comfyui_safe_install.resolver.core.ownership import is_bytecode, source_of_bytecode
from comfyui_safe_install.resolver.core.types import PythonInfo
from comfyui_safe_install.resolver.errors import SafeInstallError

VENV = Layout(
    purelib="/v/lib/python3.12/site-packages",
    platlib="/v/lib/python3.12/site-packages",
    scripts="/v/bin",
    headers="/v/include/site/python3.12",
    data="/v",
)
DEBIAN = Layout(
    purelib="/usr/local/lib/python3.11/dist-packages",
    platlib="/usr/local/lib/python3.11/dist-packages",
    scripts="/usr/local/bin",
    headers="/usr/include/python3.11",
    data="/usr/local",
)


@pytest.mark.parametrize(
    ("path", "labelled"),
    [
        ("/v/lib/python3.12/site-packages/numpy/__init__.py", "purelib/numpy/__init__.py"),
        ("/v/bin/tool", "scripts/tool"),
        ("/v/include/site/python3.12/greenlet/greenlet.h", "headers/greenlet/greenlet.h"),
        ("/v/share/man/man1/x.1", "data/share/man/man1/x.1"),
        ("/v/lib/python3.12/odd.txt", "data/lib/python3.12/odd.txt"),
        ("/v/lib/python3.12/site-packages", "purelib"),
    ],
)
def test_a_path_has_one_label(path: str, labelled: str) -> None:
    """The longest root counts, and the way back leads to the same path."""
    assert VENV.label(path) == labelled
    assert VENV.place(labelled) == path


def test_a_label_leads_to_the_same_part_of_another_layout() -> None:
    """From a stage laid out as a venv into Debian's own folders."""
    assert DEBIAN.place(VENV.label("/v/lib/python3.12/site-packages/a.py")) == (
        "/usr/local/lib/python3.11/dist-packages/a.py"
    )
    assert DEBIAN.place(VENV.label("/v/bin/a")) == "/usr/local/bin/a"
    assert Layout.labelled("/p").place("scripts/a") == "/p/scripts/a"


@pytest.mark.parametrize("path", ["/elsewhere/x", "/venv/x", "/"])
def test_a_path_outside_has_none(path: str) -> None:
    """It is an error, also for a folder whose name only begins alike."""
    with pytest.raises(SafeInstallError) as caught:
        VENV.label(path)
    assert caught.value.code == "record-outside-prefix"


def test_an_unknown_label_is_a_mistake() -> None:
    """Only the five parts exist."""
    with pytest.raises(ValueError, match="no part"):
        VENV.place("stdlib/x")


def test_the_environments_own_folders_are_protected() -> None:
    """The roots, all above them, and the bytecode folder of single modules."""
    assert {
        "/", "/v", "/v/lib", "/v/lib/python3.12", "/v/lib/python3.12/site-packages", "/v/bin",
        "/v/lib/python3.12/site-packages/__pycache__", "/v/include/site",
    } <= VENV.protected  # fmt: skip
    assert "/v/share" not in VENV.protected
    assert {"/usr", "/usr/include"} <= DEBIAN.protected


def test_windows_paths_are_written_with_slashes() -> None:
    """So that comparing texts compares places; elsewhere a backslash is a letter."""

    def python(root: str, os_name: str) -> PythonInfo:
        return PythonInfo(
            executable="", version="3.12.0", implementation="cpython", prefix=root, base_prefix=root,
            purelib=f"{root}\\Lib\\site-packages", platlib=f"{root}\\Lib\\site-packages",
            scripts=f"{root}\\Scripts", data=root, headers=f"{root}\\Include", platform="win-amd64",
            markers={"os_name": os_name},
        )  # fmt: skip

    layout = Layout.of(python("C:\\ComfyUI\\python_embeded", "nt"))
    assert layout.purelib == "C:/ComfyUI/python_embeded/Lib/site-packages"
    assert layout.label("C:/ComfyUI/python_embeded/Scripts/x.exe") == "scripts/x.exe"
    assert "C:/ComfyUI" in layout.protected
    assert Layout.of(python("/odd\\name", "posix")).data == "/odd\\name"


@pytest.mark.parametrize(
    ("bytecode", "source"),
    [
        ("/a/__pycache__/b.cpython-312.pyc", "/a/b.py"),
        ("/a/__pycache__/b.cpython-312.opt-1.pyc", "/a/b.py"),
        ("/a/__pycache__/b.c.cpython-312.pyc", "/a/b.c.py"),
        ("/a/__pycache__/b.cpython-312-pytest-9.0.0.pyc", "/a/b.cpython-312-pytest-9.0.py"),
        ("/a/__pycache__/b.pyc", "/a/b.py"),
    ],
)
def test_bytecode_belongs_to_its_source(bytecode: str, source: str) -> None:
    """By the rules of PEP 3147 and PEP 488; what follows others belongs to nothing that exists."""
    assert is_bytecode(bytecode)
    assert source_of_bytecode(bytecode) == source


def test_other_files_are_no_bytecode() -> None:
    """A `.pyc` beside its source is a file like any other, as is what else lies in `__pycache__`."""
    assert not is_bytecode("/a/b.pyc")
    assert not is_bytecode("/a/__pycache__/b.nbi")
    assert not is_bytecode("/a/__pycache__")
