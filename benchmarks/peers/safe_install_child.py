"""Plans as the running product does, in a process that has imported everything already: `... TASK.json`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Collection
from pathlib import Path
from types import ModuleType

PACKAGE = "comfyui_safe_install"


def plan(task: dict[str, str]) -> dict[str, object]:
    """The lock of core and all packs, from reading the environment to the finished plan."""
    from comfyui_safe_install.resolver.core.merge import Policy
    from comfyui_safe_install.resolver.engine.planning import PlanInputs, Planner, SolverPorts
    from comfyui_safe_install.resolver.errors import SafeInstallError
    from comfyui_safe_install.resolver.wiring import PageProbe, open_site

    allowed = frozenset(task["allow"].split(",")) - {""}
    stages = Stages()
    start = time.perf_counter()
    try:
        site = open_site(Path(task["comfyui"]), python=Path(task["python"]), state=Path(task["state"]))
        environment = site.environment()
        inputs = PlanInputs(
            environment=environment,
            core=site.core(),
            packs=tuple(site.gather(pack.name, Path(pack.path)) for pack in site.packs()),
            rules=site.rules,
            repair=True,
            policy=Policy(task["policy"]),
            allowed=allowed,
        )

        def open_solver(pins: Collection[str], absent: Collection[str]) -> SolverPorts:
            solver, artefacts = site.open_solver(
                environment, pins, absent, allow_builds="builds" in allowed, repair=True
            )
            return SolverPorts(solver=solver, artefacts=artefacts)

        planned = Planner(inputs=inputs, open_solver=open_solver, probe=PageProbe(), report=stages).plan()
        seconds = time.perf_counter() - start
    except SafeInstallError as error:
        return {
            "seconds": time.perf_counter() - start,
            "error": f"{error.code}: {error} {error.context.get('output', '')}",
        }
    return {"seconds": seconds, "stages": stages.at, "plan": planned.to_dict()}


class Stages:
    """Notes when each stage began."""

    def __init__(self) -> None:
        """Begin now."""
        self.start = time.perf_counter()
        self.at: list[tuple[str, float]] = []

    def stage(self, name: str, text: str) -> None:  # noqa: ARG002 - the reporter's signature
        """Note it."""
        self.at.append((name, round(time.perf_counter() - self.start, 3)))

    def progress(self, done: int, total: int, unit: str) -> None:
        """Say nothing."""

    def log(self, line: str) -> None:
        """Say nothing."""


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    package = ModuleType(PACKAGE)
    package.__path__ = [given["root"]]
    sys.modules[PACKAGE] = package
    import comfyui_safe_install.resolver.engine.planning
    import comfyui_safe_install.resolver.wiring  # noqa: F401 - before the clock starts

    Path(given["answer"]).write_text(json.dumps(plan(given)), encoding="utf-8")
