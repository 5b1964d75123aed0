"""ComfyUI-Manager 4.3: its unified resolver, as it runs at start-up and from its command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..values import Contender, Done, Place, PlanJob, PlanResult
from .child import ask, done, plan_result
from .uv import INSTALL

CHILD = Path(__file__).with_name("manager_child.py")


def plan_startup(job: PlanJob) -> PlanResult:
    """The batch at start-up with `use_unified_resolver`: no blacklists."""
    return _plan(job, "startup")


def plan_cli(job: PlanJob) -> PlanResult:
    """`cm-cli ... --uv-compile`: torch is left out by name, some packages are not lowered."""
    return _plan(job, "cli")


def _plan(job: PlanJob, mode: str) -> PlanResult:
    task = {"act": "plan", "mode": mode, "comfyui": str(job.packs.comfyui), "python": str(job.packs.python)}
    ran, answer = ask(
        job.workshop.peer_python("manager"),
        CHILD,
        task,
        folder=job.folder,
        variables={**job.packs.variables, "UV_CACHE_DIR": str(job.folder / "uv")},
        time_limit=job.time_limit,
    )
    return plan_result(ran, answer)


def apply(place: Place) -> Done:
    """What the unified resolver does with its lock."""
    return _act(place, {"act": "install", "lock": str(place.lock)})


def rollback(place: Place) -> Done:
    """`restore_pip_snapshot`, with all three flags that its command line has for it."""
    return _act(place, {"act": "restore", "freeze": str(place.freeze)})


def _act(place: Place, task: Mapping[str, object]) -> Done:
    ran, answer = ask(
        place.workshop.peer_python("manager"),
        CHILD,
        {**task, "python": str(place.python)},
        folder=place.folder,
        variables=place.variables,
        time_limit=place.time_limit,
    )
    return done(ran, answer)


CONTENDERS = (
    Contender(name="Manager 4.3, start-up", plan=plan_startup),
    Contender(name="Manager 4.3, command line", plan=plan_cli),
    Contender(name="Manager 4.3, unified install", apply=apply),
    Contender(name="Manager 4.3, restore snapshot", rollback=rollback, applied_by=INSTALL, slow=True),
)
