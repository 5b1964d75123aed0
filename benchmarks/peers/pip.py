"""pip: the dry run of one install of everything."""

from __future__ import annotations

import json

from packaging.utils import canonicalize_name

from ..processes import run
from ..values import Contender, Done, Place, PlanJob, PlanResult


def plan(job: PlanJob) -> PlanResult:
    """`pip install --dry-run --report` over core's and all packs' files."""
    report = job.folder / "report.json"
    report.unlink(missing_ok=True)
    command = [job.packs.python, "-m", "pip", "install", "--dry-run", "--quiet", "--report", report]
    for file in (job.packs.core_file, *job.packs.pack_files):
        command += ["-r", file]
    variables = {**job.packs.variables, "PIP_CACHE_DIR": str(job.folder / "pip")}
    ran = run(command, cwd=job.folder, variables=variables, time_limit=job.time_limit)
    if not ran.ok:
        return PlanResult(seconds=ran.seconds, process_seconds=ran.seconds, locked=False, error=ran.complaint)
    versions: dict[str, str] = {
        canonicalize_name(entry["metadata"]["name"]): str(entry["metadata"]["version"])
        for entry in json.loads(report.read_text(encoding="utf-8"))["install"]
    }
    return PlanResult(seconds=ran.seconds, process_seconds=ran.seconds, locked=True, versions=versions)


def apply(place: Place) -> Done:
    """`pip install -r` of a lock."""
    return _pip(place, "install", "--quiet", "-r", place.lock)


def rollback(place: Place) -> Done:
    """`pip install -r` of what was frozen before."""
    return _pip(place, "install", "--quiet", "-r", place.freeze)


def snapshot(place: Place) -> Done:
    """`pip freeze`."""
    return _pip(place, "freeze")


def _pip(place: Place, *arguments: object) -> Done:
    command = [place.python, "-m", "pip", *arguments]
    ran = run(command, cwd=place.folder, variables=place.variables, time_limit=place.time_limit)
    return Done(seconds=ran.seconds, error=ran.complaint)


CONTENDERS = (
    Contender(name="pip install --dry-run", plan=plan, slow=True),
    Contender(name="pip install", apply=apply, rollback=rollback, slow=True),
    Contender(name="pip freeze", snapshot=snapshot),
)
