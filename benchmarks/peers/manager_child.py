"""Runs inside ComfyUI-Manager's own environment, alone: `python manager_child.py TASK.json`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

# What its command line sets before it resolves (cm_cli/__main__.py of 4.3); its start-up batch passes none.
CLI_BLACKLIST = {"torch", "torchaudio", "torchsde", "torchvision"}
CLI_NO_DOWNGRADE = [
    "torch", "torchaudio", "torchsde", "torchvision", "transformers", "safetensors", "kornia"
]  # fmt: skip


def plan(task: dict[str, str]) -> dict[str, object]:
    """Collect and compile, as `resolve_and_install` does up to the install."""
    from comfyui_manager.common import (  # type: ignore[import-not-found, unused-ignore]
        unified_dep_resolver as manager,
    )

    start = time.perf_counter()
    cli = task["mode"] == "cli"
    resolver = manager.UnifiedDepResolver(
        node_pack_paths=manager.collect_node_pack_paths([str(Path(task["comfyui"]) / "custom_nodes")]),
        base_requirements=manager.collect_base_requirements(task["comfyui"]),
        blacklist=CLI_BLACKLIST if cli else set(),
        overrides={},
        downgrade_blacklist=CLI_NO_DOWNGRADE if cli else [],
    )
    result = resolver.compile_lockfile(resolver.collect_requirements())
    seconds = time.perf_counter() - start
    if not result.success:
        return {"seconds": seconds, "error": " / ".join(result.conflicts)[-300:]}
    return {"seconds": seconds, "lock": Path(result.lockfile_path).read_text(encoding="utf-8")}


def install(task: dict[str, str]) -> dict[str, object]:
    """Install a lock, as its unified resolver does."""
    from comfyui_manager.common import (  # type: ignore[import-not-found, unused-ignore]
        unified_dep_resolver as manager,
    )

    start = time.perf_counter()
    result = manager.UnifiedDepResolver(node_pack_paths=[]).install_from_lockfile(task["lock"])
    return {"seconds": time.perf_counter() - start, "error": "" if result.success else result.stderr[-300:]}


def restore(task: dict[str, str]) -> dict[str, object]:
    """Bring back a snapshot's pip lines, with every flag that its command line has for it."""
    from comfyui_manager.common import (  # type: ignore[import-not-found, unused-ignore]
        manager_util as manager,
    )

    pips = {line: "" for line in Path(task["freeze"]).read_text(encoding="utf-8").splitlines() if line}
    start = time.perf_counter()
    manager.restore_pip_snapshot(pips, ["--pip-non-url", "--pip-non-local-url", "--pip-local-url"])
    return {"seconds": time.perf_counter() - start}


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # Manager is loaded by ComfyUI and looks at its arguments; what is driven here does not use them.
    sys.modules["comfy"], arguments = ModuleType("comfy"), ModuleType("comfy.cli_args")
    sys.modules["comfy.cli_args"] = arguments
    arguments.args = SimpleNamespace()  # type: ignore[attr-defined]
    # It lives in the environment it works on; here it works on another one, by the name of its interpreter.
    sys.executable = given["python"]
    outcome = {"plan": plan, "install": install, "restore": restore}[given["act"]](given)
    Path(given["answer"]).write_text(json.dumps(outcome), encoding="utf-8")
