"""ComfyUI-Manager's bodies, taken as they are and read strictly."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from comfyui_safe_install.resolver.core.manager_snapshot import read_managers
from comfyui_safe_install.resolver.core.pack_origin import PackOrigin
from comfyui_safe_install.resolver.core.tasks import Task, TaskKind
from comfyui_safe_install.resolver.core.types import Pack
from comfyui_safe_install.resolver.errors import SafeInstallError, UsageError
from comfyui_safe_install.server_routes.manager.bodies import read
from comfyui_safe_install.server_routes.manager.results import queue_history, queue_status
from comfyui_safe_install.server_routes.wire import Job, QueueQuery, TaskRequest

COMMIT = "0f5a1c2e3b4d5f60718293a4b5c6d7e8f9012345"
INSTALL = {
    "id": "comfyui-kjnodes",
    "repository": "https://github.com/kijai/ComfyUI-KJNodes",
    "channel": "dev",
    "mode": "cache",
    "selected_version": "1.0.5",
    "version": "1.0.5",
}
"""What ComfyUI's front end sends (`utils/packInstallPayload.ts`)."""
ROW = {
    "id": "comfyui-kjnodes",
    "version": "1.0.5",
    "title": "KJNodes",
    "author": "kijai",
    "description": "many",
    "files": ["https://github.com/kijai/ComfyUI-KJNodes"],
    "repository": "https://github.com/kijai/ComfyUI-KJNodes",
    "channel": "default",
    "mode": "cache",
    "ui_id": "1",
    "stars": 5,
}
"""A row of the legacy window's table."""


def item(kind: str, **params: Any) -> dict[str, Any]:
    """A QueueTaskItem."""
    return {"ui_id": "1", "client_id": "me", "kind": kind, "params": params}


def tasks(body: dict[str, Any]) -> list[tuple[str, str]]:
    """(kind, subject) of what a body comes to."""
    found = read(TaskRequest.model_validate(body)).tasks
    assert not any(task.version for task in found)
    return [(task.kind.value, task.subject) for task in found]


def code(body: dict[str, Any]) -> str:
    """Code of the error a body is refused with."""
    try:
        read(TaskRequest.model_validate(body))
    except ValidationError:
        return "request-invalid"
    except SafeInstallError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    ("version", "source"),
    [
        ("1.0.5", "comfyui-kjnodes@1.0.5"),
        ("latest", "comfyui-kjnodes@latest"),
        ("nightly", "comfyui-kjnodes@nightly"),
        ("unknown", "git+https://github.com/kijai/ComfyUI-KJNodes"),
        (COMMIT, f"git+https://github.com/kijai/ComfyUI-KJNodes@{COMMIT}"),
    ],
)
def test_each_way_to_name_a_version_is_understood(version: str, source: str) -> None:
    """Releases and nightly are the Registry's; commits and unknown packs come from the repository."""
    assert tasks(item("install", **{**INSTALL, "selected_version": version})) == [("install", source)]


def test_a_pack_of_github_is_named_by_author_and_repository() -> None:
    """Manager's model says of `id`: either github-author/github-repo or the name of a pack of the Registry."""
    found = tasks(
        item("install", **{**INSTALL, "id": "a/b", "repository": None, "selected_version": "nightly"})
    )
    assert found == [("install", "git+https://github.com/a/b")]


