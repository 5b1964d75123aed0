"""The stand-in does what ComfyUI does, where a pack or the panel could tell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.package import ROOT
from comfyui_safe_install.tests.kit.venvs import make_venv

from .hosts import STAND_IN, HostDied, Running, interrupt, start

_WITNESS = """
import os, sys
with open(os.environ["WITNESS"], "a") as file:
    file.write({word!r} + "\\n")
"""
_NODE = """
class Node:
    RETURN_TYPES = ()
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}
"""
_PACK = (
    _NODE
    + """
from aiohttp import web
from server import PromptServer
from . import part
import folder_paths, nodes
NODE_CLASS_MAPPINGS = {"WitnessNode": Node, "KSampler": Node}
NODE_DISPLAY_NAME_MAPPINGS = {"WitnessNode": "A witness"}
WEB_DIRECTORY = "./js"
server = PromptServer.instance

@server.routes.get("/witness")
async def witness(request):
    return web.json_response({
        "name": __name__, "package": __package__, "path": request.path, "loop": server.loop.is_running(),
        "folder_paths": folder_paths.__file__, "nodes": nodes.__file__, "base": folder_paths.base_path,
        "system": folder_paths.get_system_user_directory("safe_install"), "cwd": part.cwd, "first": part.first,
        "python": part.executable, "argv": sys.argv, "loaded": dict(nodes.LOADED_MODULE_DIRS),
        "remaining": server.prompt_queue.get_tasks_remaining(), "port": server.port,
    })

@server.routes.post("/witness/late")
async def late(request):
    try:
        server.app.add_routes([web.get("/too-late", witness)])
    except RuntimeError as error:
        said = str(error)
    @server.routes.get("/decorated-late")
    async def decorated(request):
        return web.Response()
    loaded = await nodes.load_custom_node((await request.json())["path"], {"KSampler"}, "custom_nodes")
    return web.json_response({"said": said, "loaded": loaded})

@server.routes.post("/witness/restart")
async def restart(request):
    os.execv(sys.executable, [sys.executable, *sys.argv])

@server.routes.post("/witness/tell")
async def tell(request):
    import threading
    thread = threading.Thread(target=server.send_sync, args=("witness.event", {"n": 1}))
    thread.start(); thread.join()
    return web.json_response({})
"""
)
_PART = "import os, sys\ncwd, first, executable = os.getcwd(), sys.path[0], sys.executable\n"
_PRESTARTUP_SEES = """
seen = [name for name in ("nodes", "server", "execution", "aiohttp", "torch") if name in sys.modules]
import folder_paths
from comfy.cli_args import args
with open(os.environ["WITNESS"], "a") as file:
    file.write(f"prestartup sees {seen} {args.listen} {__name__ in sys.modules}\\n")
