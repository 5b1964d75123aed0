"""A host that runs, and packs that come and go while it does: what a user sees in a page, step by step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from .ground import Ground, lay_ground, wait_until

pytestmark = pytest.mark.slow

EVENT = "safe_install.job"
STAGES = ["fetch", "solve", "stage", "trial", "snapshot", "swap", "verify"]


@pytest.fixture(scope="module")
def ground(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One host for all of this, running; a test takes back what it did, or the next one says what it needs."""
    with lay_ground(kind, tmp_path_factory.mktemp("show")) as made:
        made.wheel("show-lib", "1.0")
        made.wheel("show-lib", "2.0", requires=["show-dep"])
        made.wheel("show-dep", "0.5")
        made.start()
        yield made


def course(events: list[dict[str, Any]], identifier: str) -> list[str]:
    """What a page heard of one job, each thing once: its states and, while it ran, its stages."""
    heard: list[str] = []
    for event in events:
        job = event["job"]
        if job["id"] == identifier:
            running = job["state"] == "running" and job["stage"]
            word = job["stage"]["name"] if running else job["state"]
            if not heard or heard[-1] != word:
                heard.append(word)
    return heard


def test_a_cold_start_has_our_routes_and_no_complaint(ground: Ground) -> None:
    """The first start with our pack answers status at once, lists the pack as loaded, and logs no error."""
    status = ground.host.get("./status").json()
    packs = {pack["name"]: pack for pack in ground.host.get("./packs").json()["packs"]}
    log = ground.host.text_of_log()
    assert (status["busy"], status["restart"], status["unfinished"]) == (False, "none", [])
    assert packs["safe-install.v1"]["loaded"]
    assert "IMPORT FAILED" not in log
    assert "Safe Install" not in log


def test_an_install_while_the_server_runs(ground: Ground) -> None:
    """A pack with new dependencies is installed; who asked hears every stage in order, others the outline."""
    source = ground.pack("show-pack", "show-lib", node="ShowNode", uses="show_lib")
    with ground.events("asks") as asks, ground.events("other") as other:
        job = ground.host.job(ground.install(source, "asks"))
        assert job["state"] == "done", job
        asks.next(EVENT, lambda data: data["job"]["state"] == "done")
        other.next(EVENT, lambda data: data["job"]["state"] == "done")
    for heard in (asks.of(EVENT), other.of(EVENT)):
        assert course(heard, job["id"]) == ["queued", "running", *STAGES, "done"]
    assert any("show_lib: ok" in line for data in asks.of(EVENT) for line in data["job"].get("new_log", []))
    assert not any("log" in data["job"] or "new_log" in data["job"] for data in other.of(EVENT))
    assert ground.versions().items() >= {"show-lib": "2.0", "show-dep": "0.5"}.items()
    assert (ground.packs / "show-pack" / "__init__.py").is_file()
    assert "ShowNode" not in ground.nodes()
    assert ground.host.get("./status").json()["restart"] == job["restart"]


def test_a_restart_loads_it(ground: Ground) -> None:
    """Asked to restart, the host is back in the same process, and the pack's node is there with its library."""
    before = ground.host.process.pid
    answer = ground.host.post("./restart")
    assert answer.status == 202, answer.text
    ground.host.wait_for_restart()
    assert ground.host.process.pid == before
    assert "ShowNode" in ground.nodes()
    packs = {pack["name"]: pack for pack in ground.host.get("./packs").json()["packs"]}
    assert packs["show-pack"]["node_types"] == ["ShowNode"]
    assert ground.host.get("./status").json()["restart"] == "none"


def test_a_rollback_takes_it_away(ground: Ground) -> None:
    """Rolled back by HTTP, its libraries are gone; after a restart its node is gone too."""
    job = ground.roll_back()
    assert not (ground.packs / "show-pack").exists()
    assert ground.versions().keys().isdisjoint({"show-lib", "show-dep"})
    assert job["restart"] == "restart"
    assert ground.host.post("./restart").status == 202
    ground.host.wait_for_restart()
    assert "ShowNode" not in ground.nodes()


def test_a_cancel_leaves_everything_as_it_was(ground: Ground) -> None:
    """Cancelled while a wheel comes in, the job ends as cancelled and no file is different."""
    wheel = ground.wheel("show-slow", "1.0")
    before = ground.picture()
    with ground.index.hold(wheel):
        accepted = ground.install(ground.pack("slow-pack", "show-slow"))
        assert ground.index.asked.wait(60)
        asked = ground.host.post(f"./jobs/{accepted.json()['id']}/cancel")
        job = ground.host.job(accepted)
    assert (asked.status, asked.json()["state"]) == (200, "cancelling")
    assert (job["state"], job["error"]["code"]) == ("cancelled", "cancelled"), job
    assert ground.picture() == before
    assert ground.host.post(f"./jobs/{job['id']}/cancel").code == "job-ended"


def test_a_conflict_needs_a_yes(ground: Ground) -> None:
    """A pack at whose cost another's line breaks is refused with the plan that says so, and taken once agreed to."""
    first, second = ground.pack("old-pack", "show-lib<2"), ground.pack("new-pack", "show-lib>=2")
    ground.have(first)
    assert ground.versions()["show-lib"] == "1.0"
    before = ground.picture()
    refused = ground.host.job(ground.install(second))
    assert (refused["state"], refused["error"]["code"]) == ("refused", "consent-needed")
    assert ground.picture() == before
    context = refused["error"]["context"]
    plan = ground.host.get(f"./plan/{context['plan_id']}").json()
    (decision,) = plan["change"]["decisions"]
    assert plan["fingerprint"] == context["fingerprint"]
    assert (decision["package"], decision["chosen"]) == ("show-lib", "2.0")
    assert decision["violates"] == [{"pack": "old-pack", "requirement": "show-lib<2"}]

    wrong = ground.host.job(ground.install(second, agree="0" * 64))
    assert wrong["error"]["code"] == "consent-needed"
    ground.have(second, agree=context["fingerprint"])
    assert ground.versions()["show-lib"] == "2.0"
    ground.roll_back()
    assert ground.picture() == before
    ground.roll_back()


def test_fifty_pages_read_while_an_install_runs(ground: Ground) -> None:
    """Fifty clients at once are answered, each time, while a job waits, runs and ends."""
    wheel = ground.wheel("show-wide", "1.0")
    paths = ("./status", "./packs", "./jobs", "./snapshots", "./transactions")
    stop = threading.Event()
    answers: list[tuple[str, int]] = []

    def read(number: int) -> None:
        turn = number
        while not stop.wait(0.2):
            path = paths[turn % len(paths)]
            answers.append((path, ground.host.get(path).status))
            turn += 1

    threads = [threading.Thread(target=read, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    try:
        with ground.index.hold(wheel):
            accepted = ground.install(ground.pack("wide-pack", "show-wide"))
            assert ground.index.asked.wait(60)
            begun = len(answers)
            wait_until(lambda: len(answers) > begun + 200, "nobody is answered while the job runs")
        job = ground.host.job(accepted)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert job["state"] == "done", job
    assert {status for _, status in answers} == {200}, answers
    ground.roll_back()