def test_every_kind_about_packs_is_a_task() -> None:
    """`node_ver` is the version that is there, so it asks for nothing."""
    body = {
        "tasks": [
            item("install", **INSTALL),
            item("uninstall", node_name="a", is_unknown=False),
            item("update", node_name="b", node_ver="1.0.0"),
            item("fix", node_name="c", node_ver="nightly"),
            item("disable", node_name="d"),
            item("enable", cnr_id="e"),
        ]
    }
    assert tasks(body) == [
        ("install", "comfyui-kjnodes@1.0.5"),
        ("uninstall", "a"),
        ("update", "b"),
        ("fix", "c"),
        ("disable", "d"),
        ("enable", "e"),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (item("install", **{**INSTALL, "channel": "somewhere"}), "request-invalid"),
        (item("install", **{**INSTALL, "mode": "fast"}), "request-invalid"),
        (item("install", **{**INSTALL, "surprise": 1}), "request-invalid"),
        (item("install", id="x", version="1.0.0"), "request-invalid"),
        (item("install", **{**INSTALL, "skip_post_install": "yes"}), "request-invalid"),
        (item("install", **{**INSTALL, "selected_version": "; rm -rf"}), "version-not-understood"),
        (item("install", **{**INSTALL, "id": "../up"}), "pack-id-not-understood"),
        (item("install", **{**INSTALL, "id": "-x"}), "pack-id-not-understood"),
        (
            item("install", **{**INSTALL, "selected_version": "unknown", "repository": None}),
            "repository-missing",
        ),
        (
            item("install", **{**INSTALL, "selected_version": "unknown", "repository": "file:///etc"}),
            "repository-not-understood",
        ),
        (
            item("install", **{**INSTALL, "selected_version": "unknown", "repository": "ext::sh -c x"}),
            "repository-not-understood",
        ),
        (item("update"), "request-invalid"),
        (item("update", mode="cache"), "request-invalid"),
        (item("reinstall", node_name="a"), "kind-not-known"),
        (item("update-comfyui", is_stable=True), "not-our-job"),
        (item("install-model", name="x"), "not-our-job"),
        ({"install_model": [{"name": "x"}]}, "not-our-job"),
        ({"update_comfyui": True}, "not-our-job"),
        ({"update_all": "sometimes"}, "request-invalid"),
        ({"install": [{**ROW, "channel": "somewhere"}]}, "request-invalid"),
        ({"install": [{**ROW, "selected_version": "unknown"}]}, "request-invalid"),
        ({"install": [{**ROW, "install_type": "copy"}]}, "install-type-not-taken"),
        ({"uninstall": [{"version": "unknown"}]}, "request-invalid"),
        ({"surprise": []}, "request-invalid"),
    ],
)
def test_nothing_unknown_falls_through(body: dict[str, Any], expected: str) -> None:
    """Manager takes some of these and dies of them later; here each is refused by a code, at once."""
    assert code(body) == expected


def test_a_legacy_batch_is_one_change() -> None:
    """Its rows by kind, with everything the table shows; packs without a version go by their repository."""
    unknown = {**ROW, "id": "x", "version": "unknown", "files": ["https://example.org/a/Some-Pack.git"]}
    body = {
        "batch_id": "b",
        "install": [
            {**ROW, "selected_version": "nightly"},
            {**unknown, "channel": "https://example.org/list"},
        ],
        "uninstall": [unknown],
        "update": [ROW],
        "fix": [ROW],
        "disable": [{"id": "d", "version": "1.0.0"}],
        "update_all": "cache",
    }
    assert tasks(body) == [
        ("uninstall", "Some-Pack"),
        ("install", "comfyui-kjnodes@nightly"),
        ("install", "git+https://example.org/a/Some-Pack.git"),
        ("update", "comfyui-kjnodes"),
        ("fix", "comfyui-kjnodes"),
        ("disable", "d"),
        ("update", "*"),
    ]
    assert tasks({"reinstall": [ROW]}) == [("install", "comfyui-kjnodes@latest")]


def test_skip_post_install_keeps_install_scripts_from_running() -> None:
    """For all packs of one change, or for none; a reinstall runs everything, as Manager's does."""
    skipping = item("install", **{**INSTALL, "skip_post_install": True})
    assert read(TaskRequest.model_validate(skipping)).without_scripts
    assert not read(TaskRequest.model_validate(item("install", **INSTALL))).without_scripts
    assert code({"tasks": [skipping, item("install", **{**INSTALL, "id": "other"})]}) == "skip-not-shared"
    assert not read(
        TaskRequest.model_validate({"reinstall": [{**ROW, "skip_post_install": True}]})
    ).without_scripts


def test_our_own_way_to_name_a_source_is_taken_too() -> None:
    """Whatever the command line takes."""
    (task,) = read(TaskRequest.model_validate(item("install", source="git+https://example.org/a/b@v1"))).tasks
    assert task == Task(kind=TaskKind.INSTALL, subject="git+https://example.org/a/b@v1")


def test_an_update_may_name_the_version_that_is_wanted() -> None:
    """Ours beside Manager's `node_ver`, which tells what is there."""
    (task,) = read(
        TaskRequest.model_validate(item("update", node_name="a", node_ver="1.0", version="1.2"))
    ).tasks
    assert task == Task(kind=TaskKind.UPDATE, subject="a", version="1.2")
    assert code(item("update", node_name="a", version="--upload-pack=x")) == "version-not-understood"


def job(number: int, state: str, *ui_ids: str, client: str = "me") -> Job:
    """A job of these tasks."""
    ended = state in {"done", "refused"}
    status = {
        "status_str": "success" if state == "done" else "error",
        "completed": True,
        "messages": ["Words."],
    }
    return Job.model_validate(
        {
            "id": f"j{number}", "kind": "install", "state": state, "ui_ids": list(ui_ids), "client_id": client,
            "cancellable": False, "created": "2026-01-01T00:00:00.000Z",
            "ended": "2026-01-01T00:01:00.000Z" if ended else "", "status": status if ended else None,
        }
    )  # fmt: skip


