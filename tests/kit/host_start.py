"""A start of ComfyUI as far as our prestartup script sees it: its own Python, `folder_paths`, and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .installation import Installation
from .package import ROOT

_FOLDER_PATHS = """
import os
_base = os.path.dirname(os.path.abspath(__file__))
def get_user_directory():
    return os.path.join(_base, "user")
def get_system_user_directory(name):
    return os.path.join(_base, "user", "__" + name)
def get_folder_paths(kind):
    return [os.path.join(_base, kind)]
"""

_START = """
import importlib, importlib.util, logging, os, signal, sys, types
root, pattern, when = sys.argv[1:4]
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
sys.path.insert(0, os.getcwd())
def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
if pattern:
    load(os.path.join(root, "tests", "kit", "locked_files.py"), "locked_files").refuse_renames(pattern)
if when != "0":
    ours = sys.modules["_safe_install_at_start"] = types.ModuleType("_safe_install_at_start")
    ours.__path__ = [root]
    journal = importlib.import_module("_safe_install_at_start.resolver.transaction.journal").Journal
    append, written = journal.append, 0
    def append_then_die(self, body):
        global written
        append(self, body)
        written += 1
        if str(written) == when:
            os.kill(os.getpid(), signal.SIGKILL)
    journal.append = append_then_die
script = os.path.join(root, "prestartup_script.py")
load(script, os.path.splitext(script)[0])
watched = getattr(sys.modules.get("_safe_install_at_start"), "watched", None)
if watched:
    watched.cannot_tell("only the prestartup script is run")
print(sorted(name for name, each in sys.modules.items() if "site-packages" in str(getattr(each, "__file__", ""))))
"""


def start_host(here: Installation, *, locked: str = "", kill_after: int = 0) -> str:
    """What a start logs. It must come up, and import nothing from site-packages before packs load.

    The environment's own Python in isolated mode, with no PATH, no uv, no settings of ours. `locked`: a pattern
    of paths that cannot be renamed. `kill_after`: the process kills itself after so many journal lines, if there
    are so many; the log is then `killed`.
    """
    (here.comfy / "folder_paths.py").write_text(_FOLDER_PATHS)
    done = subprocess.run(
        [str(here.venv.python), "-I", "-B", "-c", _START, str(ROOT), locked, str(kill_after)],
        check=False, capture_output=True, text=True, timeout=120, cwd=here.comfy,
        env={"HOME": str(Path(os.devnull)), "PATH": "", "UV_OFFLINE": "1"},
    )  # fmt: skip
    if kill_after and done.returncode < 0:
        return "killed"
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    return done.stderr
