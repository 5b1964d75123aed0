"""The real ComfyUI-Manager beside us in one running host.

It comes from the package index into a folder of its own. The stand-in host loads Manager's core from there, as ComfyUI
does with `--enable-manager`; Manager's own routes are not needed for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from .conftest import MakeScene, Scene
from .hosts import STAND_IN, Running

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(300)]

MANAGER_FOLDER = "KIT_MANAGER"

WINDOW = """
import asyncio, importlib, os, subprocess, sys
from aiohttp import web
from server import PromptServer
sys.path.append(os.environ["KIT_MANAGER"])
cm_global = importlib.import_module("comfyui_manager.common.cm_global")
# What its prestartup script sets:
cm_global.pip_overrides, cm_global.pip_blacklist, cm_global.pip_downgrade_blacklist = {}, [], []
context = importlib.import_module("comfyui_manager.common.context")
core = importlib.import_module("comfyui_manager." + os.environ["MANAGER_KIND"] + ".manager_core")
import folder_paths
context.update_user_directory(os.path.join(folder_paths.get_user_directory(), "__manager"))
core.manager_funcs.run_script = lambda cmd, cwd=".": subprocess.run(cmd, cwd=cwd).returncode  # as its server does
NODE_CLASS_MAPPINGS = {}
routes = PromptServer.instance.routes

def taken(owner):
    return hasattr(owner.execute_install_script, "_safe_install_stands_for")

@routes.get("/window/state")
async def state(request):
    return web.json_response({
        "taken": taken(core.unified_manager) and taken(core), "apis": sorted(cm_global.APIs),
        "lifted": hasattr(core.update_path, "_safe_install_lifts"),
        "constraints": os.environ.get("UV_CONSTRAINT", ""), "version": core.version_str,
    })

@routes.post("/window/install")
async def install(request):
    body = await request.json()
    act = lambda: core.unified_manager.execute_install_script(body["id"], body["path"], instant_execution=True)
    return web.json_response({"answer": await asyncio.to_thread(act)})

@routes.post("/window/call")
async def call(request):
    body = await request.json()
    return web.json_response(await asyncio.to_thread(lambda: cm_global.try_call(**body)))
"""


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ComfyUI-Manager 4.3 and what it requires, less transformers, which is large and never imported."""
    folder = tmp_path_factory.mktemp("manager")
    (folder / "excluded.txt").write_text("transformers\n")
    subprocess.run(
        [find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", folder / "packages",
         "--excludes", folder / "excluded.txt", "comfyui-manager==4.3"],
        check=True, timeout=240,
    )  # fmt: skip
    return folder / "packages"


@pytest.fixture(scope="module", params=["glob", "legacy"])
def kind_of_manager(request: pytest.FixtureRequest) -> str:
    """Manager's new core, and the one behind its legacy window."""
    return str(request.param)


@pytest.fixture(scope="module")
def scene(manager: Path, make_scene: MakeScene, kind_of_manager: str) -> Scene:
    """A ComfyUI that needs an engine, with Manager in its process."""
    scene = make_scene(STAND_IN)
    here = scene.here
    scene.environment |= {"MANAGER_KIND": kind_of_manager, MANAGER_FOLDER: str(manager)}
    # Manager calls uv by its name where the environment has neither pip nor uv.
    scene.environment |= {
        "PATH": f"{Path(find_uv_bin()).parent}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(here.venv.root),
    }
    (here.comfy / "requirements.txt").write_text("engine==1.0\n")
    here.have("engine", "1.0")
    here.wheel("engine", "2.0")
    here.wheel("tool", "1.0")
    window = here.packs / "window"
    window.mkdir()
    (window / "__init__.py").write_text(WINDOW)
    return scene


def place(scene: Scene, name: str, requirement: str) -> Path:
    """A pack whose files are in place."""
    folder = scene.here.packs / name
    folder.mkdir()
    (folder / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")
    (folder / "requirements.txt").write_text(f"{requirement}\n")
    return folder


def state_of(host: Running, **wanted: Any) -> dict[str, Any]:
    """How Manager stands, once it is as wanted."""
    deadline = time.monotonic() + 30
    while True:
        state: dict[str, Any] = host.get("/window/state").json()
        if all(state[key] == value for key, value in wanted.items()) and state["constraints"]:
            return state
        assert time.monotonic() < deadline, (state, host.text_of_log()[-3000:])
        time.sleep(0.1)


def test_the_real_manager_is_offered_our_functions_and_cannot_break_core(scene: Scene) -> None:
    """Its own install of a pack goes on as ever, but a line against core fails; our functions answer it."""
    here = scene.here
    good, bad = place(scene, "good", "tool"), place(scene, "bad", "engine>=2")
    host = scene.start()
    state = state_of(host, taken=False, lifted=True)
    names = {f"safe_install.{name}" for name in ("install", "plan", "post_install", "rollback")}
    assert names <= {*state["apis"]}
    assert host.post("/window/install", {"id": "bad", "path": str(bad)}).json()["answer"] is False
    assert here.versions() == {"engine": "1.0"}
    answer = host.post(
        "/window/call", {"api": "safe_install.post_install", "node_id": "g", "path": str(good)}
    )
    assert answer.json()["ok"], answer.text
    assert here.versions() == {"engine": "1.0", "tool": "1.0"}
    answer = host.post("/window/call", {"api": "safe_install.rollback"})
    assert (answer.json()["ok"], here.versions()) == (True, {"engine": "1.0"}), answer.text
    host.stop()


def test_what_the_real_manager_does_past_us_is_noticed_with_its_name(scene: Scene) -> None:
    """A pack of the Registry and what it requires, installed by Manager's own calls: a drift, and a way back."""
    here = scene.here
    here.wheel("theirs", "1.0")
    folder = place(scene, "tracked", "theirs")
    (folder / "pyproject.toml").write_text('[project]\nname = "tracked"\nversion = "1.0.0"\n')
    (folder / ".tracking").write_text("__init__.py\nrequirements.txt\npyproject.toml")
    host = scene.start()
    state_of(host, taken=False)
    assert host.post("/window/install", {"id": "tracked", "path": str(folder)}).json()["answer"] is True
    assert here.versions()["theirs"] == "1.0"
    items = {each["name"]: each for each in host.get("./status?drift=true").json()["drift"]["items"]}
    assert {"tracked", "theirs"} <= items.keys()
    assert "ComfyUI-Manager" in items["tracked"]["who"], items
    assert items["theirs"]["who"], items
    host.stop()


def test_an_install_of_the_real_manager_goes_through_us_where_the_user_wants_it(scene: Scene) -> None:
    """The very function it calls is answered by us, with a transaction that can be taken back."""
    here = scene.here
    good = place(scene, "other", "tool")
    (here.state / "settings.toml").write_text("[manager]\ntake_over = true\n")
    host = scene.start()
    state_of(host, taken=True)
    assert host.post("/window/install", {"id": "other", "path": str(good)}).json()["answer"] is True
    assert here.versions()["tool"] == "1.0"
    (history, *_) = here.run("history").document["transactions"]
    assert history["operation"] == "fix other"
    bad = here.packs / "bad"
    assert host.post("/window/install", {"id": "bad", "path": str(bad)}).json()["answer"] is False
    assert "engine>=2" in host.text_of_log()
    host.stop()
