"""The test kit keeps its own promises."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from uv import find_uv_bin

from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.index import EVERYTHING, Fault, IndexServer
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.kit.venvs import Venv, install, run_python
from comfyui_safe_install.tests.kit.wheels import make_sdist, make_wheel


def uv_install(venv: Venv, index: IndexServer, *wanted: str) -> subprocess.CompletedProcess[str]:
    """Run a real `uv pip install` against the test index alone."""
    return subprocess.run(
        [find_uv_bin(), "pip", "install", "--no-config", "--no-cache", "--index-url", index.url,
         "--python", str(venv.python), *wanted],
        check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "UV_HTTP_RETRIES": "0"},
    )  # fmt: skip


def test_a_wheel_installs_everything_it_was_given(tmp_path: Path, venv: Venv) -> None:
    """Modules, console scripts, data, scripts and top_level.txt all land where an installer puts them."""
    wheel = make_wheel(
        tmp_path,
        "Flux-Tools",
        "1.2",
        files={"flux_tools/__init__.py": "def main():\n    print('ran')\n"},
        entry_points={"flux": "flux_tools:main"},
        data={"share/flux.txt": "data"},
        scripts={"flux-sh": "#!python\nprint('script')\n"},
        top_level="flux_tools\n",
    )
    install(venv, wheel)
    done = subprocess.run([str(venv.scripts / "flux")], check=True, capture_output=True, text=True)
    assert done.stdout == "ran\n"
    done = subprocess.run([str(venv.scripts / "flux-sh")], check=True, capture_output=True, text=True)
    assert done.stdout == "script\n"
    assert (venv.root / "share" / "flux.txt").read_text() == "data"
    assert (venv.site_packages / "flux_tools-1.2.dist-info" / "top_level.txt").read_text() == "flux_tools\n"


def test_a_wheel_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Two wheels made from the same words have the same hash, so locks can be compared."""
    one = make_wheel(tmp_path / "a", "demo", "1", requires=["numpy"])
    two = make_wheel(tmp_path / "b", "demo", "1", requires=["numpy"])
    assert one.read_bytes() == two.read_bytes()


def test_extras_and_requirements_are_what_the_installed_metadata_says(tmp_path: Path, venv: Venv) -> None:
    """An extra's requirement keeps its own marker and gets the extra's."""
    extras = {"gpu": ["cupy; sys_platform == 'linux'"], "all": ["tqdm"]}
    install(venv, make_wheel(tmp_path, "demo", "1", requires=["attrs>=2"], extras=extras))
    said = run_python(venv, "from importlib.metadata import requires; print(*requires('demo'), sep='\\n')")
    assert said.splitlines() == [
        "attrs>=2",
        "cupy ; (sys_platform == 'linux') and extra == 'gpu'",
        "tqdm ; extra == 'all'",
    ]


def test_the_index_serves_wheels_and_their_dependencies_to_uv(
    dists: Path, index: IndexServer, venv: Venv
) -> None:
    """A real uv resolves by the metadata files alone and fetches each wheel once."""
    make_wheel(dists, "top", "1", requires=["base>=2"])
    make_wheel(dists, "base", "1")
    make_wheel(dists, "base", "2")
    make_wheel(dists, "base", "3", requires_python=">=99")
    done = uv_install(venv, index, "top")
    assert done.returncode == 0, done.stderr
    assert run_python(venv, "import base; print(base.__version__)") == "2\n"
    assert index.requests["/files/base-2-py3-none-any.whl"] == 1
    assert index.requests["/files/base-2-py3-none-any.whl.metadata"] == 1
    assert index.requests["/files/base-1-py3-none-any.whl"] == 0


def test_an_sdist_builds_offline_and_leaves_proof(
    dists: Path, index: IndexServer, venv: Venv, tmp_path: Path
) -> None:
    """Building an sdist runs its code, which the kit makes visible."""
    proof = tmp_path / "proof.txt"
    make_sdist(dists, "old-pack", "1", touches=proof)
    done = uv_install(venv, index, "old-pack")
    assert done.returncode == 0, done.stderr
    assert "old_pack-1-py3-none-any.whl" in proof.read_text()


