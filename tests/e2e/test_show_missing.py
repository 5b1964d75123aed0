"""A workflow that lacks packs, on a host that runs: asked over HTTP, installed as one change, taken back as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from comfyui_safe_install.tests.kit.registry_server import RegistryServer, pack_files
from comfyui_safe_install.tests.kit.repositories import make_repository
from comfyui_safe_install.tests.kit.workflows import Json, node, queued, saved

from .ground import NODE, Ground, lay_ground

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def registry() -> Iterator[RegistryServer]:
    """A registry with one pack, whose node it knows."""
    with RegistryServer() as server:
        files = {**pack_files("by-id", "1.0.0", "lib-id"), "__init__.py": _code("Identified")}
        server.publish("by-id", "1.0.0", files)
        server.has_nodes("by-id", "1.0.0", "Identified")
        yield server


@pytest.fixture(scope="module")
def ground(kind: str, registry: RegistryServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A host with a pack that cannot be loaded, one that lies disabled, and what the missing ones require."""
    root = tmp_path_factory.mktemp("missing")
    settings = f'[registry]\nurl = "{registry.url}"\n[security]\nallow_git_url_install = true\n'
    with lay_ground(kind, root, settings=settings) as made:
        for name, type_name in (("o/by-aux", "Auxiliary"), ("m/by-map", "Mapped")):
            requirement = f"lib-{name[-3:]}"
            make_repository(
                root / "github" / name,
                {"__init__.py": _code(type_name), "requirements.txt": f"{requirement}\n"},
            )
            made.wheel(requirement, "1.0")
        made.wheel("lib-id", "1.0")
        made.variables["GITHUB_ENDPOINT"] = f"git+{(root / 'github').as_uri()}"
        for name, code in (("broken", "raise ImportError\n"), ("sleeper.disabled", _code("Asleep"))):
            (made.packs / name).mkdir()
            (made.packs / name / "__init__.py").write_text(code)
        cache = made.base / "user" / "__manager" / "cache"
        cache.mkdir(parents=True)
        listed = {"https://github.com/m/by-map": [["Mapped"], {"title_aux": "By map"}]}
        (cache / "1_extension-node-map.json").write_text(json.dumps(listed))
        made.start()
        yield made


def _code(name: str) -> str:
    return f"{NODE.format(name=name, value='1')}\nNODE_CLASS_MAPPINGS = {{{name!r}: {name}}}\n"


WORKFLOW = saved(
    node("KSampler", cnr_id="comfy-core", ver="0.3.64"),
    node("Identified", cnr_id="by-id", ver="1.0.0"),
    node("Auxiliary", aux_id="o/by-aux", ver="00ff"),
    node("Mapped"),
    node("Asleep", cnr_id="sleeper"),
    node("Broken", cnr_id="broken"),
    node("Nobody"),
    node("Note"),
)


def ask(ground: Ground, workflow: Json, **more: Any) -> Any:
    """The answer to POST workflow/missing."""
    reply = ground.host.post("./workflow/missing", {"workflow": workflow, **more} if more else workflow)
    assert reply.status == 200, reply.text
    return reply.json()


def states(answer: Any) -> dict[str, str]:
    """{type: state}."""
    return {each["name"]: each["state"] for each in answer["types"]}


def test_what_is_missing_and_why(ground: Ground) -> None:
    """The host's own word on its nodes, and for each that is missing what would bring it, or why nothing can."""
    answer = ask(ground, WORKFLOW)
    assert answer["exact"]
    assert states(answer) == {
        "KSampler": "present",
        **dict.fromkeys(("Identified", "Auxiliary", "Mapped"), "install"),
        "Asleep": "enable",
        "Broken": "failed",
        "Nobody": "unknown",
    }
    assert {each["code"] for each in answer["findings"]} >= {"pack-import-failed", "node-type-unknown"}
    assert states(ask(ground, queued("KSampler", "Mapped"))) == {"KSampler": "present", "Mapped": "install"}


def test_what_is_no_workflow_is_refused(ground: Ground) -> None:
    """With a code and a hint, and as fast as anything else."""
    bodies: list[Json] = [{"workflow": {}}, {"nodes": 5}, {"workflow": WORKFLOW, "choose": {"KSampler": "x"}}]
    for body in bodies:
        reply = ground.host.post("./workflow/missing", body)
        assert reply.status == 400, reply.text
        assert reply.code in ("workflow-unreadable", "request-invalid", "choice-unknown")


def test_all_of_it_is_one_change(ground: Ground, registry: RegistryServer) -> None:
    """The tasks of the answer, sent back as they are: one transaction, nodes after a restart, one way back."""
    before, versions = ground.picture(), ground.versions()
    answer = ask(ground, WORKFLOW)
    job = ground.host.job(ground.host.post("./tasks", {"tasks": answer["tasks"]}))
    assert job["state"] == "done", (job["error"], job["log"][-20:])
    assert ground.versions() == {**versions, "lib-id": "1.0", "lib-aux": "1.0", "lib-map": "1.0"}
    assert sum(registry.installs.values()) == 1

    ground.host.post("./restart")
    ground.host.wait_for_restart()
    assert ground.nodes() >= {"Identified", "Auxiliary", "Mapped", "Asleep"}
    after = ask(ground, WORKFLOW)
    assert [each["name"] for each in after["types"] if each["missing"]] == ["Broken", "Nobody"]
    assert after["tasks"] == []

    ground.roll_back()
    assert ground.versions() == versions
    now = ground.picture()
    assert {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)} == set()
