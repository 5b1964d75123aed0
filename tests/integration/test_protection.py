"""What is published for the pip and uv calls of others, read by the real pip and the real uv."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from comfyui_safe_install.resolver.engine import protecting
from comfyui_safe_install.resolver.io.child_environment import clean_environment
from comfyui_safe_install.server_routes.manager.environment import OURS, PIP, UV, expose, protect
from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.installation import Installation

CORE = "library>=1\nengine==1.0\n"


@pytest.fixture
def here(tmp_path: Path, index: IndexServer, dists: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A ComfyUI in a folder with a space in its name: its own needs, a local build of torch, and newer ones."""
    for name in ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", PIP, UV, OURS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    folder = tmp_path / "with space"
    folder.mkdir()
    here = Installation(root=folder, dists=dists, core=CORE)
    here.have("library", "1.0", requires=("deep<2",))
    here.have("deep", "1.0")
    here.have("engine", "1.0")
    here.have("setuptools", "60.0")
    here.have_build("torch", "2.5.1+cu121", files={"torch/__init__.py": ""})
    for name, version in (
        ("library", "2.0"),
        ("deep", "1.5"),
        ("torch", "2.9.0"),
        ("free", "1.0"),
        ("free", "2.0"),
    ):
        here.wheel(name, version)
    return here


def published(here: Installation) -> list[str]:
    """The constraint lines."""
    text = protecting.publish(here.site()).read_text()
    return [line for line in text.splitlines() if not line.startswith("#")]


def variables(here: Installation, **before: str) -> dict[str, str]:
    """The environment of a ComfyUI that runs here."""
    environment = {**os.environ, **before}
    protect(here.state, here.comfy / "requirements.txt", environment)
    return environment


def uv_installs(here: Installation, *words: str, environment: dict[str, str]) -> tuple[int, str]:
    """What `uv pip install` would do in that environment."""
    done = subprocess.run(
        [find_uv_bin(), "pip", "install", "--dry-run", "--python", str(here.venv.python), *words],
        capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_core_and_torch_are_published_and_nothing_that_builds_packages(here: Installation) -> None:
    """Core's closure and what rules keep, as installed; the user's own packages are free."""
    here.have("free", "1.0")
    lines = published(here)
    assert {"library==1.0", "deep==1.0", "engine==1.0", "torch==2.5.1+cu121"} <= {*lines}
    assert not [line for line in lines if line.startswith(("free", "setuptools", "pip"))]


def test_uv_of_others_cannot_move_core_but_anything_else(here: Installation) -> None:
    """A line that would break core fails; a line that does not goes on, the path of the file has a space."""
    published(here)
    environment = variables(here)
    assert " " in str(here.state)
    code, words = uv_installs(here, "library>=2", environment=environment)
    assert (code, "library" in words) == (1, True)
    code, words = uv_installs(here, "--upgrade", "deep", "free", environment=environment)
    assert (code, "free==2.0" in words, "deep" in words) == (0, True, False), words
    code, words = uv_installs(here, "torch>=2", environment=environment)
    assert (code, "2.9.0" in words) == (0, False), words
    assert uv_installs(here, "library>=2", environment=dict(os.environ))[0] == 0


@pytest.mark.slow
def test_pip_of_others_cannot_move_core_but_anything_else(
    here: Installation, tmp_path: Path, index: IndexServer
) -> None:
    """The same by the real pip, with a constraint of the user's own in pip's configuration that stays."""
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--quiet", "--python", str(here.venv.python), "pip"],
        env={name: value for name, value in os.environ.items() if name != "UV_DEFAULT_INDEX"},
        check=True,
        timeout=120,
    )
    published(here)
    mine = tmp_path / "mine.txt"
    mine.write_text("free<2\n")
    config = tmp_path / "pip.conf"
    config.write_text(f"[install]\nconstraint = {mine}\n")
    environment = variables(
        here, PIP_CONFIG_FILE=str(config), PIP_INDEX_URL=index.url, PIP_DISABLE_PIP_VERSION_CHECK="1"
    )

    def pip(*words: str) -> tuple[int, str]:
        command = [str(here.venv.python), "-m", "pip", "install", "--dry-run", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    code, words = pip("library>=2")
    assert (code, "library==1.0" in words) == (1, True), words
    code, words = pip("--upgrade", "torch", "free")
    assert (code, "Would install free-1.0" in words) == (0, True), words


def test_the_users_own_constraints_stay_and_ours_come_once(here: Installation, tmp_path: Path) -> None:
    """A restart by execv inherits the variables; what is stale or gone is taken out again."""
    published(here)
    environment = {PIP: "/a.txt /b.txt", "PIP_CONFIG_FILE": os.devnull}
    requirements = here.comfy / "requirements.txt"
    assert protect(here.state, requirements, environment)
    assert protect(here.state, requirements, environment)
    address = (here.state / "protection" / "constraints.txt").resolve().as_uri()
    assert environment == {
        PIP: f"/a.txt /b.txt {address}", UV: address, OURS: address, "PIP_CONFIG_FILE": os.devnull
    }  # fmt: skip
    requirements.write_text(f"{CORE}another\n")
    assert not protect(here.state, requirements, environment), "ComfyUI was updated: they say nothing of it"
    assert environment == {PIP: "/a.txt /b.txt", "PIP_CONFIG_FILE": os.devnull}
    requirements.write_text(CORE)
    assert protect(here.state, requirements, environment)
    shutil.rmtree(here.state / "protection")
    assert not protect(here.state, requirements, environment)
    expose(environment)
    assert environment == {PIP: "/a.txt /b.txt", "PIP_CONFIG_FILE": os.devnull}
    del environment[PIP]
    assert not protect(tmp_path / "nowhere", requirements, environment)
    assert environment == {"PIP_CONFIG_FILE": os.devnull}


def test_a_change_of_ours_publishes_anew_where_something_is_published(here: Installation) -> None:
    """Core moved by `sync` is what others may not move from then on; children of ours never see it."""
    before = published(here)
    here.wheel("engine", "1.1")
    (here.comfy / "requirements.txt").write_text("library>=1\nengine==1.1\n")
    assert here.run("sync", "--yes").applied
    after = (here.state / "protection" / "constraints.txt").read_text().splitlines()
    assert "engine==1.0" in before
    assert "engine==1.1" in after
    seen = clean_environment(base=variables(here))
    assert not {PIP, UV} & seen.keys()


def test_what_core_does_not_accept_is_left_for_others_to_mend(here: Installation) -> None:
    """After an update of ComfyUI that wants more, nobody is kept from bringing it."""
    (here.comfy / "requirements.txt").write_text("library>=2\nengine==1.0\n")
    lines = published(here)
    assert "engine==1.0" in lines
    assert not [line for line in lines if line.startswith("library")]
