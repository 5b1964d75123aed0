"""What a client of the routes sees, on a host that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from comfyui_safe_install.server_routes import wire
from comfyui_safe_install.server_routes.table import ROUTES
from comfyui_safe_install.tests.kit.installation import differences

from .conftest import NEEDS_ITS_PACKAGES, Scene
from .hosts import REAL, Running
from .talking import PREFIX, Reply


@pytest.fixture(scope="module")
def packages(scene: Scene) -> Scene:
    """The index has what the packs of this module want; one of it is installed."""
    if scene.kind == REAL:
        pytest.skip(NEEDS_ITS_PACKAGES)
    here = scene.here
    here.have("settled", "1.0")
    here.wheel("settled", "2.0")
    here.wheel("fresh", "1.0", requires=["deep"])
    here.wheel("deep", "1.0", files={"deep/__init__.py": "", "deep/big.bin": bytes(range(256)) * 8000})
    return scene


def ask(kind: str, params: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The body of one task."""
    return {"ui_id": "click-1", "client_id": "page-1", "kind": kind, "params": params, **more}


def go_back(host: Running, before: dict[str, Any], scene: Scene, **more: Any) -> dict[str, Any]:
    """Take the last change back, with the yes that takes; everything is as it was then."""
    refused = host.job(host.post("./tasks", ask("rollback", {})))
    assert refused["error"]["code"] == "consent-needed", refused
    job = host.job(
        host.post("./tasks", ask("rollback", {}, agree=refused["error"]["context"]["fingerprint"], **more))
    )
    assert job["state"] == "done", job
    assert differences(before, scene.here.tree()) == []
    return job


def test_an_install_tells_its_stages_in_order_and_is_rolled_back(packages: Scene, host: Running) -> None:
    """Queued, running through its stages, done; and the way back leaves what was before."""
    here = packages.here
    before = here.tree()
    with host.events("page-1") as page:
        accepted = host.post("./tasks", ask("install", {"source": here.source("Nice", "fresh")}))
        job = host.job(accepted)
        page.next("safe_install.job", lambda data: data["job"]["state"] == "done")
    assert accepted.json()["job"]["state"] in ("queued", "running")
    assert job["state"] == "done", job
    assert job["operation"] == "install Nice"
    assert job["restart"] in ("none", "reload", "restart")
    assert job["status"]["status_str"] == "success"
    assert job["result"]["applied"]["transaction"] == job["transaction_id"]
    assert here.versions().items() >= {"fresh": "1.0", "deep": "1.0"}.items()
    mine = [data["job"] for data in page.of("safe_install.job") if "new_log" in data["job"]]
    stages = [each["stage"]["name"] if each["stage"] else each["state"] for each in mine]
    expected = ["queued", "running", "fetch", "solve", "stage", "trial", "snapshot", "swap", "verify"]
    assert [each for each in dict.fromkeys(stages) if each in expected] == expected
    swapped = [each["cancellable"] for each in mine if each["stage"] and each["stage"]["name"] == "swap"]
    assert not any(swapped)
    # The index tells no sizes.
    arrived = [each["progress"] for each in mine if each["progress"] and each["stage"]["name"] == "stage"]
    assert arrived[-1] == {"done": 2, "total": 2, "unit": "packages", "under_way": 0}
    history = host.get("./transactions?limit=1").json()
    assert history["transactions"][0]["id"] == job["transaction_id"]
    assert host.get(f"./transactions/{job['transaction_id']}").json()["state"] == "committed"
    packs = {each["name"]: each for each in host.get("./packs").json()["packs"]}
    assert packs["Nice"]["loaded"] is False
    why = host.get("./why/deep").json()
    assert [wish["pack"] for wish in why["wishes"]] == ["fresh==1.0"]
    go_back(host, before, packages)


