"""The same by a call inside this process: what `cm_global.register_api` offers others under `safe_install.*`.

Arguments and answers are JSON. Nothing is ever raised, for Manager's `try_call` would pass it on. Each call blocks
until the job is over, and goes through the same queue as what comes over HTTP; nobody's tier counts here, since
whoever runs inside the process can do anything anyway.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from ...resolver.core.tasks import Task, TaskKind
from ...resolver.engine.planned import Options
from ...resolver.errors import Hint, RefusedError, SafeInstallError, UsageError
from .. import wire
from ..desk import Desk, desk
from ..envelope import as_told, invalid_request
from ..ordering import change_order, order_of
from ..wanted import TASKS, Wanted

Told = dict[str, Any]

_LOG = logging.getLogger("safe_install")
_PAUSE = 0.05


class Outcome(Told):
    """`{ok, result, msg, transaction_id, restart_required, ...}`; true where it went well."""

    def __bool__(self) -> bool:
        return bool(self.get("ok"))


def plan(**body: JsonValue) -> Outcome:
    """The plan for a body of `POST plan`, or for `source`; whole under `plan`. Nothing is changed."""
    return _told(lambda at: _run(at, body, only_plan=True))


def install(**body: JsonValue) -> Outcome:
    """Do what a body of `POST tasks` asks for, or install `source`. `agree` is the fingerprint of a plan."""
    return _told(lambda at: _run(at, body, only_plan=False))


def rollback(snapshot: str = "", agree: str = "") -> Outcome:
    """Go back to a snapshot; without one to before the last change."""
    body: Told = {"kind": "rollback", "params": {"snapshot": snapshot}, "agree": agree}
    return _told(lambda at: _run(at, body, only_plan=False))


def post_install(
    node_id: str = "", path: str = "", instant_execution: bool = False, no_deps: bool = False
) -> Outcome:
    """Meet what the pack in `path` requires, in the place of Manager's pip calls and with its arguments.

    The pack lies in custom_nodes already. Decisions against anybody's line are not made here: then nothing is
    changed, and the answer is false. Its install.py runs only where `[manager] install_py` says so.
    """
    _ = instant_execution  # When files are in use, the change waits for the next start by itself.
    if no_deps:
        return Outcome(
            ok=True, result="skip", msg="Nothing was asked for.", transaction_id=None, restart_required=False
        )
    return _told(lambda at: _meet(at, node_id, path))


def _meet(at: Desk, node_id: str, path: str) -> Outcome:
    place = Path(os.path.normpath(Path(path).absolute()))
    parents = {os.path.realpath(folder) for folder in at.host.custom_nodes}
    if not path or os.path.realpath(place.parent) not in parents or not place.is_dir():
        raise UsageError(
            "not-a-pack-folder",
            f"{path!r} is no folder in custom_nodes.",
            context={"pack": node_id, "path": path},
            hints=(Hint("name-the-folder", "Name the pack's folder right in custom_nodes."),),
        )
    allowed = frozenset({"install-py"} if at.settings().manager.install_py else ())
    options = Options(allowed=allowed)
    change = Wanted(kind=TASKS, options=options, tasks=(Task(kind=TaskKind.FIX, subject=place.name),))
    job = at.submit(change_order(at, change, only_plan=False))
    outcome = _wait(at, job.id)
    if outcome and (unmet := _unmet(at, job.id, place.name)):
        # Nothing is to be installed, and that is so because what it asks for cannot be had beside others.
        raise RefusedError(
            "requirement-not-met",
            f"{place.name} asks for {', '.join(unmet)}, which others here do not allow. Nothing was changed.",
            context={"pack": place.name},
            hints=(Hint("see-plan", f"`safe-install fix {place.name}` shows who wants what."),),
        )
    if outcome and not allowed and (place / "install.py").is_file():
        _LOG.warning(
            "Safe Install: install.py of %s was not run; [manager] install_py = true in settings.toml lets it.",
            place.name,
        )
    return outcome


def _unmet(at: Desk, identifier: str, pack: str) -> list[str]:
    """The pack's lines that are not met by the plan of a job that had nothing to do."""
    job = at.jobs.get(identifier)
    shown = at.plans.get(job.plan_id).shown if job.plan_id else None
    if shown is None or shown.change is None:
        return []
    return [
        wish.requirement
        for decision in shown.change.decisions
        for wish in decision.violates
        if wish.pack == pack
    ]


def _run(at: Desk, body: Mapping[str, JsonValue], *, only_plan: bool) -> Outcome:
    given = dict(body)
    if "source" in given:
        given |= {"kind": "install", "params": {"source": given.pop("source")}}
    try:
        request = wire.TaskRequest.model_validate(given)
    except ValidationError as error:
        raise invalid_request(error, "call") from None
    job = at.submit(order_of(request, at, only_plan=only_plan, trusted=True))
    return _wait(at, job.id)


def _told(act: Callable[[Desk], Outcome]) -> Outcome:
    """What came of it, or the error in words: nothing is raised."""
    try:
        at = desk()
        if _is_loop(at):
            raise UsageError("would-block", "This waits for the job, so call it from a thread of your own.")
        return act(at)
    except BaseException as error:  # noqa: BLE001 - by contract, and a caller's thread must not die of it
        told = as_told(error)
        return _outcome(ok=False, result="error", msg=told.message, error=told.to_dict())


def _is_loop(at: Desk) -> bool:
    try:
        return asyncio.get_running_loop() is at.host.loop
    except RuntimeError:
        return False


def _wait(at: Desk, identifier: str) -> Outcome:
    """What the job came to. Blocks until it is over."""
    pause = threading.Event()
    while (job := at.jobs.get(identifier)).status is None:
        pause.wait(_PAUSE)
    status = job.status
    words = job.error.message if job.error else " ".join(status.messages)
    more: Told = {"job": job.model_dump(mode="json", by_alias=True)}
    if job.plan_id is not None:
        try:
            more["plan"] = at.plans.get(job.plan_id).shown.model_dump(mode="json", by_alias=True)
        except SafeInstallError:  # So many newer ones were made in between.
            more["plan"] = None
    if job.error is not None:
        more["error"] = job.error.model_dump(mode="json")
    return _outcome(
        ok=status.status_str != "error",
        result=status.status_str,
        msg=words,
        transaction_id=job.transaction_id,
        restart_required=job.restart == "restart",
        **more,
    )


def _outcome(
    *,
    ok: bool,
    result: str,
    msg: str,
    transaction_id: str | None = None,
    restart_required: bool = False,
    **more: Any,
) -> Outcome:
    return Outcome(
        ok=ok,
        result=result,
        msg=msg,
        transaction_id=transaction_id,
        restart_required=restart_required,
        **more,
    )
