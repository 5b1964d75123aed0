"""The bodies of POST workflow/missing, and that what it answers can be sent to POST tasks."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from comfyui_safe_install.resolver.core.missing import (
    Candidate,
    CandidateKind,
    Choice,
    Missing,
    PackWanted,
    TypeReport,
    TypeState,
    Why,
)
from comfyui_safe_install.resolver.core.tasks import Task, TaskKind
from comfyui_safe_install.server_routes import wire
from comfyui_safe_install.server_routes.handlers.workflow import _tasks
from comfyui_safe_install.server_routes.manager import bodies
from comfyui_safe_install.tests.kit.workflows import node, queued, saved


def read(value: object) -> wire.WorkflowRequest:
    """The body, as the server reads it."""
    return wire.WorkflowRequest.model_validate_json(json.dumps(value))


def test_three_ways_to_send_a_workflow() -> None:
    """As it is, as it is queued, or both with a name."""
    one, two = saved(node("A")), queued("B")
    assert read(one).workflow == one
    assert read(two).prompt == two
    both = read({"workflow": one, "prompt": two, "choose": {"A": "pack"}})
    assert (both.workflow, both.prompt, both.choose) == (one, two, {"A": "pack"})


@pytest.mark.parametrize(
    "value", [[], 1, {"workflows": {}}, {"workflow": [], "x": 1}, {"a": {"class_type": 1}, "b": 2}]
)
def test_anything_else_is_refused(value: object) -> None:
    """A field nobody knows is no workflow."""
    with pytest.raises(ValidationError):
        read(value)


def test_the_tasks_of_the_answer_are_tasks() -> None:
    """What is answered goes back to the server as it is, and means the same there."""
    kinds = {
        TypeState.INSTALL: TaskKind.INSTALL,
        TypeState.ENABLE: TaskKind.ENABLE,
        TypeState.UPDATE: TaskKind.UPDATE,
    }
    subjects = ("https://github.com/o/r", "some-pack", "other")
    packs = tuple(
        PackWanted(
            candidate=Candidate(
                kind=CandidateKind.GIT, subject=subject, name=subject, why=(Why.REGISTRY,), action=state
            ),
            types=("T",),
            task=Task(kind=kind, subject=subject),
        )
        for (state, kind), subject in zip(kinds.items(), subjects, strict=True)
    )
    option = packs[0].candidate
    found = Missing(
        exact=True,
        types=(TypeReport(name="T", count=1, state=TypeState.CHOICE, candidates=(option,)),),
        packs=packs,
        choices=(Choice(types=("T",), options=(option,)),),
        findings=(),
    )
    answer = wire.Missing.model_validate({**found.to_dict(), "tasks": _tasks(found, "page")})
    body = {"tasks": [task.model_dump() for task in answer.tasks]}
    asked = bodies.read(wire.TaskRequest.model_validate_json(json.dumps(body)))
    assert asked.tasks == found.tasks
    # Nothing of the engine's answer is lost on the way.
    assert json.loads(answer.model_dump_json(exclude={"tasks"})) == _without_task(found.to_dict())


def _without_task(document: dict[str, object]) -> object:
    text = json.loads(json.dumps(document))
    for pack in text["packs"]:
        del pack["task"]
    return text
