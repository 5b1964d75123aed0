"""Ours: the engine as a server calls it, and the command line as a user does."""

from __future__ import annotations

import json
import shutil
import sys
from functools import partial
from pathlib import Path

from ..processes import run
from ..values import OURS, Contender, PlanJob, PlanResult
from ..workshop import ROOT
from .child import ask

CHILD = Path(__file__).with_name("safe_install_child.py")


def plan(job: PlanJob, *, policy: str = "newest", allow: str = "", remembering: bool = False) -> PlanResult:
    """The merged lock of core and all packs.

    `remembering`: what was solved in the last minutes is not solved again, as when a user plans twice;
    otherwise that memory is emptied first, and only uv's own cache is warm.
    """
    state = job.folder / "state"
    task = {
        "root": str(ROOT),
        "comfyui": str(job.packs.comfyui),
        "python": str(job.packs.python),
        "state": str(state),
        "policy": policy,
        "allow": allow,
    }
    variables = {**job.packs.variables, "UV_CACHE_DIR": str(job.folder / "uv")}
    if not remembering:
        _forget(state)
    ran, answer = ask(
        Path(sys.executable), CHILD, task, folder=job.folder, variables=variables, time_limit=job.time_limit
    )
    document = answer.get("plan")
    measured = answer.get("seconds")
    seconds = float(measured) if isinstance(measured, (int, float)) else ran.seconds
    if not isinstance(document, dict):
        return PlanResult(
            seconds=seconds, locked=False, error=str(answer.get("error") or ran.complaint)[:300]
        )
    stages = answer.get("stages")
    if not remembering:
        _forget(state)
    return PlanResult(
        seconds=seconds,
        process_seconds=_command_seconds(job, state, variables, policy, allow),
        locked=True,
        stages=tuple((name, at) for name, at in stages) if isinstance(stages, list) else (),
        versions=document["lock"],
        removed=frozenset(change["name"] for change in document["changes"] if change["action"] == "remove"),
    )


def _command_seconds(
    job: PlanJob, state: Path, variables: dict[str, str], policy: str, allow: str
) -> float | None:
    """The time of `safe-install lock --json`, which plans the same; None where it fails."""
    command = [*command_line(job.packs.comfyui, job.packs.python, state), "lock", "--policy", policy]
    if allow:
        command += ["--allow", allow]
    ran = run(command, cwd=job.folder, variables=variables, time_limit=job.time_limit)
    try:
        document = json.loads(ran.stdout)
    except ValueError:
        return None
    return ran.seconds if ran.ok and isinstance(document, dict) and "lock" in document else None


def command_line(comfyui: Path, python: Path, state: Path) -> list[str | Path]:
    """The start of every command of ours: the program and its global options."""
    return [
        sys.executable, ROOT, "--comfyui", comfyui, "--python", python, "--state", state, "--json"
    ]  # fmt: skip


def _forget(state: Path) -> None:
    shutil.rmtree(state / "cache" / "solves", ignore_errors=True)


CONTENDERS = (
    Contender(name=OURS, plan=plan),
    Contender(name=f"{OURS}, planned again", plan=partial(plan, remembering=True)),
    Contender(name=f"{OURS}, fewest-broken", plan=partial(plan, policy="fewest-broken")),
    Contender(name=f"{OURS}, builds allowed", plan=partial(plan, allow="builds")),
)