def test_a_failing_sdist_fails_with_a_compiler_error(dists: Path, index: IndexServer, venv: Venv) -> None:
    """`fails` gives what a user without a compiler sees."""
    make_sdist(dists, "native", "1", fails=True)
    done = uv_install(venv, index, "native")
    assert done.returncode != 0
    assert "gcc" in done.stderr


@pytest.mark.parametrize("fault", list(Fault))
def test_each_fault_of_the_index_is_a_failure_for_uv(
    fault: Fault, dists: Path, index: IndexServer, venv: Venv
) -> None:
    """Whatever the index does wrong, uv notices, and it recovers when the index does."""
    make_wheel(dists, "demo", "1")
    index.break_down("demo-1-py3-none-any.whl" if fault is Fault.TRUNCATED else EVERYTHING, fault)
    if fault is Fault.WRONG_HASH:
        index.break_down("demo", fault)
    assert uv_install(venv, index, "demo").returncode != 0
    index.repair()
    done = uv_install(venv, index, "demo")
    assert done.returncode == 0, done.stderr


def test_an_unknown_project_is_a_404(index: IndexServer) -> None:
    """A name the folder does not hold is answered as a real index answers it."""
    with pytest.raises(urllib.error.HTTPError, match="404") as raised:
        urllib.request.urlopen(index.url + "nothing/", timeout=5)
    raised.value.close()


def test_hash_tree_sees_content_mode_links_and_empty_folders(tmp_path: Path) -> None:
    """Every kind of change to a tree changes its value, and excluded entries do not."""
    (tmp_path / "a" / "empty").mkdir(parents=True)
    (tmp_path / "a" / "file").write_text("1")
    (tmp_path / "link").symlink_to("a/file")
    (tmp_path / "__pycache__").mkdir()
    before = hash_tree(tmp_path, exclude=["__pycache__"])
    assert {path: entry[0] for path, entry in before.items()} == {
        "a": "dir",
        "a/empty": "dir",
        "a/file": "file",
        "link": "link",
    }
    (tmp_path / "a" / "file").chmod(0o700)
    changed = hash_tree(tmp_path, exclude=["__pycache__"])
    assert changed["a/file"] != before["a/file"]
    assert changed["link"] == before["link"]


def test_make_comfy_is_a_host_folder_with_packs(tmp_path: Path) -> None:
    """The folder has what the host is recognised by, and each pack has an entry."""
    comfy = make_comfy(
        tmp_path / "host", requirements="numpy\n", packs={"demo": {"requirements.txt": b"x\r\n"}}
    )
    assert (comfy / "main.py").is_file()
    assert (comfy / "requirements.txt").read_text() == "numpy\n"
    assert (comfy / "custom_nodes" / "demo" / "requirements.txt").read_bytes() == b"x\r\n"
    assert (comfy / "custom_nodes" / "demo" / "__init__.py").is_file()


def test_kill_after_dies_right_after_the_chosen_journal_line(tmp_path: Path, root: Path) -> None:
    """The process is gone by SIGKILL with exactly N lines written; a stand-in product shows it."""
    product = tmp_path / "product"
    kit = product / "tests" / "kit"
    kit.mkdir(parents=True)
    for name in ("kill_after.py", "package.py"):
        (kit / name).write_bytes((root / "tests" / "kit" / name).read_bytes())
    (product / "resolver" / "transaction").mkdir(parents=True)
    (product / "resolver" / "transaction" / "journal.py").write_text(
        "class Journal:\n    def append(self, line):\n        print(line, flush=True)\n"
    )
    (product / "resolver" / "cli.py").write_text(
        "from .transaction.journal import Journal\n\n"
        "def main(arguments):\n    for each in arguments:\n        Journal().append(each)\n    return 7\n"
    )
    script = [sys.executable, str(kit / "kill_after.py")]
    killed = subprocess.run([*script, "2", "a", "b", "c"], check=False, capture_output=True, text=True)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "a\nb\n")
    whole = subprocess.run([*script, "9", "a", "b"], check=False, capture_output=True, text=True)
    assert (whole.returncode, whole.stdout) == (7, "a\nb\n")
