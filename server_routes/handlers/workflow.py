"""What a workflow lacks."""

from __future__ import annotations

from ...resolver.core.missing import Missing
from ...resolver.core.tasks import Task, TaskKind
from ...resolver.core.workflow import workflow_of
from ...resolver.engine.missing import Running
from ...resolver.wiring import missing_search
from .. import wire
from ..call import Call
from ..desk import Desk

_SUBJECT = {TaskKind.INSTALL: "source", TaskKind.ENABLE: "cnr_id", TaskKind.UPDATE: "node_name"}
"""The parameter of ComfyUI-Manager's task that names the pack; `source` is ours, for it takes any source."""


async def missing(call: Call) -> wire.Missing:
    """The workflow's node types, the packs that bring what is missing, and the tasks for it."""
    host = call.desk.host
    running = Running(types=host.node_types, loaded=host.loaded_packs)
    body: wire.WorkflowRequest = call.body
    return await call.desk.in_thread(_answer, call.desk, body, running, call.client_id)


def _answer(desk: Desk, body: wire.WorkflowRequest, running: Running, client_id: str) -> wire.Missing:
    workflow = workflow_of({"workflow": body.workflow, "prompt": body.prompt})
    found = missing_search(desk.open_session().site, running=running).look(workflow, body.choose)
    return wire.Missing.model_validate({**found.to_dict(), "tasks": _tasks(found, client_id)})


def _tasks(found: Missing, client_id: str) -> list[dict[str, object]]:
    return [_item(number, task, client_id) for number, task in enumerate(found.tasks, 1)]


def _item(number: int, task: Task, client_id: str) -> dict[str, object]:
    params = {_SUBJECT[task.kind]: task.subject}
    return {"ui_id": f"missing-{number}", "client_id": client_id, "kind": task.kind.value, "params": params}
