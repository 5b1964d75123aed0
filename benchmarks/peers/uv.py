"""Raw uv: one compile over everything, or the dry run of an install into the live environment."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from ..pins import read_pins
from ..processes import run
from ..values import Contender, Done, Place, PlanJob, PlanResult

INSTALL = "uv pip install"


def plan_compile(job: PlanJob) -> PlanResult:
    """`uv pip compile` over core's and all packs' files, as uv does it by itself."""
    out = job.folder / "locked.txt"
    out.unlink(missing_ok=True)
    files = [job.packs.core_file, *job.packs.pack_files]
    command = [job.workshop.uv, "pip", "compile", *files, "--quiet", "--python", job.packs.python, "-o", out]
    ran = run(command, cwd=job.folder, variables=_variables(job), time_limit=job.time_limit)
    if not ran.ok:
        return PlanResult(seconds=ran.seconds, process_seconds=ran.seconds, locked=False, error=ran.complaint)
    versions, urls = read_pins(out.read_text(encoding="utf-8"))
    return PlanResult(
        seconds=ran.seconds, process_seconds=ran.seconds, locked=True, versions=versions, urls=urls
    )


def plan_install(job: PlanJob) -> PlanResult:
    """`uv pip install --dry-run`, which keeps what is installed where it fits."""
    command = [job.workshop.uv, "pip", "install", "--dry-run", "--python", job.packs.python]
    for file in (job.packs.core_file, *job.packs.pack_files):
        command += ["-r", file]
    ran = run(command, cwd=job.folder, variables=_variables(job), time_limit=job.time_limit)
    if not ran.ok:
        return PlanResult(seconds=ran.seconds, process_seconds=ran.seconds, locked=False, error=ran.complaint)
    versions: dict[str, str] = {}
    urls: dict[str, str] = {}
    for name, version, url in re.findall(
        r"^ [+~] ([\w.-]+)(?:==(\S+)| @ (\S+)|)(?: .*)?$", f"{ran.stdout}\n{ran.stderr}", re.MULTILINE
    ):
        versions[canonicalize_name(name)] = version
        if url:
            urls[canonicalize_name(name)] = url
    return PlanResult(
        seconds=ran.seconds, process_seconds=ran.seconds, locked=True, versions=versions, urls=urls
    )


def _variables(job: PlanJob) -> dict[str, str]:
    return {**job.packs.variables, "UV_CACHE_DIR": str(job.folder / "uv")}


def apply(place: Place, *options: str) -> Done:
    """`uv pip install` of a lock, in place."""
    return _pip(place, "install", "--no-deps", "-r", place.lock, *options)


def apply_copies(place: Place) -> Done:
    """The same with copies in place of links to uv's cache, so that an edited file stays the user's own."""
    return apply(place, "--link-mode", "copy")


def rollback_install(place: Place) -> Done:
    """`uv pip install` of what was frozen before."""
    return _pip(place, "install", "-r", place.freeze)


def rollback_sync(place: Place) -> Done:
    """`uv pip sync` to what was frozen before."""
    return _pip(place, "sync", place.freeze)


def snapshot(place: Place) -> Done:
    """`uv pip freeze`."""
    return _pip(place, "freeze")


def _pip(place: Place, act: str, *arguments: object) -> Done:
    command = [place.workshop.uv, "pip", act, "--python", place.python, *arguments]
    ran = run(command, cwd=place.folder, variables=place.variables, time_limit=place.time_limit)
    return Done(seconds=ran.seconds, error=ran.complaint)


CONTENDERS = (
    Contender(name="uv pip compile", plan=plan_compile),
    Contender(name="uv pip install --dry-run", plan=plan_install),
    Contender(name=INSTALL, apply=apply, rollback=rollback_install),
    Contender(name="uv pip install, copies", apply=apply_copies),
    Contender(name="uv pip sync", rollback=rollback_sync, applied_by=INSTALL),
    Contender(name="uv pip freeze", snapshot=snapshot),
)