def test_jobs_are_told_in_managers_shapes() -> None:
    """Each task of a job counts, all of a job end alike, and a client sees its own."""
    jobs = [
        job(4, "queued", "e"),
        job(3, "running", "c", "d"),
        job(2, "refused", "b", client="you"),
        job(1, "done", "a"),
    ]
    assert queue_status(jobs).model_dump() == {
        "total_count": 3, "done_count": 2, "in_progress_count": 2, "pending_count": 1, "is_processing": True,
        "client_id": None,
    }  # fmt: skip
    assert queue_status(jobs, "you").done_count == 1
    history = queue_history(jobs, QueueQuery()).history
    assert {name: each.result for name, each in history.items()} == {"b": "Words.", "a": "success"}
    assert history["a"].batch_id == "j1"
    assert list(queue_history(jobs, QueueQuery(ui_id="a", client_id="me")).history) == ["a"]
    assert list(queue_history(jobs, QueueQuery(offset=1, max_items=1)).history) == ["a"]


HASH = "0f5a1c2e3b4d5f60718293a4b5c6d7e8f9012345"


def known(*packs: tuple[str, str, str, dict[str, Any]]) -> list[tuple[Pack, PackOrigin]]:
    """(name, kind of origin, version or commit, more) of packs that are there."""
    found = []
    for name, kind, version, more in packs:
        pack = Pack(
            name=name, path=f"/nodes/{name}{'@' if more.get('disabled') else ''}",
            version=version if kind == "registry" else "", commit=version if kind == "git" else "", **more,
        )  # fmt: skip
        url = f"https://example.org/a/{name}" if kind == "git" else ""
        found.append((pack, PackOrigin(kind=kind, id=name.lower() if kind == "registry" else "", url=url)))
    return found


def test_a_snapshot_of_manager_is_one_change() -> None:
    """What it names is switched, installed, enabled; what it does not name is disabled; the rest is told."""
    document = {
        "comfyui": HASH,
        "cnr_custom_nodes": {"same": "1.0.0", "older": "1.0.0", "missing": "2.0.0", "asleep": "3.0.0"},
        "git_custom_nodes": {
            "https://example.org/a/Clone.git": {"hash": HASH, "disabled": False},
            "https://example.org/a/Off": {"hash": HASH, "disabled": True},
            "https://example.org/a/New": {"hash": HASH, "disabled": False},
            "/srv/local/repo": {"hash": HASH, "disabled": False},
        },
        "file_custom_nodes": [
            {"filename": "one.py", "disabled": True},
            {"filename": "gone.py", "disabled": False},
        ],
        "pips": {"numpy==1.26": ""},
    }
    packs = known(
        ("same", "registry", "1.0.0", {}),
        ("Older", "registry", "1.1.0", {}),
        ("asleep", "registry", "3.0.0", {"disabled": True}),
        ("Clone", "git", "ffffffffff", {}),
        ("Off", "git", HASH, {}),
        ("surplus", "registry", "1.0.0", {}),
        ("mine", "local", "", {}),
        ("ComfyUI-Manager", "git", HASH, {}),
        ("one", "local", "", {"is_file": True}),
    )
    wish = read_managers(document, packs)
    assert [(task.kind.value, task.subject, task.version) for task in wish.tasks] == [
        ("update", "Older", "1.0.0"),
        ("install", "missing@2.0.0", ""),
        ("enable", "asleep", "3.0.0"),
        ("update", "Clone", HASH),
        ("disable", "Off", ""),
        ("install", f"git+https://example.org/a/New@{HASH}", ""),
        ("disable", "one", ""),
        ("disable", "surplus", ""),
    ]
    assert [words for words in ("pip packages", "/srv/local", "gone.py", "ComfyUI itself") if not any(
        words in left for left in wish.left_out
    )] == []  # fmt: skip
    assert read_managers({"custom_nodes": {"cnr_custom_nodes": {}, "git_custom_nodes": {}}}, []).tasks == []


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"cnr_custom_nodes": {"../x": "1.0.0"}},
        {"cnr_custom_nodes": {"x": "1.0.0; rm"}},
        {"git_custom_nodes": {"https://example.org/a/b": {"hash": "HEAD~1"}}},
        {"git_custom_nodes": {"https://example.org/a/b": None}},
        {"cnr_custom_nodes": {}, "file_custom_nodes": [1]},
    ],
)
def test_what_is_no_snapshot_of_manager_is_refused(document: dict[str, Any]) -> None:
    """Before anything is looked up."""
    with pytest.raises(UsageError) as caught:
        read_managers(document, [])
    assert caught.value.code == "manager-snapshot-not-understood"
