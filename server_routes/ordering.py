"""From a request to the order of a job. Nothing is looked up on the net here, and nothing is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from ..resolver.core.choices import read_choices
from ..resolver.core.merge import Policy
from ..resolver.core.uploads import without_places
from ..resolver.engine.planned import Options
from ..resolver.errors import Hint, UsageError
from . import security, wire
from .changing import apply, show
from .envelope import invalid_request
from .job import JobOrder, JobOutcome, JobWork
from .manager.bodies import read
from .snapping import take
from .standing import standing_at
from .wanted import REPAIR, ROLLBACK, SYNC, TASKS, Wanted

if TYPE_CHECKING:
    from .desk import Desk

APPLY, SNAPSHOT = "apply", "snapshot"
ALONE = frozenset({APPLY, REPAIR, ROLLBACK, SNAPSHOT, SYNC})
"""Kinds of ours that are a change of their own."""

P = TypeVar("P", bound=wire.Body)


def order_of(
    request: wire.TaskRequest, desk: Desk, *, only_plan: bool = False, trusted: bool = False
) -> JobOrder:
    """The order. `trusted`: asked for inside this process, where no tier counts. Blocks for some small files.

    Raises UsageError `kinds-not-together`, `plan-not-found` and what `bodies.read` raises; RefusedError of
    `security`, and for kinds that are not our job.
    """
    single = _alone(request)
    if single is not None and single.kind == SNAPSHOT:
        if only_plan:
            raise UsageError("nothing-to-plan", "A snapshot changes nothing, so there is no plan for it.")
        wanted = _params(wire.SnapshotParams, single)
        return snapshot_order(
            wanted.label, full=wanted.full, ui_ids=_ui_ids(request), client=_client(request)
        )
    expected = ""
    if single is not None and single.kind == APPLY:
        kept = desk.plans.get(_params(wire.ApplyParams, single).plan_id)
        change, expected = _when(kept.wanted, request), kept.shown.fingerprint
    elif single is not None:
        change = _ours(single, _options(request))
    else:
        asked = read(request)
        options = _options(request)
        if asked.without_scripts:
            options = replace(options, allowed=options.allowed - {"install-py"})
        change = Wanted(kind=TASKS, options=options, tasks=asked.tasks)
    if not trusted:
        check_tiers(change, desk)
    return change_order(
        desk,
        change,
        only_plan=only_plan,
        agree=request.agree,
        expected=expected,
        ui_ids=_ui_ids(request),
        client=_client(request),
    )


def change_order(
    desk: Desk,
    change: Wanted,
    *,
    only_plan: bool,
    agree: str = "",
    expected: str = "",
    ui_ids: tuple[str, ...] = (),
    client: str = "",
) -> JobOrder:
    """The order to plan a change, or to make it."""
    act: Callable[[JobWork], JobOutcome]
    if only_plan:
        kind, operation, act = "plan", f"plan {change.operation}", lambda work: show(work, desk, change)
    else:
        kind, operation = _kind_of(change), change.operation
        act = lambda work: apply(work, desk, change, agree, expected)  # noqa: E731 - of two
    operation = without_places(operation, desk.state)
    return JobOrder(kind=kind, operation=operation, act=act, ui_ids=ui_ids, client_id=client)


def snapshot_order(
    label: str, *, full: bool | None, ui_ids: tuple[str, ...] = (), client: str = ""
) -> JobOrder:
    """The order to take a snapshot."""
    return JobOrder(
        kind=SNAPSHOT,
        operation=f"snapshot {label}".strip(),
        act=lambda work: take(work, label, full=full),
        ui_ids=ui_ids,
        client_id=client,
    )


def restore_order(
    desk: Desk, snapshot: str, request: wire.RestoreRequest, *, trusted: bool = False
) -> JobOrder:
    """The order to go back to a snapshot, or to say what that takes."""
    change = Wanted(kind=ROLLBACK, options=Options(at_next_start=request.at_next_start), snapshot=snapshot)
    if not trusted:
        check_tiers(change, desk)
    ui_ids = (request.ui_id,) if request.ui_id else ()
    return change_order(
        desk,
        change,
        only_plan=request.plan,
        agree=request.agree,
        ui_ids=ui_ids,
        client=request.client_id,
    )


def check_tiers(change: Wanted, desk: Desk) -> None:
    """Raise the RefusedError of `security` where this may not be asked for over HTTP here. Blocks."""
    security.check(_deeds(change), standing_at(desk))


def _kind_of(change: Wanted) -> str:
    kinds = {task.kind.value for task in change.tasks}
    return change.kind if change.kind != TASKS else kinds.pop() if len(kinds) == 1 else TASKS


def _alone(request: wire.TaskRequest) -> wire.QueueTaskItem | None:
    """The task that is a change of its own, where the request is one."""
    items = items_of(request)
    found = [item for item in items if item.kind in ALONE]
    if found and len(items) > 1:
        raise UsageError(
            "kinds-not-together",
            f"{found[0].kind} is a change of its own and cannot be one of several.",
            hints=(Hint("ask-apart", "Ask for it in a request of its own."),),
        )
    return found[0] if found else None


def items_of(request: wire.TaskRequest) -> list[wire.QueueTaskItem]:
    """The tasks of a request that is no legacy batch."""
    if request.kind is not None:
        return [
            wire.QueueTaskItem(
                ui_id=request.ui_id or "",
                client_id=request.client_id or "",
                kind=request.kind,
                params=request.params or {},
            )
        ]
    return list(request.tasks or ())


def _ours(item: wire.QueueTaskItem, options: Options) -> Wanted:
    if item.kind == ROLLBACK:
        return Wanted(kind=ROLLBACK, options=options, snapshot=_params(wire.RollbackParams, item).snapshot)
    if item.kind == REPAIR:
        if options.at_next_start:
            raise _repair_cannot_wait()
        return Wanted(kind=REPAIR, options=options, names=tuple(_params(wire.RepairParams, item).names))
    _params(wire.Nothing, item)
    return Wanted(kind=SYNC, options=options)


def _when(change: Wanted, request: wire.TaskRequest) -> Wanted:
    """The change of a plan that was shown, to be made when the request says."""
    if change.kind == REPAIR and request.at_next_start:
        raise _repair_cannot_wait()
    options = replace(change.options, at_next_start=request.at_next_start or change.options.at_next_start)
    return replace(change, options=options)


def _repair_cannot_wait() -> UsageError:
    return UsageError("repair-cannot-wait", "A repair cannot wait for the next start.")


def _params(model: type[P], item: wire.QueueTaskItem) -> P:
    try:
        return model.model_validate(item.params)
    except ValidationError as error:
        raise invalid_request(error, "params") from None


def _options(request: wire.TaskRequest) -> Options:
    return Options(
        policy=Policy(request.policy),
        prefer=read_choices(request.prefer.items()),
        strategy=request.strategy,
        allowed=frozenset(request.allow),
        at_next_start=request.at_next_start,
    )


def _deeds(change: Wanted) -> list[tuple[security.Deed, str]]:
    """What it comes to in the words of the tiers."""
    if change.kind != TASKS:
        deed = {
            ROLLBACK: security.Deed.ROLL_BACK,
            REPAIR: security.Deed.REPAIR,
            SYNC: security.Deed.SYNC,
        }[change.kind]
        return [(deed, change.snapshot)]
    deeds = [
        (security.deed_of(task, lambda text: Path(text).exists()), task.subject) for task in change.tasks
    ]
    # Which version is flagged is not known yet: who asks to allow such must be allowed to.
    return [*deeds, (security.Deed.INSTALL_FLAGGED, "")] if "flagged" in change.options.allowed else deeds


def _ui_ids(request: wire.TaskRequest) -> tuple[str, ...]:
    own = (request.ui_id,) if request.ui_id else ()
    return own or tuple(item.ui_id for item in request.tasks or () if item.ui_id)


def _client(request: wire.TaskRequest) -> str:
    return request.client_id or next((item.client_id for item in request.tasks or () if item.client_id), "")


__all__ = ["ALONE", "change_order", "items_of", "order_of", "restore_order", "snapshot_order"]