"""


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ComfyUI folder with packs that tell what they see."""
    base = tmp_path_factory.mktemp("devhost") / "comfy"
    packs = base / "custom_nodes"
    witness = _WITNESS.format(word="imported")
    _write(
        packs / "wit.ness",
        {
            "__init__.py": witness + _PACK,
            "part.py": _PART,
            "prestartup_script.py": _WITNESS.format(word="prestartup") + _PRESTARTUP_SEES,
            "js/witness.js": "// seen",
            "js/helper.mjs": "// not listed",
            "locales/en/main.json": json.dumps({"greeting": "hello"}),
            "locales/en/nodeDefs.json": json.dumps({"WitnessNode": {"display_name": "Witness"}}),
            "example_workflows/first.json": "{}",
        },
    )
    _write(packs / "asleep.disabled", {"__init__.py": "raise SystemExit(9)", "prestartup_script.py": "1/0"})
    _write(packs / "empty", {"readme.txt": ""})
    _write(packs / "web-by-toml", {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n", "web/t.js": "//"})
    _write(packs / "web-by-toml", {"pyproject.toml": '[project]\nname="tomled"\n[tool.comfy]\nweb="web"\n'})
    third = (
        "from comfy_api.latest import ComfyExtension, io\n\nclass N(io.ComfyNode):\n    @classmethod\n    "
    )
    third += (
        'def define_schema(cls):\n        return io.Schema(node_id="ThirdKind")\n\nclass E(ComfyExtension):\n'
    )
    third += "    async def get_node_list(self):\n        return [N]\n\nasync def comfy_entrypoint():\n    return E()\n"
    _write(packs / "third-kind", {"__init__.py": third})
    (packs / "single.py").write_text(_NODE + 'NODE_CLASS_MAPPINGS = {"Single": Node}\n', encoding="utf-8")
    return base


@pytest.fixture(scope="module")
def story(base: Path) -> Path:
    """Where the packs write what they saw."""
    return base.parent / "witness.txt"


@pytest.fixture(scope="module")
def python(base: Path) -> Path:
    """The interpreter of an environment with nothing in it."""
    return make_venv(base.parent / "bare").python


@pytest.fixture(scope="module")
def host(base: Path, story: Path, python: Path) -> Running:  # type: ignore[misc]
    """A stand-in in the bare environment, with a pack that fails."""
    environment = {"WITNESS": str(story)}
    with start(STAND_IN, base, "--fail-pack", "broken", python=python, environment=environment) as running:
        yield running


def test_packs_are_run_in_the_hosts_order(host: Running, story: Path, base: Path) -> None:
    """Prestartup comes before the host's modules exist, the import after; what is disabled is left alone."""
    assert story.read_text().splitlines()[:3] == [
        "prestartup",
        "prestartup sees [] 127.0.0.1 False",
        "imported",
    ]
    log = host.text_of_log()
    assert log.index("Prestartup times") < log.index("Import times") < log.index("To see the GUI")
    assert "asleep" not in log
    packs = base / "custom_nodes"
    assert f"(IMPORT FAILED): {packs / 'broken'}" in log
    assert f"(IMPORT FAILED): {packs / 'empty'}" in log
    assert f" seconds: {packs / 'wit.ness'}" in log
    assert host.lines.qsize() == 0, "only one line on stdout"


def test_a_pack_finds_itself_and_the_host_as_in_comfyui(host: Running, base: Path, python: Path) -> None:
    """Names of modules, places, working folder and interpreter are those a real host gives."""
    seen = host.get("/witness").json()
    folder = str(base / "custom_nodes" / "wit.ness")
    assert (seen["name"], seen["package"]) == (folder.replace(".", "_x_"),) * 2
    assert (seen["folder_paths"], seen["nodes"]) == (str(base / "folder_paths.py"), str(base / "nodes.py"))
    assert (seen["base"], seen["cwd"], seen["first"]) == (str(base),) * 3
    assert seen["system"] == str(base / "user" / "__safe_install")
    assert seen["python"] == str(python)
    assert seen["loop"] is True
    assert seen["loaded"]["wit.ness"] == folder
    assert str(base / "custom_nodes" / "single") in seen["loaded"]
    assert f":{seen['port']}" in host.url


def test_routes_are_served_twice_and_none_can_be_added_later(host: Running, base: Path) -> None:
    """A pack's route answers plain and below /api; after the start the router is frozen and the table is copied."""
    assert host.get("/witness").json()["path"] == "/witness"
    assert host.get("/api/witness").json()["path"] == "/api/witness"
    new = _write(base.parent / "late", {"__init__.py": _NODE + 'NODE_CLASS_MAPPINGS = {"Late": Node}\n'})
    _write(new, {"js/late.js": "//"})
    with (new / "__init__.py").open("a") as file:
        file.write('NODE_CLASS_MAPPINGS["KSampler"] = Node\nWEB_DIRECTORY = "js"\n')
    answer = host.post("/witness/late", {"path": str(new)}).json()
    assert answer == {"said": "Cannot register a resource into frozen router.", "loaded": True}
    assert (host.get("/decorated-late").status, host.get("/too-late").status) == (404, 404)
    nodes = host.get("/object_info").json()
    assert (nodes["Late"]["python_module"], nodes["KSampler"]["python_module"]) == (
        "custom_nodes.late",
        "nodes",
    )
    assert "/extensions/late/late.js" in host.get("/extensions").json()
    assert host.get("/extensions/late/late.js").status == 404


def test_nodes_and_web_files_of_packs_are_served(host: Running) -> None:
    """/object_info, /extensions, the files, translations and workflows; core nodes cannot be overridden."""
    nodes = host.get("/api/object_info").json()
    assert nodes["WitnessNode"]["python_module"] == "custom_nodes.wit.ness"
    assert nodes["WitnessNode"]["display_name"] == "A witness"
    assert nodes["Single"]["python_module"] == "custom_nodes.single"
    assert nodes["ThirdKind"]["python_module"] == "custom_nodes.third-kind"
    assert nodes["KSampler"]["python_module"] == "nodes"
    scripts = host.get("/extensions").json()
    assert {"/extensions/wit.ness/witness.js", "/extensions/tomled/t.js"} <= set(scripts)
    assert not [name for name in scripts if name.endswith(".mjs")]
    script, module = (host.get(f"/extensions/wit.ness/{name}") for name in ("witness.js", "helper.mjs"))
    assert (script.status, script.headers["Cache-Control"]) == (200, "no-cache")
    assert (module.status, "Cache-Control" in module.headers) == (200, False)
    assert module.headers["Content-Type"].split(";")[0] in ("application/javascript", "text/javascript")
    assert host.get("/i18n").json()["en"]["nodeDefs"]["WitnessNode"] == {"display_name": "Witness"}
    assert host.get("/workflow_templates").json() == {"wit.ness": ["first"]}
    assert host.get("/api/workflow_templates/wit.ness/first.json").status == 200


def test_the_real_front_end_finds_all_it_asks_for(host: Running) -> None:
    """The installed package's page, its scripts, and the answers without which it does not start."""
    page = host.get("/")
    assert "<div id=" in page.text
    assert page.headers["Cache-Control"] == "no-cache"
    assert host.get("/scripts/app.js").headers["Cache-Control"] == "no-cache"
    for path in (
        "users", "settings", "extensions", "object_info", "features", "system_stats", "i18n", "queue", "prompt",
        "global_subgraphs", "workflow_templates", "jobs?limit=200", "experiment/models", "embeddings", "history",
    ):  # fmt: skip
        assert host.get(f"/api/{path}").status == 200, path
    assert host.get("/api/jobs?limit=200").json()["pagination"]["limit"] == 200
    assert "broken" in host.get("/internal/logs").json()
    assert host.get("/api/internal/logs").status == 404, "sub-applications are not doubled"


def test_settings_and_files_of_the_user_are_kept(host: Running, base: Path) -> None:
    """They are written below the default user; our own folder and whatever is outside cannot be reached."""
    assert host.post("/api/settings", {"Comfy.A": 1}).status == 200
    assert host.post("/api/settings/Comfy.B", [2]).status == 200
    assert host.get("/api/settings").json() == {"Comfy.A": 1, "Comfy.B": [2]}
    assert json.loads((base / "user" / "default" / "comfy.settings.json").read_text()) == {
        "Comfy.A": 1,
        "Comfy.B": [2],
    }
    assert host.post("/api/userdata/workflows%2Fone.json", {"nodes": []}).json() == "workflows/one.json"
    assert host.get("/api/userdata?dir=workflows").json() == ["one.json"]
    assert host.post("/api/userdata/workflows%2Fone.json/move/workflows%2Ftwo.json").status == 200
    assert host.get("/api/userdata/workflows%2Ftwo.json").json() == {"nodes": []}
    assert host.delete("/api/userdata/workflows%2Ftwo.json").status == 204
    for path in ("..%2F__safe_install%2Fsettings.toml", "..%252F__safe_install%252Fx", "%2Fetc%2Fhostname"):
        assert host.get(f"/api/userdata/{path}").status in (403, 404), path


def test_events_reach_pages_in_order(host: Running) -> None:
    """A page hears `status` with its id, feature flags when it asks, and what packs send from any thread."""
    with host.events("page-1") as page, host.events() as other:
        assert page.client == "page-1"
        assert len(other.client) == 32
        host.post("/witness/tell")
        assert page.next("witness.event") == {"n": 1}
        assert other.next("witness.event") == {"n": 1}
        assert host.post("/__queue", {"running": 1, "pending": 2}).json() == {
            "exec_info": {"queue_remaining": 3}
        }
        status = page.next("status", lambda data: "sid" not in data)
        assert status["status"]["exec_info"]["queue_remaining"] == 3
        assert host.get("/witness").json()["remaining"] == 3
        assert len(host.get("/queue").json()["queue_running"]) == 1
        host.post("/__queue", {})
        assert next(data.get("sid") for data in page.of("status")) == "page-1"
    paths = [call["path"] for call in host.get("/__calls").json()]
    assert "/witness/tell" in paths


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({}, 200),
        ({"Origin": "null"}, 200),
        ({"Host": "comfy.example", "Origin": "http://evil.example"}, 200),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 200),
        ({"Content-Type": "text/plain"}, 200),
    ],
)
def test_the_hosts_own_guard_is_as_weak_as_comfyuis(
    host: Running, headers: dict[str, str], status: int
) -> None:
    """Each kind of request that a real ComfyUI 0.8.0 was seen to refuse or let through."""
    sent = {"Content-Type": "application/json", **headers}
    assert host.request("POST", "/__queue", data=b"{}", headers=sent).status == status


