"""comfy-cli 1.23: its dependency compiler, answered "latest" to every question it asks."""

from __future__ import annotations

from pathlib import Path

from ..values import Contender, PlanJob, PlanResult
from .child import ask, plan_result

CHILD = Path(__file__).with_name("comfy_cli_child.py")
TIME_LIMIT = 60.0
"""On some failures it asks the same question for ever."""


def plan(job: PlanJob) -> PlanResult:
    """What `comfy install --fast-deps` compiles."""
    ran, answer = ask(
        job.workshop.peer_python("comfy-cli"),
        CHILD,
        {"comfyui": str(job.packs.comfyui), "python": str(job.packs.python), "folder": str(job.folder)},
        folder=job.folder,
        variables={**job.packs.variables, "UV_CACHE_DIR": str(job.folder / "uv")},
        time_limit=min(TIME_LIMIT, job.time_limit),
    )
    return plan_result(ran, answer)


CONTENDERS = (Contender(name="comfy-cli 1.23, latest", plan=plan),)
