"""The Registry seen from a page, on a host that runs: looking, and installing as ComfyUI's own manager window asks."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from comfyui_safe_install.tests.kit.installation import differences
from comfyui_safe_install.tests.kit.registry_server import Fault, RegistryServer, pack_files

from .conftest import Scene
from .hosts import Running


@pytest.fixture(scope="module")
def registry(scene: Scene) -> Iterator[RegistryServer]:
    """A Registry with a pack in two versions; the host's settings name it."""
    with RegistryServer() as server:
        server.publish("flux-tools", "1.0.0", pack_files("flux-tools", "1.0.0"))
        large: dict[str, str | bytes] = {
            **pack_files("flux-tools", "1.1.0", "needed"),
            "weights.bin": os.urandom(3 * server.chunk),
        }
        server.publish("flux-tools", "1.1.0", large)
        server.has_nodes("flux-tools", "1.1.0", "FluxLoader")
        server.add_pack("bad-pack", status="NodeStatusBanned")
        scene.here.have("settled", "1.0")
        scene.here.wheel("needed", "1.0")
        scene.here.state.mkdir(parents=True, exist_ok=True)
        (scene.here.state / "settings.toml").write_text(f'[registry]\nurl = "{server.url}"\n')
        yield server


@pytest.mark.usefixtures("registry")
def test_packs_are_found_and_shown(host: Running) -> None:
    """By words or by a node; one with its versions, each judged; what is not there is a 404 with a code."""
    found = host.get("./registry/search?text=flux&limit=5").json()
    assert [(each["id"], each["latest"], each["installed"]) for each in found["packs"]] == [
        ("flux-tools", "1.1.0", "")
    ]
    assert (found["total"], found["page"], found["limit"]) == (1, 1, 5)
    assert host.get("./registry/search?node=FluxLoader").json()["packs"] == found["packs"]
    shown = host.get("./registry/packs/flux-tools").json()
    assert [each["version"] for each in shown["versions"]] == ["1.1.0", "1.0.0"]
    assert shown["versions"][0]["refusals"] == []
    assert host.get("./registry/packs/bad-pack").json()["nightly"]["refusals"][0]["code"] == "registry-banned"
    missing = host.get("./registry/packs/nothing-there")
    assert (missing.status, missing.code) == (404, "registry-pack-not-found")
    for query in ("page=0", "limit=1000", "limit=x", "words=a"):
        assert host.get(f"./registry/search?{query}").status == 400


def test_a_pack_is_installed_as_the_front_end_asks(
    host: Running, scene: Scene, registry: RegistryServer
) -> None:
    """The body ComfyUI's front end sends to Manager; bytes are told, one installation is counted."""
    body = {
        "ui_id": "click",
        "client_id": "page",
        "kind": "install",
        "params": {
            "id": "flux-tools",
            "repository": "https://example.org/flux-tools",
            "channel": "dev",
            "mode": "cache",
            "selected_version": "1.1.0",
            "version": "1.1.0",
        },
    }
    before = scene.here.tree()
    registry.break_down("/archives/.*", Fault.HTML)
    failed = host.job(host.post("./tasks", body))
    assert failed["error"]["code"] == "download-not-an-archive", failed
    assert differences(before, scene.here.tree()) == []
    registry.repair()

    registry.break_down("/archives/.*", Fault.CUT_OFF, times=1)
    with host.events("page") as page:
        job = host.job(host.post("./tasks", body))
        assert job["error"] is None, job["error"]
        page.next("safe_install.job", lambda data: data["job"]["state"] == "done")
    units = [
        data["job"]["progress"]["unit"] for data in page.of("safe_install.job") if data["job"]["progress"]
    ]
    assert "bytes" in units, "a download that goes on is watched"
    assert registry.installs == {"flux-tools@1.1.0": 1}
    assert (scene.here.packs / "flux-tools" / ".tracking").is_file()
    found = host.get("./registry/search?text=flux").json()["packs"]
    assert found[0]["installed"] == "1.1.0"


def test_a_registry_that_is_gone_is_told(host: Running, registry: RegistryServer) -> None:
    """What it said before is shown with its age; else 502 and a hint."""
    registry.break_down(".*", Fault.BUSY_FOR_LONG)
    assert host.get("./registry/search?text=flux&limit=5").status == 200
    answer = host.get("./registry/search?text=other")
    assert (answer.status, answer.code) == (502, "registry-busy")
    assert answer.json()["error"]["hints"]
    registry.repair()
