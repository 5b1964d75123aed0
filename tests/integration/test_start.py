"""At its start ComfyUI runs our prestartup script; whatever is broken, ComfyUI starts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.wiring import open_site
from comfyui_safe_install.tests.kit.comfy import make_comfy, put_product_in
from comfyui_safe_install.tests.kit.trees import hash_tree

FOLDER_PATHS = """
import os
_base = os.path.dirname(os.path.abspath(__file__))
def get_user_directory():
    return os.path.join(_base, "user")
def get_folder_paths(kind):
    return [os.path.join(_base, kind)]
"""
FOLDER_PATHS_OF_NEWER_HOSTS = (
    FOLDER_PATHS
    + "def get_system_user_directory(name):\n    return os.path.join(_base, 'user', '__' + name)\n"
)
START_AS_THE_HOST_DOES = """
import importlib.util, json, logging, os, sys
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
sys.path.insert(0, os.getcwd())
before = set(sys.modules)
script = os.path.join(sys.argv[1], "prestartup_script.py")
spec = importlib.util.spec_from_file_location(os.path.splitext(script)[0], script)
spec.loader.exec_module(importlib.util.module_from_spec(spec))
watched = getattr(sys.modules.get("_safe_install_at_start"), "watched", None)
if watched:
    watched.cannot_tell("only the prestartup script is run")
print(json.dumps(sorted(set(sys.modules) - before)))
"""
DIE_HALF_WAY = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from kit.package import register_package
register_package()
from comfyui_safe_install.resolver.core.states import TransactionState
from comfyui_safe_install.resolver.transaction.runner import Transaction
from comfyui_safe_install.resolver.transaction.steps import Move

state, packs = Path(sys.argv[2]), Path(sys.argv[3])
stage = packs.parent / ".safe-install"
transaction = Transaction.begin(state, operation="install demo", roots=(packs, stage), summary={})
transaction.set_steps([
    Move(source=packs / "demo", target=stage / "old"),
    Move(source=stage / "new", target=packs / "demo"),
])
transaction.advance(TransactionState.STAGED)
transaction.advance(TransactionState.TRIED)
transaction.apply(on_step=lambda done, total: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.fixture
def comfy(tmp_path: Path) -> Path:
    """A ComfyUI with us and one pack in it."""
    comfy = make_comfy(tmp_path / "comfy", packs={"demo": {"node.py": "VERSION = 1\n"}})
    (comfy / "folder_paths.py").write_text(FOLDER_PATHS_OF_NEWER_HOSTS)
    put_product_in(comfy, name="safe-install.v1")
    return comfy


def start(comfy: Path) -> tuple[list[str], str]:
    """Start a host; what our script imported, and what it logged. The host must come up."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", START_AS_THE_HOST_DOES, str(comfy / "custom_nodes" / "safe-install.v1")],
        check=False, capture_output=True, text=True, timeout=60, cwd=comfy,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    imported: list[str] = json.loads(done.stdout)
    return imported, done.stderr


