"""The stand-in for ComfyUI on a workspace, with the real front end, until somebody ends it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .workspace import READY, ROOT, SETTLED, Sample, Workspace, headline

_PREFIX = "/safe_install/v1"
_PICK = (
    'python3 -c "import functools as f, json, sys; '
    "print(f.reduce(lambda d, k: d[k], sys.argv[1].split('.'), json.load(sys.stdin)))\""
)


@contextmanager
def running(workspace: Workspace, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The stand-in's address and process, for as long as the block lasts. Raises RuntimeError with its log."""
    command = [
        *(sys.executable, "-m", "devhost", "--base", str(workspace.comfyui)),
        *("--python", str(workspace.python), "--port", str(port)),
    ]
    # What it would compile were no change of ours, and the tour compares every file.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with workspace.log.open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            start_new_session=True,  # Ctrl-C is for us; we end it.
        )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("listening on "):
            raise RuntimeError(f"It did not start:\n{workspace.log.read_text(encoding='utf-8')}")
        yield line.removeprefix("listening on ").strip(), process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def serve(workspace: Workspace, port: int) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit code of the stand-in if it ends before."""
    with running(workspace, port) as (url, process):
        headline("Ready")
        print(f"\n  ComfyUI's front end with Safe Install:  {url}\n")
        print(f"  Installed:         {SETTLED.name}: {SETTLED.says}")
        for number, sample in enumerate(READY):
            print(f"  {'' if number else 'To be installed:':18} {workspace.source(sample)}: {sample.says}")
        print(f"  The host's log:    {workspace.log}")
        print("\nThe same by hand, in another terminal (bash):\n")
        print("\n".join(f"  {line}" for line in lines(url, workspace)))
        print("\nCtrl-C ends it and removes the workspace.", flush=True)
        return process.wait()


def lines(url: str, workspace: Workspace, sample: Sample = READY[1]) -> list[str]:
    """Shell lines for a plan, an install and a rollback, which work as they are."""
    install = f'{{"ui_id":"1","client_id":"me","kind":"install","params":{{"source":"{workspace.source(sample)}"}}}}'
    apply = (
        '{"ui_id":"2","client_id":"me","kind":"apply","params":{"plan_id":"\'$PLAN\'"},"agree":"\'$SEEN\'"}'
    )
    rollback = '{"ui_id":"3","client_id":"me","kind":"rollback","params":{}}'
    remember = 'PLAN=$(echo "$DONE" | pick plan_id); SEEN=$(echo "$DONE" | pick result.fingerprint)'
    return [
        f"API={url}{_PREFIX}",
        f'pick() {{ {_PICK} "$1"; }}',
        "TOKEN=$(curl -s $API/token | pick token)",
        'send() { curl -s -H "Content-Type: application/json" -H "X-Safe-Install-Token: $TOKEN" "$@"; }',
        "# What an install would change; nothing is touched.",
        f"JOB=$(send $API/plan -d '{install}' | pick id)",
        f'DONE=$(curl -s "$API/jobs/$JOB?wait=60"); {remember}',
        'curl -s "$API/plan/$PLAN" | python3 -m json.tool',
        "# Do exactly that, with a yes to what it costs others.",
        f"JOB=$(send $API/tasks -d '{apply}' | pick id)",
        'curl -s "$API/jobs/$JOB?wait=60" | python3 -m json.tool',
        "# Go back: what that takes, and then do it.",
        f"JOB=$(send $API/plan -d '{rollback}' | pick id)",
        f'DONE=$(curl -s "$API/jobs/$JOB?wait=60"); {remember}',
        f"JOB=$(send $API/tasks -d '{apply}' | pick id)",
        'curl -s "$API/jobs/$JOB?wait=60" | pick state',
    ]
