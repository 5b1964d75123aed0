"""ComfyUI-Manager's bodies, taken as they are and read strictly."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from comfyui_safe_install.resolver.core.tasks import Task, TaskKind
from comfyui_safe_install.resolver.errors import SafeInstallError
from comfyui_safe_install.server_routes.manager.bodies import read
from comfyui_safe_install.server_routes.wire import TaskRequest

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