def test_a_plan_is_shown_applied_as_shown_and_refused_once_it_is_another(
    packages: Scene, host: Running
) -> None:
    """Planning changes nothing; `apply` takes the plan by its id, and not what became of it meanwhile."""
    here = packages.here
    before = here.tree()
    source = here.source("Planned", "fresh")
    planned = host.job(host.post("./plan", ask("install", {"source": source})))
    assert planned["state"] == "done", planned
    assert differences(before, here.tree()) == []
    plan = host.get(f"./plan/{planned['plan_id']}").json()
    assert plan["fingerprint"] == planned["result"]["fingerprint"]
    assert [(change["name"], change["from"], change["to"]) for change in plan["change"]["changes"]] == [
        ("deep", "", "1.0"),
        ("fresh", "", "1.0"),
    ]
    assert plan["needs_consent"] == []
    (Path(source) / "more.py").write_text("")
    changed = host.job(host.post("./tasks", ask("apply", {"plan_id": plan["id"]})))
    assert changed["error"]["code"] == "plan-changed", changed
    assert differences(before, here.tree()) == []
    (Path(source) / "more.py").unlink()
    applied = host.job(host.post("./tasks", ask("apply", {"plan_id": plan["id"]})))
    assert applied["state"] == "done", applied
    assert applied["result"]["fingerprint"] == plan["fingerprint"]
    go_back(host, before, packages)
    assert host.post("./tasks", ask("apply", {"plan_id": "plan-0"})).code == "plan-not-found"
    assert host.get("./plan/plan-0").status == 404


def test_what_violates_a_line_is_refused_without_the_yes_and_taken_with_it(
    packages: Scene, host: Running
) -> None:
    """The refusal names the plan and its fingerprint; a yes to another plan is none."""
    here = packages.here
    before = here.tree()
    both = {
        "tasks": [
            ask("install", {"source": here.source("Old", "settled==1.0")}),
            ask("install", {"source": here.source("New", "settled==2.0")}),
        ]
    }
    refused = host.job(host.post("./tasks", both))
    assert refused["state"] == "refused"
    assert refused["error"]["code"] == "consent-needed"
    context = refused["error"]["context"]
    assert context["plan_id"] == refused["plan_id"]
    assert host.get(f"./plan/{context['plan_id']}").json()["change"]["decisions"][0]["violates"]
    wrong = host.job(host.post("./tasks", {**both, "agree": "f" * 64}))
    assert wrong["error"]["code"] == "consent-needed"
    assert differences(before, here.tree()) == []
    taken = host.job(host.post("./tasks", {**both, "agree": context["fingerprint"]}))
    assert taken["state"] == "done", taken
    assert here.versions()["settled"] == "2.0"
    assert len(host.get("./transactions").json()["transactions"][0]["summary"]["changes"]) == 1
    go_back(host, before, packages)


def test_a_choice_between_packs_is_planned_applied_and_carried_along(packages: Scene, host: Running) -> None:
    """The plan says who could be followed instead; chosen, it is so, and applying the plan keeps to it."""
    here = packages.here
    before = here.tree()
    both = {
        "tasks": [
            ask("install", {"source": here.source("Old", "settled==1.0")}),
            ask("install", {"source": here.source("New", "settled==2.0")}),
        ]
    }
    usual = host.job(host.post("./plan", both))
    (decision,) = host.get(f"./plan/{usual['plan_id']}").json()["change"]["decisions"]
    assert (decision["rule"], decision["alternatives"]) == ("newest-wins", ["Old"])

    job = host.job(host.post("./plan", {**both, "prefer": {"settled": "Old"}}))
    plan = host.get(f"./plan/{job['plan_id']}").json()
    (decision,) = plan["change"]["decisions"]
    assert (decision["rule"], decision["alternatives"]) == ("your-choice", ["New"])
    assert (decision["follows"], plan["change"]["prefer"]) == ({"settled": "Old"}, {"settled": "Old"})
    taken = host.job(host.post("./tasks", ask("apply", {"plan_id": plan["id"]}, agree=plan["fingerprint"])))
    assert taken["state"] == "done", taken
    assert here.versions()["settled"] == "1.0"
    summary = host.get(f"./transactions/{taken['transaction_id']}").json()["summary"]
    assert summary["prefer"] == {"settled": "Old"}
    go_back(host, before, packages)


