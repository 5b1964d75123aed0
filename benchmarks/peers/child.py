"""Driving a peer that is a Python library: a child in the peer's own environment writes an answer file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..pins import read_pins
from ..processes import Ran, run
from ..values import Done, PlanResult


def ask(
    python: Path,
    script: Path,
    task: Mapping[str, object],
    *,
    folder: Path,
    variables: Mapping[str, str],
    time_limit: float,
) -> tuple[Ran, dict[str, object]]:
    """The child's end, and its answer; {} where it wrote none."""
    answer = folder / "answer.json"
    answer.unlink(missing_ok=True)
    (folder / "task.json").write_text(json.dumps({**task, "answer": str(answer)}), encoding="utf-8")
    ran = run(
        [python, "-I", script, folder / "task.json"], cwd=folder, variables=variables, time_limit=time_limit
    )
    if not answer.is_file():
        return ran, {}
    document = json.loads(answer.read_text(encoding="utf-8"))
    return ran, document if isinstance(document, dict) else {}


def done(ran: Ran, answer: Mapping[str, object]) -> Done:
    """The act in an answer with `seconds`, perhaps `parts` and `error`."""
    measured = answer.get("seconds")
    parts = answer.get("parts")
    return Done(
        seconds=float(measured) if isinstance(measured, (int, float)) else ran.seconds,
        error=str(answer.get("error") or ran.complaint)[:300],
        extra=parts if isinstance(parts, dict) else {},
    )


def plan_result(ran: Ran, answer: Mapping[str, object]) -> PlanResult:
    """The result in an answer with `seconds`, and `lock` (a requirements text) or `error`."""
    measured = answer.get("seconds")
    seconds = float(measured) if isinstance(measured, (int, float)) else ran.seconds
    lock = answer.get("lock")
    if not isinstance(lock, str):
        error = str(answer.get("error") or ran.complaint or "no answer")
        return PlanResult(seconds=seconds, process_seconds=ran.seconds, locked=False, error=error[:300])
    versions, urls = read_pins(lock)
    return PlanResult(seconds=seconds, process_seconds=ran.seconds, locked=True, versions=versions, urls=urls)
