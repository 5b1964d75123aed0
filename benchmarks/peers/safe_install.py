"""Ours: the engine as a server calls it, and the command line as a user does."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ..processes import Ran, run
from ..values import OURS, Contender, Done, Place, PlanJob, PlanResult
from ..workshop import ROOT, BenchError
from .child import ask, done

CHILD = Path(__file__).with_name("safe_install_child.py")
ENGINE = f"{OURS}, engine"


def plan(job: PlanJob, *, policy: str = "newest", allow: str = "", remembering: bool = False) -> PlanResult:
    """The merged lock of core and all packs.

    `remembering`: what was solved in the last minutes is not solved again, as when a user plans twice;
    otherwise that memory is emptied first, and only uv's own cache is warm.
    """
    state = job.folder / "state"
    variables = {**job.packs.variables, "UV_CACHE_DIR": str(job.folder / "uv")}
    if not remembering:
        _forget(state)
    ran, answer = _engine(
        {"act": "plan", "policy": policy, "allow": allow},
        comfyui=job.packs.comfyui,
        python=job.packs.python,
        state=state,
        folder=job.folder,
        variables=variables,
        time_limit=job.time_limit,
    )
    work, document = done(ran, answer), answer.get("plan")
    if not isinstance(document, dict):
        return PlanResult(seconds=work.seconds, locked=False, error=work.error)
    if not remembering:
        _forget(state)
    command = [*_command(job.packs.comfyui, job.packs.python, state), "lock", "--policy", policy]
    whole = run(
        [*command, *(["--allow", allow] if allow else [])],
        cwd=job.folder,
        variables=variables,
        time_limit=job.time_limit,
    )
    return PlanResult(
        seconds=work.seconds,
        process_seconds=whole.seconds if _document(whole).get("lock") else None,
        locked=True,
        parts=work.extra,
        versions=document["lock"],
        removed=frozenset(change["name"] for change in document["changes"] if change["action"] == "remove"),
    )


def plan_install(place: Place) -> dict[str, object]:
    """The document of `safe-install plan PACK --json`. Raises BenchError."""
    command = [*_command(place.comfyui, place.python, place.folder / "state"), "plan", place.pack]
    ran = run(command, cwd=place.folder, variables=place.variables, time_limit=place.time_limit)
    document = _document(ran)
    if not ran.ok or not document.get("ok"):
        raise BenchError(f"we cannot plan the change to compare: {document or ran.complaint}")
    return document


def apply_engine(place: Place) -> Done:
    """A plan that was made and shown already: staged, tried, snapshotted, swapped, verified, committed."""
    return _act(place, {"act": "apply", "pack": str(place.pack)})


def rollback_engine(place: Place) -> Done:
    """Back to before the last change, from finding the snapshot to the commit."""
    return _act(place, {"act": "rollback"})


def snapshot_engine(place: Place) -> Done:
    """A snapshot taken and stored."""
    return _act(place, {"act": "snapshot"})


def apply_command(place: Place) -> Done:
    """`safe-install install PACK --yes`: planning, trial and verification included."""
    return _whole(place, "install", place.pack, "--yes")


def rollback_command(place: Place) -> Done:
    """`safe-install rollback --yes`."""
    return _whole(place, "rollback", "--yes")


def snapshot_command(place: Place) -> Done:
    """`safe-install snapshot create`."""
    return _whole(place, "snapshot", "create")


def _act(place: Place, task: Mapping[str, object]) -> Done:
    ran, answer = _engine(
        task,
        comfyui=place.comfyui,
        python=place.python,
        state=place.folder / "state",
        folder=place.folder,
        variables=place.variables,
        time_limit=place.time_limit,
    )
    work, swap = done(ran, answer), answer.get("swap")
    parts = {**work.extra, "renames alone": swap} if isinstance(swap, (int, float)) else work.extra
    return Done(seconds=work.seconds, error=work.error, extra=parts)


def _whole(place: Place, *arguments: object) -> Done:
    command = [*_command(place.comfyui, place.python, place.folder / "state"), *arguments]
    ran = run(command, cwd=place.folder, variables=place.variables, time_limit=place.time_limit)
    error = _document(ran).get("error") or ran.complaint
    return Done(seconds=ran.seconds, error="" if ran.ok else str(error)[:300])


def _engine(
    task: Mapping[str, object],
    *,
    comfyui: Path,
    python: Path,
    state: Path,
    folder: Path,
    variables: Mapping[str, str],
    time_limit: float,
) -> tuple[Ran, dict[str, object]]:
    given = {
        **task,
        "root": str(ROOT),
        "comfyui": str(comfyui),
        "python": str(python),
        "state": str(state),
    }
    return ask(Path(sys.executable), CHILD, given, folder=folder, variables=variables, time_limit=time_limit)


def _command(comfyui: Path, python: Path, state: Path) -> list[object]:
    """The start of every command of ours: the program and its global options."""
    return [sys.executable, ROOT, "--comfyui", comfyui, "--python", python, "--state", state, "--json"]


def _document(ran: Ran) -> dict[str, object]:
    try:
        document = json.loads(ran.stdout)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _forget(state: Path) -> None:
    shutil.rmtree(state / "cache" / "solves", ignore_errors=True)


CONTENDERS = (
    Contender(name=OURS, plan=plan),
    Contender(name=f"{OURS}, planned again", plan=partial(plan, remembering=True)),
    Contender(name=f"{OURS}, fewest-broken", plan=partial(plan, policy="fewest-broken")),
    Contender(name=f"{OURS}, builds allowed", plan=partial(plan, allow="builds")),
    Contender(name=ENGINE, apply=apply_engine, rollback=rollback_engine, snapshot=snapshot_engine),
    Contender(
        name=f"{OURS}, whole command",
        apply=apply_command,
        rollback=rollback_command,
        snapshot=snapshot_command,
    ),
)