@pytest.mark.parametrize(
    ("prefer", "code"),
    [
        (["settled"], "request-invalid"),
        ({"settled": 1}, "request-invalid"),
        ({"": "Old"}, "request-invalid"),
        ({"settled": "x" * 201}, "request-invalid"),
        ({f"p{number}": "Old" for number in range(201)}, "request-invalid"),
        ({"no name": "Old"}, "choice-invalid"),
        ({"settled": "Old", "Settled": "New"}, "choice-twice"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused_at_once(host: Running, prefer: Any, code: str) -> None:
    """No job is made of it."""
    reply = host.post("./plan", ask("sync", {}, prefer=prefer))
    assert (reply.status, reply.code) == (400, code)


def test_snapshots_are_taken_labelled_compared_restored_and_removed(packages: Scene, host: Running) -> None:
    """All that the panel does with them."""
    here = packages.here
    before = here.tree()
    taken = host.job(host.post("./snapshots", {"label": "before it all"}))
    assert taken["state"] == "done", taken
    name = taken["result"]["snapshot"]
    whole = host.get(f"./snapshots/{name}").json()
    assert (whole["label"], whole["pinned"]) == ("before it all", False)
    assert {each["name"] for each in whole["distribution_list"]} >= {"settled"}
    pinned = host.patch(f"./snapshots/{name}", {"pinned": True, "label": "mine"}).json()
    assert (pinned["label"], pinned["pinned"]) == ("mine", True)
    host.job(host.post("./tasks", ask("install", {"source": here.source("Later", "deep")})))
    diff = host.get(f"./snapshots/{name}/diff/now").json()
    assert [each["name"] for each in diff["changes"]] == ["deep"]
    assert [each["name"] for each in diff["packs"]] == ["Later"]
    shown = host.job(host.post(f"./snapshots/{name}/restore", {"plan": True}))
    plan = host.get(f"./plan/{shown['plan_id']}").json()
    assert {(item["kind"], item["name"], item["how"]) for item in plan["rollback"]["items"]} == {
        ("distribution", "deep", "remove"),
        ("pack", "Later", "remove"),
    }
    assert plan["needs_consent"] == ["these packs are removed: Later"]
    back = host.job(host.post(f"./snapshots/{name}/restore", {"agree": plan["fingerprint"]}))
    assert back["state"] == "done", back
    assert differences(before, here.tree()) == []
    listed = host.get("./snapshots?limit=2").json()
    assert listed["pagination"]["has_more"] is True
    assert [each["created"] for each in listed["snapshots"]] == sorted(
        (each["created"] for each in listed["snapshots"]), reverse=True
    )
    assert host.delete(f"./snapshots/{name}").json()["id"] == name
    assert host.get(f"./snapshots/{name}").code == "snapshot-not-found"
    assert host.get(f"./snapshots/{name[:10]}").status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "./tasks", b"{", 400, "request-invalid"),
        ("POST", "./tasks", b"[]", 400, "request-invalid"),
        ("POST", "./tasks", b"[" * 100_000, 400, "request-invalid"),
        ("POST", "./tasks", b'"\xff"', 400, "request-invalid"),
        ("POST", "./tasks", {}, 400, "request-invalid"),
        ("POST", "./tasks", ask("install", {}, surprise=1), 400, "request-invalid"),
        ("POST", "./tasks", ask("install", {"source": "x", "more": 1}), 400, "request-invalid"),
        ("POST", "./tasks", ask("install", {"source": 7}), 400, "request-invalid"),
        ("POST", "./tasks", ask("rollback", {"snapshot": ["x"]}), 400, "request-invalid"),
        ("POST", "./tasks", ask("sync", {"surprise": 1}), 400, "request-invalid"),
        ("POST", "./tasks", {**ask("sync", {}), "at_next_start": "yes"}, 400, "request-invalid"),
        ("POST", "./tasks", {**ask("sync", {}), "allow": ["everything"]}, 400, "request-invalid"),
        ("POST", "./tasks", ask("dance", {}), 400, "kind-not-known"),
        ("POST", "./tasks", {"tasks": []}, 400, "request-invalid"),
        ("POST", "./tasks", {"tasks": [ask("sync", {}), ask("repair", {})]}, 400, "kinds-not-together"),
        ("POST", "./tasks", {**ask("sync", {}), "tasks": [ask("sync", {})]}, 400, "request-invalid"),
        ("POST", "./tasks", ask("install-model", {}), 403, "not-our-job"),
        ("POST", "./plan", ask("snapshot", {}), 400, "nothing-to-plan"),
        ("PATCH", "./snapshots/x", {"pinned": 1}, 400, "request-invalid"),
        ("PATCH", "./snapshots/none", {"pinned": True}, 404, "snapshot-not-found"),
        ("DELETE", "./snapshots/none", {}, 404, "snapshot-not-found"),
        ("POST", "./snapshots/none/restore", {}, 404, "snapshot-not-found"),
        ("POST", "./jobs/none/cancel", {}, 404, "job-not-found"),
        ("GET", "./jobs/none", None, 404, "job-not-found"),
        ("GET", "./jobs/none?wait=soon", None, 400, "request-invalid"),
        ("GET", "./jobs?limit=0", None, 400, "request-invalid"),
        ("GET", "./jobs?surprise=1", None, 400, "request-invalid"),
        ("GET", "./jobs?limit=1&limit=2", None, 400, "request-invalid"),
        ("GET", "./transactions/none", None, 404, "transaction-not-found"),
        ("GET", "./transactions/..%2f..%2fjobs", None, 404, "name-not-valid"),
        ("GET", "./jobs/..%2f..%2f..%2fextra", None, 404, "name-not-valid"),
        ("GET", "./snapshots/%2e%2e", None, 404, "name-not-valid"),
        ("GET", "./snapshots/..%5c..%5cx", None, 404, "name-not-valid"),
        ("GET", "./plan/a%00b", None, 404, "name-not-valid"),
        ("GET", "./why/" + "a" * 300, None, 404, "name-not-valid"),
        ("GET", "./why/no-such-package", None, 404, "package-not-known"),
        ("GET", "./nothing", None, 404, ""),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_code(
    host: Running, method: str, path: str, body: Any, status: int, code: str
) -> None:
    """Never a fall-through, never a 500; and no job comes of it."""
    before = host.get("./jobs?limit=1").json()["pagination"]["total"]
    answer = _send(host, method, path, body)
    assert (answer.status, answer.code) == (status, code), answer.text
    if code:
        error = answer.json()["error"]
        assert error["message"]
        wire.Failure.model_validate(answer.json())
    assert host.get("./jobs?limit=1").json()["pagination"]["total"] == before


def test_a_body_that_is_too_large_is_refused_before_it_is_read_in_full(host: Running) -> None:
    """16 MiB are enough for a workflow."""
    answer = _send(host, "POST", "./tasks", b" " * (17 * 1024 * 1024))
    assert (answer.status, answer.code) == (413, "body-too-large")


def test_the_status_tells_a_page_that_connects_how_things_stand(packages: Scene, host: Running) -> None:
    """Where everything is, and that nothing is going on; with the drift where that is asked for."""
    status = host.get("./status?drift=true").json()
    here = packages.here
    assert status["python"] == str(here.venv.python)
    assert status["busy"] is False
    assert status["jobs"] == []
    assert status["unfinished"] == []
    assert status["drift"]["items"] == []
    assert host.get("./status").json()["drift"] is None
    assert host.get(f"/api{PREFIX}/status").json()["version"] == status["version"]


def test_the_document_describes_what_is_answered(host: Running) -> None:
    """Every list route's answer has the fields the document says, and no others."""
    document = host.get("./openapi.json").json()
    for route in ROUTES:
        if route.method != "GET" or "{" in route.path or route.path.startswith(("/registry", "/openapi")):
            continue
        answer = host.get(f".{route.path}").json()
        schema = document["components"]["schemas"][route.answer]
        assert answer.keys() == schema["properties"].keys(), route.path
    told = host.get("/features").json().get("extension", {}).get("safe_install")
    assert told is None or told["prefix"] == PREFIX


def _send(host: Running, method: str, path: str, body: Any) -> Reply:
    if body is None:
        return host.request(method, path)
    name, token = host._fetched_token()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return host.request(method, path, data=data, headers={"Content-Type": "application/json", name: token})
