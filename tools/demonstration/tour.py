"""The scripted run: a conflict planned, installed, verified and rolled back; then the same over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any

from .serving import running
from .workspace import GREETER, NEW_KID, OLD_TIMER, ROOT, Workspace, headline, run


def tour(workspace: Workspace) -> int:
    """The story, in the order a user lives it; 0 when every file came back byte for byte."""
    before = workspace.digest()
    _on_the_command_line(workspace)
    if not _same(before, workspace.digest()):
        return 1
    with running(workspace) as (url, _):
        _over_http(url, workspace)
        return 0 if _same(before, workspace.digest()) else 1


def _on_the_command_line(workspace: Workspace) -> None:
    sources = [str(workspace.source(sample)) for sample in (OLD_TIMER, NEW_KID)]
    headline("Two packs that fight with ComfyUI and with each other: both ways side by side")
    _safe_install(workspace, "plan", "--compare", *sources)

    headline("Install them as one transaction")
    _safe_install(workspace, "install", "--yes", *sources)
    _safe_install(workspace, "why", "opencv-python")

    headline("Go back, with no network")
    begun = time.monotonic()
    _safe_install(workspace, "rollback", "--yes", offline=True)
    print(f"  (whole command: {time.monotonic() - begun:.2f} s)")

    headline("What somebody else does is noticed, and with a full snapshot undone exactly")
    _safe_install(workspace, "snapshot", "create", "--full", "--label", "good")
    uv = os.path.join(os.path.dirname(sys.executable), "uv")  # noqa: PTH118, PTH120
    run(uv, "pip", "install", "--quiet", "--python", str(workspace.python), "numpy<2", "requests==2.31.0")
    _safe_install(workspace, "verify", fails=True)
    _safe_install(workspace, "rollback", "good", "--yes", offline=True)


def _safe_install(workspace: Workspace, *arguments: str, offline: bool = False, fails: bool = False) -> None:
    """One command of ours, printed before it runs. `fails`: it may find something, and say so by its exit code."""
    env = {**os.environ}
    if offline:
        env |= {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(workspace.root / "empty-cache")}
    shown = [argument.replace(f"{workspace.root}{os.sep}", "") for argument in arguments]
    print(f"\n$ safe-install --comfyui ComfyUI {' '.join(shown)}", flush=True)
    command = [sys.executable, str(ROOT), "--comfyui", str(workspace.comfyui), *arguments]
    subprocess.run(command, check=not fails, env=env)


# --- over HTTP --------------------------------------------------------------------------------------------------


def _over_http(url: str, workspace: Workspace) -> None:
    headline(f"The same inside ComfyUI's server, while it runs ({url})")
    page = _Page(url)
    print(f"  the node {GREETER.node} is {page.presence(GREETER.node)}")
    page.do("install", {"source": str(workspace.source(GREETER))})
    page.restart()
    print(f"  the node {GREETER.node} is {page.presence(GREETER.node)}")
    page.do("rollback", {})
    page.restart()
    print(f"  the node {GREETER.node} is {page.presence(GREETER.node)}")


class _Page:
    """Asks as the panel does: with the token of this start of the server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._token = self._ask("/safe_install/v1/token")

    def do(self, kind: str, params: dict[str, str]) -> None:
        """Have it planned, and what was planned done; RuntimeError when that fails."""
        task: dict[str, Any] = {"ui_id": kind, "client_id": "", "kind": kind, "params": params}
        planned = self._job("/plan", task)
        fingerprint = planned["result"]["fingerprint"]
        print(f"  POST /plan   {kind}: {planned['state']}, fingerprint {fingerprint[:12]}")
        task |= {"kind": "apply", "params": {"plan_id": planned["plan_id"]}, "agree": fingerprint}
        done = self._job("/tasks", task)
        print(f"  POST /tasks  {kind}: {done['state']}; for it to count: {done['restart']}")

    def presence(self, node: str) -> str:
        """`there` or `not there`."""
        return "there" if node in self._ask("/object_info") else "not there"

    def restart(self) -> None:
        """Restart the server, and return when it is back."""
        print("  POST /restart")
        self._ask("/safe_install/v1/restart", {})
        before = self._token["token"]
        deadline = time.monotonic() + 60
        while self._token["token"] == before:
            if time.monotonic() > deadline:
                raise RuntimeError("The server does not come back.")
            time.sleep(0.1)
            try:
                self._token = self._ask("/safe_install/v1/token")
            except OSError:
                continue

    def _job(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        address = f"/safe_install/v1/jobs/{self._ask('/safe_install/v1' + path, body)['id']}?wait=60"
        job: dict[str, Any] = {}
        while not job.get("ended"):
            job = self._ask(address)
        if job["state"] != "done":
            raise RuntimeError(json.dumps(job["error"], indent=2))
        return job

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        if body is not None:
            headers[self._token["header"]] = self._token["token"]
        request = urllib.request.Request(self.url + path, data=data, headers=headers)  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310
            return json.loads(answer.read())


def _same(before: str, after: str) -> bool:
    """Whether the tree is what it was, said."""
    if before != after:
        print("The environment is NOT what it was.", file=sys.stderr)
        return False
    print(f"\nEvery file of the environment is what it was: sha256 {after[:16]} before and after.")
    return True
