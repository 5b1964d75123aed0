"""The stand-in does what ComfyUI does, where a pack or the panel could tell.

The first half runs on a real ComfyUI too when SAFE_INSTALL_COMFYUI names one, so that it is ComfyUI that says
what is right.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.venvs import make_venv

from .hosts import COMFYUI, COMFYUI_ARGUMENTS, REAL, STAND_IN, Running, start
from .witness import NODE, write, write_packs


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, kind: str) -> Path:
    """A ComfyUI folder with packs that tell what they see, one for each kind of host."""
    base = tmp_path_factory.mktemp("devhost") / "comfy"
    write_packs(base / "custom_nodes")
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
def host(kind: str, base: Path, story: Path, python: Path) -> Iterator[Running]:
    """A host on it; the stand-in runs in the bare environment, and has a pack that was asked for to fail."""
    bad = ["--fail-pack", "bad"] if kind == STAND_IN else []
    with start(kind, base, *bad, python=python, environment={"WITNESS": str(story)}) as running:
        yield running


@pytest.fixture
def stand_in(host: Running) -> Running:
    """The same, for what only the stand-in can do."""
    if host.kind != STAND_IN:
        pytest.skip("of the stand-in alone")
    return host


def test_packs_are_run_in_the_hosts_order(host: Running, story: Path, base: Path) -> None:
    """Prestartup comes before the host's modules exist, the import after; what is disabled is left alone."""
    has_manager = host.kind == REAL and "--enable-manager" in os.environ.get(COMFYUI_ARGUMENTS, "")
    early = ["aiohttp"] if has_manager else []  # Manager is imported before any pack's prestartup script.
    assert story.read_text().splitlines()[:3] == [
        "prestartup",
        f"prestartup sees {early} 127.0.0.1 False",
        "imported",
    ]
    log = host.text_of_log()
    assert log.index("Prestartup times") < log.index("Import times") < log.index("To see the GUI")
    assert "asleep" not in log
    packs = base / "custom_nodes"
    assert f"(IMPORT FAILED): {packs / 'broken'}" in log
    assert f"(IMPORT FAILED): {packs / 'empty'}" in log
    assert f" seconds: {packs / 'wit.ness'}" in log


def test_it_listens_and_says_so_in_one_line(stand_in: Running, base: Path, python: Path) -> None:
    """Nothing else is on stdout; it runs in the interpreter it was told, and asked for a pack to fail, has one."""
    seen = stand_in.get("/witness").json()
    assert (seen["cwd"], seen["python"]) == (str(base), str(python))
    assert stand_in.lines.qsize() == 0
    assert f"(IMPORT FAILED): {base / 'custom_nodes' / 'bad'}" in stand_in.text_of_log()


def test_a_pack_finds_itself_and_the_host_as_in_comfyui(host: Running, base: Path, python: Path) -> None:
    """Names of modules, places, working folder and interpreter are those a real host gives."""
    seen = host.get("/witness").json()
    folder = str(base / "custom_nodes" / "wit.ness")
    assert (seen["name"], seen["package"]) == (folder.replace(".", "_x_"),) * 2
    comfyui = base if host.kind == STAND_IN else Path(os.environ[COMFYUI])
    assert (seen["folder_paths"], seen["nodes"]) == (
        str(comfyui / "folder_paths.py"),
        str(comfyui / "nodes.py"),
    )
    assert seen["base"] == str(base)
    assert seen["system"] == str(base / "user" / "__safe_install")
    assert seen["loop"] is True
    assert set(seen["modules"]) == {
        "comfy.cli_args",
        "comfy_api.feature_flags",
        "comfyui_version",
        "app.logger",
    }
    assert seen["loaded"]["wit.ness"] == folder
    assert str(base / "custom_nodes" / "single") in seen["loaded"]
    assert f":{seen['port']}" in host.url


def test_routes_are_served_twice_and_none_can_be_added_later(host: Running, base: Path) -> None:
    """A pack's route answers plain and below /api; after the start the router is frozen and the table is copied."""
    assert host.get("/witness").json()["path"] == "/witness"
    assert host.get("/api/witness").json()["path"] == "/api/witness"
    new = write(base.parent / "late", {"__init__.py": NODE + 'NODE_CLASS_MAPPINGS = {"Late": Node}\n'})
    write(new, {"js/late.js": "//"})
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


SINCE_0_3_64 = ("global_subgraphs", "jobs?limit=200")
"""What that version of ComfyUI did not answer yet."""


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
        status = host.get(f"/api/{path}").status
        is_old = host.kind == REAL and path in SINCE_0_3_64
        assert status == 200 or (is_old and status == 404), path
    assert "broken" in host.get("/internal/logs").json()
    assert host.get("/api/internal/logs").status == 404, "sub-applications are not doubled"
    jobs = host.get("/api/jobs?limit=200")
    assert jobs.status == 404 or jobs.json()["pagination"]["limit"] == 200


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


def test_prompts_can_seem_to_run(stand_in: Running) -> None:
    """`/__queue` makes the queue what a test needs, and pages are told; `/__calls` has what was asked."""
    host = stand_in
    with host.events("page-1") as page:
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
    assert {"/witness", "/__queue"} <= set(paths)


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
    assert host.request("POST", "/witness/tell", data=b"{}", headers=sent).status == status


def test_a_restart_keeps_process_and_port(host: Running, story: Path) -> None:
    """`os.execv` of sys.argv, as Manager and we do it: the same pid answers at the same address again."""
    before, pid = story.read_text().count("imported"), host.process.pid
    with pytest.raises(OSError, match=r".*"):
        host.post("/witness/restart")
    host.wait_for_restart()
    assert story.read_text().count("imported") == before + 1
    assert host.process.pid == pid
    assert "--fail-pack" not in host.get("/witness").json()["argv"], "a pack taken away does not come back"
