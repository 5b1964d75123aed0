"""comfy-cli 1.23: its dependency compiler, answered "latest" to every question it asks."""

from __future__ import annotations

from pathlib import Path

from ..values import Contender, Done, Place, PlanJob, PlanResult
from .child import ask, done, plan_result

CHILD = Path(__file__).with_name("comfy_cli_child.py")
TIME_LIMIT = 60.0
"""On some failures it asks the same question for ever."""


def plan(job: PlanJob) -> PlanResult:
    """What `comfy install --fast-deps` compiles."""
    ran, answer = ask(
        job.workshop.peer_python("comfy-cli"),
        CHILD,
        {
            "act": "plan",
            "comfyui": str(job.packs.comfyui),
            "python": str(job.packs.python),
            "folder": str(job.folder),
        },
        folder=job.folder,
        variables={**job.packs.variables, "UV_CACHE_DIR": str(job.folder / "uv")},
        time_limit=min(TIME_LIMIT, job.time_limit),
    )
    return plan_result(ran, answer)


def apply(place: Place) -> Done:
    """What it does with its lock."""
    ran, answer = ask(
        place.workshop.peer_python("comfy-cli"),
        CHILD,
        {
            "act": "install",
            "comfyui": str(place.comfyui),
            "python": str(place.python),
            "lock": str(place.lock),
        },
        folder=place.folder,
        variables=place.variables,
        time_limit=place.time_limit,
    )
    return done(ran, answer)


CONTENDERS = (
    Contender(name="comfy-cli 1.23, latest", plan=plan),
    Contender(name="comfy-cli 1.23, install", apply=apply),
)
