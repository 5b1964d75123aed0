"""ComfyUI-Manager 4.3: its unified resolver, as it runs at start-up and from its command line."""

from __future__ import annotations

from pathlib import Path

from ..values import Contender, PlanJob, PlanResult
from .child import ask, plan_result

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


CONTENDERS = (
    Contender(name="Manager 4.3, start-up", plan=plan_startup),
    Contender(name="Manager 4.3, command line", plan=plan_cli),
)