def test_a_restart_keeps_process_and_port(host: Running, story: Path) -> None:
    """`os.execv` of sys.argv, as Manager and we do it: the same pid answers at the same address again."""
    before, pid = story.read_text().count("imported"), host.process.pid
    with pytest.raises(OSError, match=r".*"):
        host.post("/witness/restart")
    host.wait_for_restart()
    assert story.read_text().count("imported") == before + 1
    assert host.process.pid == pid
    assert "--fail-pack" not in host.get("/witness").json()["argv"], "a pack taken away does not come back"


def test_sys_exit_in_a_pack_ends_the_host_with_its_code(tmp_path: Path) -> None:
    """Only `except Exception` guards the import of packs, in ComfyUI as here."""
    with pytest.raises(HostDied) as died:
        start(STAND_IN, tmp_path / "comfy", "--crash-pack", "deadly", "--without-safe-install")
    assert died.value.code == 3
    with pytest.raises(HostDied) as died:
        start(STAND_IN, tmp_path / "comfy", "--without-safe-install")
    assert died.value.code == 3
    packs = ["--disable-all-custom-nodes", "--whitelist-custom-nodes", "safe-install", "--quick-test-for-ci"]
    with pytest.raises(HostDied) as died:
        start(STAND_IN, tmp_path / "comfy", *packs)
    assert died.value.code == 0


