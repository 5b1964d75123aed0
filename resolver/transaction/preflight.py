"""Whether a whole list of steps can work, found out before the first of them touches anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import Hint, SafeInstallError
from .fs import Fence
from .steps import Move, RemoveDir, Step, describe, refuse_outside
from .view import TreeView


def refuse_impossible(steps: Sequence[Step], roots: Sequence[Path]) -> None:
    """Nothing when every step can be done in this order; `preflight-failed` with *all* faults otherwise.

    Looked at for each step: its paths are inside `roots`, its source exists, its target does not, the parents
    exist or are made by earlier steps, both names are on one volume, a folder to be removed is empty then
    and has the mode it will be given back. Blocks; reads the disk only.
    """
    view, fence = TreeView(), Fence(roots)
    faults: list[str] = []
    for number, step in enumerate(steps, start=1):
        fault = _fault(step, view, fence)
        if fault:
            faults.append(f"step {number} ({describe(step)}): {fault}")
        view.take(step)
    if faults:
        raise SafeInstallError(
            "preflight-failed",
            f"The change cannot be applied, and nothing was touched: {faults[0]}"
            + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""),
            context={"faults": "\n".join(faults), "count": len(faults)},
            hints=(Hint("plan-again", "The files have changed since the plan was made; plan again."),),
        )


def _fault(step: Step, view: TreeView, fence: Fence) -> str:
    try:
        refuse_outside(step, fence)
    except SafeInstallError as error:
        return error.context["reason"]
    fault = view.fault(step)
    if fault:
        return fault
    if isinstance(step, Move) and view.device(step.source) != view.device(step.target):
        return "the two are on different volumes"
    mode = view.mode(step.path) if isinstance(step, RemoveDir) else None
    if isinstance(step, RemoveDir) and mode not in (None, step.mode):
        return f"{step.path} has the mode {mode:o}, not {step.mode:o}"
    return ""
