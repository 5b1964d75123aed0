"""Runs inside comfy-cli's own environment, alone: `python comfy_cli_child.py TASK.json`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def plan(task: dict[str, str]) -> dict[str, object]:
    """Compile core, then core and all packs with core's result as overrides."""
    from comfy_cli import ui  # type: ignore[import-not-found, unused-ignore]
    from comfy_cli.uv import DependencyCompiler  # type: ignore[import-not-found, unused-ignore]

    asked: list[str] = []

    def answer_latest(question: str, *_: object, **__: object) -> str:
        asked.append(question)
        return "latest"

    # It asks at the terminal which of two specifiers to take, one conflict at a time; "latest" is a choice.
    ui.prompt_select = answer_latest
    out = Path(task["folder"]) / "compiled"
    out.mkdir(exist_ok=True)
    start = time.perf_counter()
    compiler = DependencyCompiler(cwd=task["comfyui"], executable=task["python"], outDir=out)
    try:
        compiler.compile_deps()
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        cause = getattr(error.__context__, "stderr", "") or ""
        said = " / ".join(line.strip() for line in cause.splitlines() if line.strip())
        return {"seconds": time.perf_counter() - start, "error": f"{type(error).__name__}: {error} {said}"}
    return {
        "seconds": time.perf_counter() - start,
        "lock": Path(compiler.out).read_text(encoding="utf-8"),
        "asked": len(asked),
    }


def install(task: dict[str, str]) -> dict[str, object]:
    """Install a lock, as it does after compiling one."""
    from comfy_cli.uv import DependencyCompiler  # type: ignore[import-not-found, unused-ignore]

    start = time.perf_counter()
    try:
        DependencyCompiler.Install(
            cwd=task["comfyui"], executable=task["python"], reqFile=[task["lock"]], override=None
        )
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        return {"seconds": time.perf_counter() - start, "error": f"{type(error).__name__}: {error}"}
    return {"seconds": time.perf_counter() - start}


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    outcome = install(given) if given["act"] == "install" else plan(given)
    Path(given["answer"]).write_text(json.dumps(outcome), encoding="utf-8")