def test_signals_end_it_in_good_order(tmp_path: Path) -> None:
    """SIGTERM and Ctrl-C give exit code 0, also while pages listen; the port is free at once."""
    base = tmp_path / "comfy"
    with start(STAND_IN, base, "--without-system-user-directory") as running, running.events():
        assert (base / "custom_nodes" / "safe-install").is_symlink()
        assert running.stop() == 0
    port = running.url.rsplit(":", 1)[1]
    with start(STAND_IN, base, "--port", port, "--without-safe-install") as running:
        assert running.url.endswith(f":{port}")
        assert "/safe-install" not in running.text_of_log().rsplit("web root", 1)[1]
        assert interrupt(running) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--base"),
        (["--base", "{here}/file"], "is not a folder"),
        (["--base", "{here}/full"], "it is no ComfyUI folder"),
        (["--base", "{here}/new", "--python", "{here}/nowhere"], "there is no interpreter"),
        (["--base", "{here}/new", "--python", "{here}/file"], "cannot be run"),
        (["--base", "{here}/new", "--python", "{here}/old"], "is Python 2.7"),
        (["--base", "{here}/new", "--port", "70000"], "is no port"),
        (["--base", "{here}/new", "--front-end-root", "{here}"], "has no index.html"),
        (["--base", "{here}/new", "--lann"], "unrecognized arguments: --lann"),
    ],
)
def test_bad_arguments_are_said_clearly(tmp_path: Path, arguments: list[str], words: str) -> None:
    """Exit code 2 and a sentence, before anything is made or started."""
    (tmp_path / "file").write_text("")
    _write(tmp_path / "full", {"something": ""})
    _write(tmp_path, {"old": "#!/bin/sh\necho 2 7\n"}).joinpath("old").chmod(0o755)
    given = [argument.format(here=tmp_path) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "devhost", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()
