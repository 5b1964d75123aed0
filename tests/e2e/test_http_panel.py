"""What a panel asks beside its work: who else is at work, what is allowed, what waits, what belongs to what."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .conftest import NEEDS_ITS_PACKAGES, Scene
from .hosts import REAL, Running

TESTS = Path(__file__).parents[1]
_HOLDER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from kit.package import register_package
register_package()
from comfyui_safe_install.resolver.transaction.locks.lockfile import OwnerLock, area_lock_path, lock_path
with OwnerLock({which}(Path({folder!r})), "install Other"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module", autouse=True)
def packages(scene: Scene) -> None:
    """There is something to take a snapshot of, and something to bring."""
    if scene.kind == REAL:
        pytest.skip(NEEDS_ITS_PACKAGES)
    scene.here.have("settled", "1.0")
    scene.here.wheel("fresh", "1.0")


@contextmanager
def held_by_another(which: str, folder: Path) -> Iterator[int]:
    """Another process holds that lock; its number."""
    code = textwrap.dedent(_HOLDER).format(tests=str(TESTS), which=which, folder=str(folder))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.close()


def task(kind: str, params: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One task, as it is sent."""
    return {"ui_id": "1", "client_id": "page", "kind": kind, "params": params, **more}


def status(host: Running) -> dict[str, Any]:
    """How things stand; nothing of it could not be told."""
    found: dict[str, Any] = host.get("./status").json()
    assert found["trouble"] == []
    return found


def install(scene: Scene, host: Running, name: str, **more: Any) -> dict[str, Any]:
    """The job that installed a new pack."""
    job = host.job(
        host.post("./tasks", task("install", {"source": scene.here.source(name, "fresh")}, **more))
    )
    assert job["state"] == "done", job
    return job


def test_who_else_is_at_work_is_told(scene: Scene, host: Running) -> None:
    """In our state folder, and in what another ComfyUI with this Python shares with us; never this one itself."""
    assert status(host)["owner"] is None
    places = (("lock_path", scene.here.state), ("area_lock_path", scene.here.area))
    for which, folder in places:
        folder.mkdir(parents=True, exist_ok=True)
        with held_by_another(which, folder) as pid:
            owner = status(host)["owner"]
            assert (owner["pid"], owner["operation"]) == (pid, "install Other")
            assert owner["since"].startswith("20")
        assert status(host)["owner"] is None
    with host.events("page") as page:
        host.job(host.post("./snapshots", {"label": "while it works"}))
        page.next("safe_install.job", lambda data: data["job"]["state"] == "done")
    assert status(host)["owner"] is None


def test_what_is_not_allowed_here_is_told_beforehand(scene: Scene, host: Running) -> None:
    """By the codes of what may be asked for; what is refused then says the same."""
    settings = scene.here.state / "settings.toml"
    permits = status(host)["permits"]
    assert list(permits) == ["install-git"]
    assert "allow_git_url_install is false" in permits["install-git"]
    asked = host.post("./tasks", task("install", {"source": "git+https://example.invalid/a/b"}))
    assert asked.code == "git-url-not-allowed"
    assert status(host)["registry_offline"] is False
    settings.write_text('[security]\nsecurity_level = "strong"\n[registry]\noffline = true\n')
    try:
        found = status(host)
        assert found["permits"].keys() >= {
            *("install", "install-git", "install-local", "update", "fix", "enable", "disable", "uninstall"),
            *("roll-back", "sync", "repair", "change-snapshot", "restart", "cancel-waiting"),
        }
        assert "take-snapshot" not in found["permits"]
        assert found["registry_offline"] is True
        settings.write_text("[security]\nsecurity_level = 1\n")
        wrong = host.get("./status").json()
        assert {each["code"] for each in wrong["trouble"]} == {"settings-invalid"}
    finally:
        settings.unlink()


