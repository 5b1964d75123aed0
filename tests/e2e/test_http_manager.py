"""Callers of ComfyUI-Manager's API who change only the path, on a host that runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from comfyui_safe_install.tests.kit.installation import Installation, differences
from comfyui_safe_install.tests.kit.registry_server import RegistryServer, pack_files

from .conftest import MakeScene
from .hosts import Running

INSTALL = {
    "id": "flux-tools",
    "repository": "https://example.invalid/a/flux-tools",
    "channel": "dev",
    "mode": "cache",
    "selected_version": "1.0.0",
    "version": "1.0.0",
}
"""What ComfyUI's front end sends."""


@dataclass(frozen=True)
class Beside:
    """A host that runs, and what it manages."""

    here: Installation
    host: Running

    def ask(self, body: dict[str, Any], state: str = "done") -> dict[str, Any]:
        """The job a body of tasks comes to."""
        job = self.host.job(self.host.post("./tasks", body))
        if job["state"] == "refused" and job["error"]["code"] == "consent-needed":
            agreed = job["error"]["context"]["fingerprint"]
            job = self.host.job(self.host.post("./tasks", {**body, "agree": agreed}))
        assert job["state"] == state, (job["error"], job["log"])
        return dict(job)


@pytest.fixture(scope="module")
def beside(make_scene: MakeScene, kind: str) -> Iterator[Beside]:
    """One host for all, whose Registry has a pack in two versions."""
    scene = make_scene(kind)
    scene.here.have("base", "1.0")
    scene.here.wheel("needed", "1.0")
    with RegistryServer() as registry:
        for version in ("1.0.0", "1.1.0"):
            registry.publish("flux-tools", version, pack_files("flux-tools", version, "needed"))
        yield Beside(here=scene.here, host=scene.start(environment={"SAFE_INSTALL_REGISTRY": registry.url}))


def item(kind: str, ui_id: str, **params: Any) -> dict[str, Any]:
    """A QueueTaskItem."""
    return {"ui_id": ui_id, "client_id": "page", "kind": kind, "params": params}


def test_a_task_of_managers_queue_is_done_and_told_in_its_shapes(beside: Beside) -> None:
    """The very body the front end sends; an unknown channel is refused and never falls through."""
    here, host = beside.here, beside.host
    before = here.tree()
    wrong = host.post("./tasks", item("install", "x", **{**INSTALL, "channel": "somewhere"}))
    assert (wrong.status, wrong.code) == (400, "request-invalid")
    assert host.post("./tasks", item("update-comfyui", "x", is_stable=True)).code == "not-our-job"
    job = beside.ask(item("install", "click-1", **INSTALL))
    assert here.versions()["needed"] == "1.0"
    assert (here.packs / "flux-tools" / ".tracking").is_file()
    status = host.get("./manager/queue/status?client_id=page").json()
    assert (status["is_processing"], status["done_count"], status["client_id"]) == (False, 1, "page")
    told = host.get("./manager/queue/history?ui_id=click-1").json()["history"]["click-1"]
    assert (told["result"], told["kind"], told["batch_id"]) == ("success", "install", job["id"])
    assert told["status"] == {"status_str": "success", "completed": True, "messages": ["Done."]}
    beside.ask(item("rollback", "click-2"))
    assert differences(before, here.tree()) == []


def test_several_tasks_and_a_legacy_batch_are_one_change_each(beside: Beside) -> None:
    """Disabled where Manager would look for it, brought back by its snapshot, and gone without a trace."""
    here, host = beside.here, beside.host
    before = here.tree()
    beside.ask(item("install", "1", **INSTALL))
    beside.ask({"tasks": [item("fix", "2", node_name="flux-tools", node_ver="1.0.0")]})
    batch = {
        "disable": [{"id": "flux-tools", "version": "1.0.0", "title": "Flux", "stars": 3}],
        "batch_id": "b",
    }
    assert beside.ask(batch)["operation"] == "disable flux-tools"
    assert (here.packs / ".disabled" / "flux-tools@1_0_0").is_dir()
    snapshot = {
        "comfyui": None,
        "cnr_custom_nodes": {"flux-tools": "1.0.0"},
        "git_custom_nodes": {},
        "pips": {"a==1": ""},
    }
    answer = host.post("./manager/snapshot", {"snapshot": snapshot})
    assert "pip packages" in answer.json()["left_out"][0]
    assert host.job(answer)["state"] == "done"
    assert (here.packs / "flux-tools" / "pyproject.toml").is_file()
    snapshot["cnr_custom_nodes"] = {"flux-tools": "1.1.0"}
    assert (
        host.job(host.post("./manager/snapshot", {"snapshot": snapshot}))["operation"] == "update flux-tools"
    )
    assert 'version = "1.1.0"' in (here.packs / "flux-tools" / "pyproject.toml").read_text()
    assert host.post("./manager/snapshot", {"snapshot": snapshot}).json()["id"] == ""
    assert host.post("./manager/snapshot", {"snapshot": {}}).code == "manager-snapshot-not-understood"
    beside.ask({"uninstall": [{"id": "flux-tools", "version": "1.1.0"}]})
    (here.packs / ".disabled").rmdir()  # It stays, empty, as Manager leaves it.
    assert differences(before, here.tree()) == []
