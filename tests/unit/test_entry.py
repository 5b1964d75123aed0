"""ComfyUI loads us by path, under a made-up module name, before or after everything else is broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from comfyui_safe_install.server_routes.table import PREFIX, ROUTES
from comfyui_safe_install.tests.kit.comfy import make_comfy, put_product_in

HEAVY = ("pydantic", "packaging", "importlib.metadata", "importlib_metadata", "yaml", "uv", "tqdm")

HOST = """
import importlib.util, json, logging, os, sys, types
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
what, *folders = sys.argv[1:]
if what != "no-server":
    from aiohttp import web
    import asyncio
    class PromptServer:
        instance = None
    if what != "no-instance":
        PromptServer.instance = types.SimpleNamespace(routes=web.RouteTableDef(), app=web.Application())
    sys.modules["server"] = types.SimpleNamespace(PromptServer=PromptServer)
said = []
watch = types.SimpleNamespace(came_up=lambda: said.append("up"), cannot_tell=lambda why: said.append(why))
sys.modules["_safe_install_at_start"] = types.SimpleNamespace(watched=watch)
if what == "late":
    PromptServer.instance.app.freeze()
if what == "no-signal":
    del PromptServer.instance.app
before, path = set(sys.modules), list(sys.path)
found = []
for folder in folders:
    name = folder.replace(".", "_x_")
    spec = importlib.util.spec_from_file_location(name, os.path.join(folder, "__init__.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    web_directory = module.WEB_DIRECTORY
    found.append({
        "nodes": sorted(module.NODE_CLASS_MAPPINGS), "names": sorted(module.NODE_DISPLAY_NAME_MAPPINGS),
        "web": web_directory and os.path.abspath(os.path.join(folder, web_directory)),
    })
loaded = {"found": found, "imported": sorted(set(sys.modules) - before), "path": sys.path == path, "routes": []}
if what not in ("no-server", "no-instance"):
    loaded["routes"] = [[each.method, each.path] for each in PromptServer.instance.routes]
if what == "server":
    before_up = list(said)
    runner = web.AppRunner(PromptServer.instance.app)
    asyncio.run(runner.setup())
    said = [before_up, said]
print(json.dumps({**loaded, "said": said}))
"""


def load(what: str, *folders: Path) -> tuple[dict[str, Any], str]:
    """Load these copies as the host does, in a fresh interpreter; what was found, and what was logged."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", HOST, what, *map(str, folders)],
        check=False, capture_output=True, text=True, timeout=60, cwd=folders[0].parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Us as a pack, in a folder of a name that is no Python name."""
    return put_product_in(make_comfy(tmp_path / "comfy"), name="safe-install.v1")


def test_the_entry_puts_every_route_on_the_server_and_imports_nothing_heavy(pack: Path) -> None:
    """Loading the entry brings in no pydantic, packaging, importlib.metadata or resolver, and no path changes."""
    loaded, log = load("server", pack)
    assert log == ""
    assert [
        name
        for name in loaded["imported"]
        if name.startswith(HEAVY) or ".resolver" in name or "handlers" in name
    ] == []
    assert loaded["path"]
    assert loaded["routes"] == [[each.method, f"{PREFIX}{each.path}"] for each in ROUTES]
    (found,) = loaded["found"]
    assert found["nodes"] == found["names"]
    assert found["web"] == str(pack / "js")
    # Not before every pack is loaded and the server starts.
    assert loaded["said"] == [[], ["up"]]


@pytest.mark.parametrize(
    ("what", "said"),
    [("no-server", ["there is no server"]), ("no-instance", ["there is no server"]), ("late", ["up"])],
)
def test_hosts_without_a_server_or_with_one_that_runs_are_fine(
    what: str, said: list[str], pack: Path
) -> None:
    """A loader without a server gets our nodes; the watch over the start is told what can be known."""
    loaded, log = load(what, pack)
    assert (loaded["said"], log) == (said, "")
    assert loaded["found"][0]["nodes"] == []


def test_a_server_that_does_not_say_when_it_starts_is_fine(pack: Path) -> None:
    """Then nobody can tell whether the start came up, and nothing is concluded."""
    loaded, _ = load("no-signal", pack)
    assert len(loaded["said"]) == 1
    assert loaded["routes"]


def test_of_two_copies_the_second_stays_quiet(pack: Path) -> None:
    """Routes are put on the server once, the page gets the modules once, and it is said what to do."""
    second = pack.with_name("zz-copy")
    shutil.copytree(pack, second)
    loaded, log = load("server", pack, second)
    assert [each["web"] for each in loaded["found"]] == [str(pack / "js"), None]
    assert len(loaded["routes"]) == len(ROUTES)
    assert f"the copy in {second} stays quiet. Remove one of the two." in log


def test_loading_again_into_a_server_that_runs_changes_nothing(pack: Path) -> None:
    """A pack may be loaded once more by the host; the routes are there already."""
    loaded, log = load("server", pack, pack)
    assert len(loaded["routes"]) == len(ROUTES)
    assert [each["web"] for each in loaded["found"]] == [str(pack / "js")] * 2
    assert log == ""


@pytest.mark.parametrize("broken", ["raise RuntimeError('broken')", "raise SystemExit(3)", "def ("])
def test_whatever_fails_in_the_registration_the_host_goes_on(broken: str, pack: Path) -> None:
    """It is logged with a hint, and ComfyUI loads the next pack."""
    (pack / "server_routes" / "dispatch.py").write_text(broken)
    loaded, log = load("server", pack)
    assert loaded["routes"] == []
    assert log.startswith("ERROR Safe Install: its routes could not be put on")
    assert f"-m pip install -r {pack / 'requirements.txt'}" in log


def test_the_installed_package_is_the_same_entry(pack: Path, tmp_path: Path) -> None:
    """Imported by its name, as from site-packages, it exports the same; a process without a server is left alone."""
    site = tmp_path / "site"
    site.mkdir()
    shutil.copytree(pack, site / "comfyui_safe_install")
    code = (
        "import sys; before = set(sys.modules); import comfyui_safe_install as ours\n"
        "print(ours.WEB_DIRECTORY, ours.NODE_CLASS_MAPPINGS, 'server' in sys.modules, 'aiohttp' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        check=True, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), sysconfig.get_path("purelib")])},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("./js {} False False\n", "")


def test_the_folder_of_the_page_is_there_in_a_clone(root: Path) -> None:
    """Git keeps no empty folders, and the host warns of one that is missing."""
    tracked = subprocess.run(
        ["git", "ls-files", "js"], cwd=root, check=False, capture_output=True, text=True, timeout=30
    )
    if tracked.returncode == 0:
        assert tracked.stdout.split()
    assert (root / "js").is_dir()
