"""Does what the running product does, in a process that has imported everything already: `... TASK.json`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import cast

PACKAGE = "comfyui_safe_install"


def act(task: dict[str, str]) -> dict[str, object]:
    """The answer: seconds of the work alone, seconds of each stage, and what came out or the error."""
    from comfyui_safe_install.resolver.core.merge import Policy
    from comfyui_safe_install.resolver.engine.planned import Options
    from comfyui_safe_install.resolver.engine.rolling_back import Rollback
    from comfyui_safe_install.resolver.engine.session import Session
    from comfyui_safe_install.resolver.errors import SafeInstallError
    from comfyui_safe_install.resolver.ports import Site
    from comfyui_safe_install.resolver.wiring import PageProbe, open_site

    options = Options(
        policy=Policy(task.get("policy", "newest")),
        allowed=frozenset(task.get("allow", "").split(",")) - {""},
    )
    clock = Clock()
    try:
        site = open_site(Path(task["comfyui"]), python=Path(task["python"]), state=Path(task["state"]))
        session = Session(site=cast("Site", site), probe=PageProbe(), report=clock)
        if task["act"] == "plan":
            with session.plan_sync(options) as planned:
                return {**clock.answer(), "plan": planned.plan.to_dict()}
        if task["act"] == "apply":
            with session.plan_install([task["pack"]], options, to_apply=True) as planned:
                clock.restart("check")
                applied = session.apply(planned)
                return {**clock.answer(), "swap": applied.swap_seconds}
        if task["act"] == "rollback":
            rolling = Rollback(session=session)
            back = rolling.plan(rolling.find())
            clock.stage("check")
            applied = rolling.apply(back)
            return {**clock.answer(), "swap": applied.swap_seconds}
        site.snapshots.save(site.take_snapshot(site.environment(), "benchmark"))
        return clock.answer()
    except SafeInstallError as error:
        return {**clock.answer(), "error": f"{error.code}: {error} {error.context.get('output', '')}"}


class Clock:
    """A reporter that notes how long each stage takes."""

    def __init__(self) -> None:
        """Begin now."""
        self.restart("read")

    def restart(self, name: str) -> None:
        """Forget what was, and begin now with a stage of that name."""
        self._parts: dict[str, float] = {}
        self._start = self._since = time.perf_counter()
        self._name = name

    def stage(self, name: str, text: str = "") -> None:  # noqa: ARG002 - the reporter's signature
        """The stage until now is over; the same name may come again."""
        now = time.perf_counter()
        self._parts[self._name] = round(self._parts.get(self._name, 0.0) + now - self._since, 4)
        self._name, self._since = name, now

    def progress(self, done: int, total: int, unit: str) -> None:
        """Say nothing."""

    def log(self, line: str) -> None:
        """Say nothing."""

    def answer(self) -> dict[str, object]:
        """Everything since the last restart."""
        self.stage("")
        return {"seconds": self._since - self._start, "parts": self._parts}


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    package = ModuleType(PACKAGE)
    package.__path__ = [given["root"]]
    sys.modules[PACKAGE] = package
    import comfyui_safe_install.resolver.engine.rolling_back
    import comfyui_safe_install.resolver.wiring  # noqa: F401 - before the clock starts

    Path(given["answer"]).write_text(json.dumps(act(given)), encoding="utf-8")