def test_a_change_and_the_snapshot_before_it_know_each_other(scene: Scene, host: Running) -> None:
    """Until the snapshot goes; pages hear that it did, and that it was given a name."""
    job = install(scene, host, "Known")
    identifier, snapshot = job["transaction_id"], job["result"]["applied"]["snapshot"]
    listed = {each["id"]: each for each in host.get("./snapshots").json()["snapshots"]}
    assert listed[snapshot]["transaction"] == identifier
    assert host.get(f"./snapshots/{snapshot}").json()["transaction"] == identifier
    assert host.get("./transactions?limit=1").json()["transactions"][0]["snapshot"] == snapshot
    assert host.get(f"./transactions/{identifier}").json()["snapshot"] == snapshot
    by_hand = host.job(host.post("./snapshots", {"label": "mine"}))["result"]["snapshot"]
    name = by_hand if isinstance(by_hand, str) else by_hand["id"]
    assert host.get(f"./snapshots/{name}").json()["transaction"] == ""
    with host.events("another-page") as page:
        host.patch(f"./snapshots/{snapshot}", {"pinned": True})
        assert page.next("safe_install.changed") == {"what": "snapshots"}
        host.patch(f"./snapshots/{snapshot}", {"label": "", "pinned": False})
        assert page.next("safe_install.changed") == {"what": "snapshots"}
        assert host.delete(f"./snapshots/{name}").status == 200
        assert page.next("safe_install.changed") == {"what": "snapshots"}
    first = host.get("./transactions?limit=1&offset=0").json()
    assert first["pagination"]["total"] >= 1
    (scene.here.state / "snapshots" / f"{snapshot}.json").rename(scene.here.state / "moved.json")
    try:
        assert host.get(f"./transactions/{identifier}").json()["snapshot"] == ""
    finally:
        (scene.here.state / "moved.json").rename(scene.here.state / "snapshots" / f"{snapshot}.json")


def test_a_snapshot_is_exported_as_the_command_line_does(scene: Scene, host: Running) -> None:
    """As a file to be saved, which can be imported."""
    job = host.job(host.post("./snapshots", {"label": "to share"}))
    (found,) = [each for each in host.get("./snapshots").json()["snapshots"] if each["label"] == "to share"]
    answer = host.get(f"./snapshots/{found['id']}/export")
    assert (job["state"], answer.status) == ("done", 200)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["content-disposition"] == f'attachment; filename="safe-install-{found["id"]}.json"'
    file = scene.here.root / "shared.json"
    scene.here.run("snapshot", "export", found["id"], str(file))
    assert answer.json() == json.loads(file.read_text())
    assert host.get("./snapshots/none/export").code == "snapshot-not-found"


def test_what_waits_for_the_next_start_is_given_up(scene: Scene, host: Running) -> None:
    """By its whole id alone; pages hear of it, and the answer is how things stand then."""
    job = install(scene, host, "Later", at_next_start=True)
    (waiting,) = status(host)["waiting"]
    assert waiting["id"] == job["transaction_id"]
    assert host.post(f"./waiting/{waiting['id'][:8]}/cancel").code == "deferred-not-found"
    with host.events("another-page") as page:
        answer = host.post(f"./waiting/{waiting['id']}/cancel")
        assert page.next("safe_install.changed") == {"what": "waiting"}
    assert answer.status == 200, answer.text
    assert answer.json()["waiting"] == []
    assert host.get(f"./transactions/{waiting['id']}").json()["state"] == "rolled-back"
    assert not (scene.here.packs / "Later").exists()
    again = host.post(f"./waiting/{waiting['id']}/cancel")
    assert (again.status, again.code) == (404, "deferred-not-found")
    assert again.json()["error"]["hints"]


def test_every_page_hears_of_a_job_that_another_one_asked_for(scene: Scene, host: Running) -> None:
    """That it began, and how it ended."""
    with host.events("another-page") as page:
        job = install(scene, host, "Heard")
        ended = page.next("safe_install.job", lambda data: data["job"]["state"] == "done")
    assert ended["job"]["id"] == job["id"]
