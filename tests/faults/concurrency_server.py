"""A long-lived process that holds sessions and runs them in worker threads, as a server would.

Reads one JSON object a line, {"id": 3, "do": "install", "arguments": ["/path"]}, runs each in a thread of its own
and writes {"id": 3, "code": 0, "error": {...}} when it is done.

    python tests/faults/concurrency_server.py COMFYUI
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    importlib.import_module("kit.package").register_package()


def _ours(module: str) -> Any:
    return importlib.import_module(f"comfyui_safe_install.resolver.{module}")


def carry_out(comfy: Path, do: str, arguments: list[str]) -> None:
    """One piece of work, as a server's handler would do it. Raises what it raises."""
    wiring, sessions = _ours("wiring"), _ours("engine.session")
    site = wiring.open_site(comfy)
    session = sessions.Session(site=site, probe=wiring.PageProbe())
    options = sessions.Options()
    if do in ("install", "sync", "uninstall"):
        plans = {
            "install": lambda: session.plan_install(arguments, options, to_apply=True),
            "sync": lambda: session.plan_sync(options),
            "uninstall": lambda: session.plan_uninstall(*arguments),
        }
        with plans[do]() as planned:
            if not planned.plan.is_empty:
                session.apply(planned)
    elif do == "rollback":
        rollback = _ours("engine.rolling_back").Rollback(session=session)
        plan = rollback.plan(rollback.find(*arguments))
        if not plan.is_empty:
            rollback.apply(plan)
    elif do == "recover":
        _ours("transaction.recover").recover(site.state, site.roots)
    elif do == "verify":
        outcome = _ours("engine.explaining").verify(session)
        if outcome.faults:
            raise _ours("errors").SafeInstallError(
                "faults", "; ".join(each.message for each in outcome.faults)
            )
    elif do == "plan":
        session.plan_install(arguments, options).close()
    else:
        raise ValueError(do)


def _answer(comfy: Path, wish: dict[str, Any], guard: threading.Lock) -> None:
    errors = _ours("errors")
    answer: dict[str, Any] = {"id": wish["id"], "code": 0, "error": {}}
    try:
        carry_out(comfy, wish["do"], wish["arguments"])
    except errors.SafeInstallError as error:
        answer |= {"code": error.exit_code, "error": error.to_dict()}
    except BaseException:  # noqa: BLE001 - told to who drives it, as a fault
        answer |= {"code": 1, "error": {"code": "internal-error", "message": traceback.format_exc()}}
    with guard:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main(comfy: Path) -> None:
    """Serve until the input ends."""
    # Its changes take a while, so that others come in between.
    importlib.import_module("kit.kill_after").kill_after("never")
    guard = threading.Lock()
    for line in sys.stdin:
        threading.Thread(target=_answer, args=(comfy, json.loads(line), guard)).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
