"""Jobs of a running host: cancelled, cut off, in each other's way; and a host whose packages are broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyui_safe_install.tests.kit.index import HangingIndex
from comfyui_safe_install.tests.kit.installation import Installation, differences
from comfyui_safe_install.tests.kit.waiting import wait_until

from .conftest import NEEDS_ITS_PACKAGES, MakeScene, Scene
from .hosts import REAL, Running, interrupt


@pytest.fixture(scope="module")
def hanging(make_scene: MakeScene, kind: str) -> Iterator[tuple[Scene, HangingIndex]]:
    """A scene whose index never finishes sending a wheel, until it is let go."""
    if kind == REAL:
        pytest.skip(NEEDS_ITS_PACKAGES)
    scene = make_scene(kind)
    scene.here.have("settled", "1.0")  # An empty environment is taken for a broken one.
    # Each is asked for once: the index then holds back its metadata too.
    for name in ("one", "other", "three", "two"):
        scene.here.wheel(name, "1.0")
    with HangingIndex(scene.here.dists) as index:
        yield scene, index
        index.go.set()


@pytest.fixture(scope="module")
def slow_host(hanging: tuple[Scene, HangingIndex]) -> Running:
    """The host on it, shared by the tests of this module in their order."""
    scene, index = hanging
    return scene.start(environment={"UV_DEFAULT_INDEX": index.url})


def install(host: Running, here: Installation, name: str) -> str:
    """The job that installs a pack which wants the wheel that never comes; it is downloading."""
    body = {
        "kind": "install",
        "params": {"source": here.source(name, name.lower())},
        "client_id": "",
        "ui_id": name,
    }
    job: str = host.post("./tasks", body).json()["id"]
    wait_until(lambda: _at(host, job) == "stage", 30)
    return job


def _at(host: Running, job: str) -> str:
    found: dict[str, Any] = host.get(f"./jobs/{job}").json()
    return str(found["stage"]["name"]) if found["stage"] else ""


def test_a_download_is_cancelled_and_leaves_nothing(
    hanging: tuple[Scene, HangingIndex], slow_host: Running
) -> None:
    """At once, with the next job waiting behind it; both are over without a trace."""
    scene, index = hanging
    here, before = scene.here, scene.here.tree()
    job = install(slow_host, here, "One")
    assert index.asked.wait(20)
    behind = slow_host.post(
        "./tasks", {"kind": "sync", "params": {}, "client_id": "", "ui_id": "behind"}
    ).json()["id"]
    status = slow_host.get("./status").json()
    assert status["busy"] is True
    assert [each["state"] for each in status["jobs"]] == ["running", "queued"]
    assert slow_host.post(f"./jobs/{behind}/cancel").json()["state"] == "cancelled"
    assert slow_host.post(f"./jobs/{job}/cancel").json()["state"] in ("cancelling", "cancelled")
    over = slow_host.get(f"./jobs/{job}?wait=20").json()
    assert over["state"] == "cancelled", over
    assert over["error"]["code"] == "cancelled"
    assert slow_host.post(f"./jobs/{job}/cancel").code == "job-ended"
    assert differences(before, here.tree()) == []
    assert here.leftovers() == []


def test_what_another_process_does_is_waited_for_and_then_named(
    hanging: tuple[Scene, HangingIndex], slow_host: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line holds the lock: the job says who it waits for, and can be cancelled meanwhile."""
    scene, index = hanging
    index.asked.clear()
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    process = scene.here.start("install", scene.here.source("Other", "other"), "--yes")
    try:
        assert index.asked.wait(30)
        job = slow_host.post("./snapshots", {}).json()["id"]
        wait_until(lambda: _at(slow_host, job) == "wait", 20)
        waiting = slow_host.get(f"./jobs/{job}").json()
        assert "install Other" in waiting["log"][-1]
        assert waiting["cancellable"] is True
        assert slow_host.post(f"./jobs/{job}/cancel").status == 200
        over = slow_host.get(f"./jobs/{job}?wait=20").json()
        assert over["state"] == "cancelled", over
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_ctrl_c_ends_the_host_at_once_and_puts_everything_back_first(
    hanging: tuple[Scene, HangingIndex], slow_host: Running
) -> None:
    """The job is cancelled on the way out, and known as such at the next start."""
    scene, _ = hanging
    here, before = scene.here, scene.here.tree()
    job = install(slow_host, here, "Three")
    interrupt(slow_host)
    assert differences(before, here.tree()) == []
    assert here.leftovers() == []
    kept = json.loads((here.state / "jobs" / f"{job}.json").read_text(encoding="utf-8"))
    assert kept["job"]["state"] == "cancelled", kept


def test_a_killed_host_finds_its_job_interrupted_and_everything_as_before(
    hanging: tuple[Scene, HangingIndex],
) -> None:
    """kill -9 in the middle of a download: the next start heals, and the job says what became of it."""
    scene, index = hanging
    here, before = scene.here, scene.here.tree()
    host = scene.start(environment={"UV_DEFAULT_INDEX": index.url})
    index.asked.clear()
    job = install(host, here, "Two")
    assert index.asked.wait(30)
    waits = host.post("./snapshots", {}).json()["id"]
    host.kill()
    again = scene.start(environment={"UV_DEFAULT_INDEX": index.url})
    found = again.get(f"./jobs/{job}").json()
    assert found["state"] == "interrupted"
    assert found["error"]["code"] == "interrupted"
    assert found["result"]["outcome"] == "rolled-back", found
    assert found["transaction_id"]
    assert again.get(f"./jobs/{waits}").json()["result"]["outcome"] == "nothing"
    assert again.get("./status").json()["unfinished"] == []
    assert differences(before, here.tree()) == []
    index.go.set()
    body = {
        "kind": "install",
        "params": {"source": here.source("Two", "two")},
        "client_id": "",
        "ui_id": "2",
    }
    done = again.job(again.post("./tasks", body))
    assert done["state"] == "done", done
    again.stop()


def test_a_host_with_broken_packages_starts_and_says_what_to_do(make_scene: MakeScene, kind: str) -> None:
    """pydantic cannot be imported: the page is there, our routes answer 503, and a repaired package is taken up."""
    if kind == REAL:
        pytest.skip("it would break the packages the real host itself runs on")
    scene = make_scene(kind)
    broken = scene.here.venv.site_packages / "pydantic"
    broken.mkdir()
    (broken / "__init__.py").write_text("from .nowhere import BaseModel\n")
    host = scene.start()
    answer = host.get("./status")
    assert (answer.status, answer.code) == (503, "packages-broken"), answer.text
    hints = [hint["code"] for hint in answer.json()["error"]["hints"]]
    assert hints == ["roll-back", "reinstall"]
    assert host.post("/prompt", {}).status != 503
    assert "cannot answer" in Path(host.log).read_text(encoding="utf-8")
    (broken / "__init__.py").unlink()
    broken.rmdir()
    assert host.get("./status").status == 200
