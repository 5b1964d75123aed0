"""Bodies of tasks, read strictly: what is in them that nobody knows is refused, never passed over."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from ..resolver.core.tasks import Task, TaskKind
from ..resolver.errors import Hint, RefusedError, UsageError
from . import wire
from .envelope import invalid_request

NOT_OURS = {
    "update-comfyui": "ComfyUI itself is updated by ComfyUI-Manager or git, not by Safe Install.",
    "install-model": "Models are downloaded by ComfyUI-Manager or the page, not by Safe Install.",
}


def tasks_of(request: wire.TaskRequest) -> tuple[Task, ...]:
    """The tasks of a request. Raises UsageError `request-invalid`, `kind-not-known`; RefusedError `not-our-job`."""
    if request.kind is not None:
        return (_task(request.kind, request.params or {}),)
    if request.tasks is None:
        raise UsageError("legacy-batch", "Rows of Manager's legacy batch are not read here.")
    return tuple(_task(item.kind, item.params) for item in request.tasks)


def _task(kind: str, params: Mapping[str, object]) -> Task:
    if kind in NOT_OURS:
        raise RefusedError("not-our-job", NOT_OURS[kind], context={"kind": kind})
    if kind not in {each.value for each in TaskKind}:
        raise UsageError(
            "kind-not-known",
            "There is no such kind of task.",
            context={"kind": kind},
            hints=(Hint("see-openapi", "What each route takes is told at openapi.json beside it."),),
        )
    model = (
        wire.InstallParams
        if kind == "install"
        else wire.EnableParams
        if kind == "enable"
        else wire.NodeParams
    )
    try:
        found = model.model_validate(params)
    except ValidationError as error:
        raise invalid_request(error, "params") from None
    if isinstance(found, wire.InstallParams):
        return Task(kind=TaskKind.INSTALL, subject=found.source)
    if isinstance(found, wire.EnableParams):
        return Task(kind=TaskKind.ENABLE, subject=found.cnr_id)
    return Task(kind=TaskKind(kind), subject=found.node_name, version=found.node_ver or "")