def interrupt_an_install(comfy: Path, root: Path) -> None:
    """Kill a process that has moved the old pack away and not put the new one in its place."""
    stage = comfy / ".safe-install" / "new"
    stage.mkdir(parents=True)
    (stage / "node.py").write_text("VERSION = 2\n")
    state = comfy / "user" / "__safe_install"
    state.mkdir(parents=True)
    killed = subprocess.run(
        [sys.executable, "-B", "-c", DIE_HALF_WAY,
         str(root / "tests"), str(state), str(comfy / "custom_nodes")],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (comfy / "custom_nodes" / "demo").exists()


@pytest.mark.parametrize("host", [FOLDER_PATHS, FOLDER_PATHS_OF_NEWER_HOSTS], ids=["older", "newer"])
def test_an_interrupted_installation_is_undone_before_packs_load(host: str, comfy: Path, root: Path) -> None:
    """After a kill in the middle, the next start puts everything back and says so; a second one is silent."""
    (comfy / "folder_paths.py").write_text(host)
    before = hash_tree(comfy / "custom_nodes")
    interrupt_an_install(comfy, root)

    imported, log = start(comfy)

    assert hash_tree(comfy / "custom_nodes") == before
    assert "install demo" in log
    assert "rolled back" in log
    tops = {name.split(".")[0] for name in imported} - {"folder_paths", "_safe_install_at_start"}
    assert [top for top in tops - sys.stdlib_module_names if not top.startswith("_sysconfigdata")] == []
    assert start(comfy)[1] == ""


def test_a_start_with_nothing_to_do_loads_and_writes_nothing(comfy: Path) -> None:
    """Where there was never a transaction, only what listens to ComfyUI's log is imported, and no folder is made."""
    before = hash_tree(comfy)
    imported, log = start(comfy)
    ours = {
        name.removeprefix("_safe_install_at_start").lstrip(".") for name in imported if "safe_install" in name
    }
    assert ours == {"", "resolver", "resolver.at_start", "resolver.at_start.import_log"}
    assert log == ""
    assert hash_tree(comfy) == before


def _no_folder_paths(comfy: Path) -> None:
    (comfy / "folder_paths.py").unlink()


def _folder_paths_that_raises(comfy: Path) -> None:
    (comfy / "folder_paths.py").write_text("def __getattr__(name):\n    raise RuntimeError('broken host')\n")


def _resolver_is_gone(comfy: Path) -> None:
    shutil.rmtree(comfy / "custom_nodes" / "safe-install.v1" / "resolver")


def _recover_is_cut_off(comfy: Path) -> None:
    (comfy / "custom_nodes" / "safe-install.v1" / "resolver" / "transaction" / "recover.py").write_text(
        "def ("
    )


def _recover_exits(comfy: Path) -> None:
    path = comfy / "custom_nodes" / "safe-install.v1" / "resolver" / "transaction" / "recover.py"
    path.write_text("raise SystemExit(3)\n")


def _journal_is_damaged(comfy: Path) -> None:
    (journal,) = (comfy / "user" / "__safe_install" / "transactions").glob("*/journal.jsonl")
    journal.write_bytes(b"\xff garbage\n" * 5)


def _state_cannot_be_listed(comfy: Path) -> None:
    transactions = comfy / "user" / "__safe_install" / "transactions"
    shutil.rmtree(transactions)
    transactions.symlink_to(transactions)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_no_folder_paths, "folder_paths"),
        (_folder_paths_that_raises, "broken host"),
        (_resolver_is_gone, "resolver"),
        (_recover_is_cut_off, "SyntaxError"),
        (_recover_exits, "SystemExit"),
        (_journal_is_damaged, "damaged"),
        (_state_cannot_be_listed, ""),
    ],
)
def test_the_host_starts_whatever_is_broken(
    break_it: Callable[[Path], None], said: str, comfy: Path, root: Path
) -> None:
    """Our script neither raises nor exits; it logs what is wrong and leaves the files alone."""
    interrupt_an_install(comfy, root)
    break_it(comfy)
    before = hash_tree(comfy / "custom_nodes")
    _, log = start(comfy)
    assert said in log
    assert hash_tree(comfy / "custom_nodes") == before


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_another_process_at_work_is_left_in_peace(comfy: Path, root: Path) -> None:
    """While another process holds the lock, the start changes nothing and says who holds it."""
    interrupt_an_install(comfy, root)
    before = hash_tree(comfy / "custom_nodes")
    hold = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from kit.package import register_package; register_package()\n"
        "from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, lock_path\n"
        "with OwnerLock(lock_path(Path(sys.argv[2])), 'install other'):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-B", "-c", hold, str(root / "tests"), str(comfy / "user" / "__safe_install")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        _, log = start(comfy)
        assert "install other" in log
        assert hash_tree(comfy / "custom_nodes") == before
        holder.communicate("")


def test_a_start_may_touch_every_folder_that_a_transaction_may(comfy: Path) -> None:
    """Recovery at start refuses no journal for its folders: they all lie in those the start allows."""
    ask = (
        "import importlib.util, os, sys; sys.path.insert(0, os.getcwd())\n"
        "spec = importlib.util.spec_from_file_location('start', sys.argv[1])\n"
        "start = importlib.util.module_from_spec(spec); spec.loader.exec_module(start)\n"
        "import folder_paths; print(*start._roots(folder_paths), sep='\\n')\n"
    )
    script = comfy / "custom_nodes" / "safe-install.v1" / "prestartup_script.py"
    done = subprocess.run(
        [sys.executable, "-B", "-c", ask, str(script)],
        check=True, capture_output=True, text=True, timeout=60, cwd=comfy,
    )  # fmt: skip
    allowed = [Path(line) for line in done.stdout.splitlines()]
    for root in open_site(comfy, python=Path(sys.executable)).roots:
        assert any(root == each or each in root.parents for each in allowed), root
