"""A whole start of ComfyUI in a real process: prestartup scripts, packs, routes, the server up; as main.py does it.

Smaller and quicker than the stand-in host, and it can be told to die anywhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .installation import Installation

FOLDER_PATHS = """
import os
_base = os.path.dirname(os.path.abspath(__file__))
def get_user_directory():
    return os.path.join(_base, "user")
def get_folder_paths(kind):
    return [os.path.join(_base, kind)]
"""
"""As in ComfyUI 0.3.64."""
SYSTEM_USER = """
def get_system_user_directory(name):
    return os.path.join(_base, "user", "__" + name)
"""
"""What ComfyUI 0.8.0 has beside it."""

_HOST = """
import importlib.util, json, logging, os, sys, types
options = json.loads(os.environ["HOST_OPTIONS"])
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
sys.path.insert(0, os.getcwd())
if options["full_disk"]:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
import folder_paths
cli_args = types.ModuleType("comfy.cli_args")
cli_args.args = types.SimpleNamespace(quick_test_for_ci=options["quick"])
sys.modules["comfy"], sys.modules["comfy.cli_args"] = types.ModuleType("comfy"), cli_args

def load(name, path, register):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    if register:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

(folder,) = folder_paths.get_folder_paths("custom_nodes")
def packs():
    found = [name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name))
             and not name.endswith(".disabled") and name != "__pycache__"]
    return sorted(found, reverse=options["backwards"])
def execute_prestartup_script():
    for name in packs():
        script = os.path.join(folder, name, "prestartup_script.py")
        if os.path.exists(script):
            try:
                load(os.path.splitext(script)[0], script, False)
            except Exception as error:
                logging.error("Failed to execute startup-script: %s / %s", script, error)
execute_prestartup_script()
if __name__ == "__mp_main__":
    raise SystemExit("a worker")
if options["server"]:
    import asyncio
    from aiohttp import web
    server = sys.modules["server"] = types.ModuleType("server")
    class PromptServer:
        instance = None
        def __init__(self, loop):
            PromptServer.instance = self
            self.loop, self.routes, self.app = loop, web.RouteTableDef(), web.Application()
    server.PromptServer = PromptServer
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    PromptServer(loop)
loaded = {}
for name in packs():
    path = os.path.join(folder, name)
    before, paths = set(sys.modules), list(sys.path)
    try:
        module = load(path.replace(".", "_x_"), os.path.join(path, "__init__.py"), True)
    except Exception:
        logging.exception("Cannot import %s", path)
        continue
    loaded[name] = {
        "web": getattr(module, "WEB_DIRECTORY", None), "nodes": sorted(module.NODE_CLASS_MAPPINGS),
        "imported": sorted(set(sys.modules) - before), "path": sys.path == paths,
    }
if options["quick"] or __name__ != "__main__":
    sys.exit(0)
if options["server"]:
    PromptServer.instance.app.add_routes(PromptServer.instance.routes)
    async def up():
        runner = web.AppRunner(PromptServer.instance.app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        routes = sorted({(each.method, each.path) for each in PromptServer.instance.routes})
        print(json.dumps({"loaded": loaded, "routes": routes, "left": os.environ.get("SAFE_INSTALL_START", "")}))
        sys.stdout.flush()
        if options["then"]:
            exec(options["then"], {})
        await runner.cleanup()
    loop.run_until_complete(up())
else:
    print(json.dumps({"loaded": loaded, "routes": [], "left": ""}))
"""

KILLERS: Mapping[str, str] = {
    "sys.exit": "import sys; sys.exit(3)\n",
    "segfault": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n",
    "os._exit": "import os; os._exit(0)\n",
}
"""What packs do to the host; none of it is an Exception."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A start that is over."""

    code: int
    log: str
    told: dict[str, Any]
    """What the host says once it is up; empty where it died before."""

    @property
    def up(self) -> bool:
        """Whether it came up."""
        return bool(self.told)


def write_host(here: Installation, folder_paths: str = FOLDER_PATHS + SYSTEM_USER) -> None:
    """Give the ComfyUI folder what a start needs."""
    (here.comfy / "folder_paths.py").write_text(folder_paths)
    (here.comfy / "main.py").write_text(_HOST)


def begin_start(
    here: Installation,
    *,
    options: Sequence[str] = (),
    backwards: bool = False,
    server: bool = True,
    quick: bool = False,
    then: str = "",
    full_disk: bool = False,
    with_packages: bool = True,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """A start that is under way.

    `then`: code the server runs once it is up. `full_disk`: no file can grow. `with_packages`: what ours stands
    on, which the environment of a test lacks.
    """
    chosen = {"backwards": backwards, "server": server, "quick": quick, "then": then, "full_disk": full_disk}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PYTHON"))}
    uv = {name: value for name, value in os.environ.items() if name.startswith("UV_")}
    # Kept elsewhere, so that nothing is compiled twice and no tree differs by it.
    compiled = {"PYTHONPYCACHEPREFIX": str(here.root / "bytecode")}
    lent = {"PYTHONPATH": sysconfig.get_path("purelib")} if with_packages else {}
    return subprocess.Popen(
        [str(here.venv.python), *options, "main.py"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here.comfy,
        env={**kept, **uv, **lent, **compiled, "HOST_OPTIONS": json.dumps(chosen), **(environment or {})},
    )  # fmt: skip


def end_start(process: subprocess.Popen[str]) -> Started:
    """What came of it. Waits for its end."""
    out, err = process.communicate(timeout=110)
    lines = [line for line in out.splitlines() if line.startswith("{")]
    return Started(code=process.returncode, log=err, told=json.loads(lines[-1]) if lines else {})


def start(here: Installation, **options: Any) -> Started:
    """A whole start; the options of `begin_start`."""
    return end_start(begin_start(here, **options))


def marks(here: Installation) -> list[str]:
    """The outcomes of the last starts, oldest first, as their marks have them."""
    found = []
    for path in sorted((here.state / "starts").glob("*.jsonl")):
        last = json.loads(path.read_text().splitlines()[-1])
        found.append(str(last.get("outcome", "starting")))
    return found


def pack_that(here: Installation, name: str, code: str, *requirements: str) -> str:
    """A pack to install whose import runs `code`, though only in a host: a trial would see it otherwise."""
    guarded = "import os\nif 'HOST_OPTIONS' in os.environ:\n" + "".join(
        f"    {line}\n" for line in code.splitlines()
    )
    return here.source(name, *requirements, files={"__init__.py": f"{guarded}NODE_CLASS_MAPPINGS = {{}}\n"})


def install_pack(here: Installation, name: str, code: str, *requirements: str) -> str:
    """Install a pack whose import runs `code` in the host; the id of the change."""
    return str(
        here.run("install", pack_that(here, name, code, *requirements), "--yes").applied["transaction"]
    )


def die(here: Installation, times: int = 1, **options: Any) -> Started:
    """So many starts, which all die; the last."""
    ended = [start(here, **options) for _ in range(times)]
    assert not any(each.up for each in ended), ended
    return ended[-1]
