"""Hosts that really run: the stand-in always, a real ComfyUI when SAFE_INSTALL_COMFYUI names its folder."""

from __future__ import annotations

import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from comfyui_safe_install.devhost.checkout import put_in
from comfyui_safe_install.tests.kit.package import ROOT

from .talking import Client, Events

STAND_IN = "stand-in"
REAL = "real"
COMFYUI = "SAFE_INSTALL_COMFYUI"
"""Environment variable: the folder of a real ComfyUI to run the same tests on."""
COMFYUI_PYTHON = "SAFE_INSTALL_COMFYUI_PYTHON"
"""Environment variable: the interpreter that can run it; its packages are never changed."""
COMFYUI_ARGUMENTS = "SAFE_INSTALL_COMFYUI_ARGUMENTS"
"""Environment variable: more of its command line, such as `--enable-manager` where that interpreter has Manager."""
_MANAGED_PYTHON = "SAFE_INSTALL_PYTHON"
"""What our routes manage in place of the interpreter they run in."""
_LISTENS = "To see the GUI go to"
_SECONDS_TO_START = {STAND_IN: 30.0, REAL: 120.0}


class HostDied(Exception):  # noqa: N818  what happened, not whose fault it is
    """The host ended before it listened; `code` as `subprocess` gives it."""

    def __init__(self, code: int, log: str) -> None:
        super().__init__(f"exit code {code}\n{log[-4000:]}")
        self.code = code


@dataclass(slots=True)
class Running(Client):
    """A host that listens. Also a context manager, which ends it."""

    kind: str = ""
    base: Path = Path()
    process: subprocess.Popen[bytes] = field(init=False)
    log: Path = Path()
    """Its stderr, from the first line on, over restarts."""
    lines: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    """What it printed on stdout."""
    starts: int = 0
    """How often the log says that it listens."""

    def events(self, client: str = "") -> Events:
        """The websocket, as a page with that id (or one of the server's making) has it."""
        return Events(url=self.url, client=client)

    def text_of_log(self) -> str:
        """All it logged up to now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def is_up(self) -> bool:
        """Whether it answers at this moment."""
        try:
            return self.get("/system_stats").status == 200
        except OSError:
            return False

    def wait_for_restart(self, seconds: float = 120.0) -> None:
        """Return when it answers again after a restart that was asked for; its process is the same one."""
        deadline = time.monotonic() + seconds
        while self.text_of_log().count(_LISTENS) <= self.starts or not self.is_up():
            if self.process.poll() is not None:
                raise HostDied(self.process.returncode, self.text_of_log())
            assert time.monotonic() < deadline, self.text_of_log()[-4000:]
            time.sleep(0.05)
        self.starts = self.text_of_log().count(_LISTENS)
        self.forget_token()

    def stop(self, seconds: float = 60.0) -> int:
        """End it as a service manager would (SIGTERM), and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait(seconds)

    def kill(self) -> int:
        """End it with kill -9, and return its exit code."""
        if self.process.poll() is None:
            self.process.kill()
        return self.wait(60)

    def wait(self, seconds: float = 60.0) -> int:
        """Its exit code once it ended by itself; killed and a failure when it does not."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(60)
            raise

    def __enter__(self) -> Running:
        """Itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End it; at once when it does not want to."""
        with suppress(subprocess.TimeoutExpired):
            self.stop(15)


def kinds() -> list[str]:
    """The kinds of host there are here."""
    return [STAND_IN, REAL] if os.environ.get(COMFYUI) else [STAND_IN]


def start(
    kind: str,
    base: Path,
    *arguments: str,
    python: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Running:
    """Start a host on the folder `base` and return when it answers. Raises HostDied when it ended before.

    `python` is the interpreter whose environment is managed (the stand-in runs in it). This checkout is among
    the packs, by links, unless a copy of it is in custom_nodes already.
    """
    log = log or base.parent / f"{base.name}-{kind}.log"
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
    environ.pop("PYTHONPATH", None)
    port = 0
    if kind == STAND_IN:
        command = _stand_in(base, arguments, python)
    else:
        port = free_port()
        command = _real(base, arguments, port)
        environ |= {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
        if python is not None:
            environ[_MANAGED_PYTHON] = str(python)
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT if kind == STAND_IN else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environ,
        )
    running = Running(kind=kind, base=base, log=log, url=f"http://127.0.0.1:{port}" if port else "")
    running.process = process
    assert process.stdout is not None
    threading.Thread(target=_read, args=(process.stdout, running.lines), daemon=True).start()
    _wait_until_it_listens(running, _SECONDS_TO_START[kind])
    return running


def _stand_in(base: Path, arguments: Sequence[str], python: Path | str | None) -> list[str]:
    chosen = ["--python", str(python)] if python is not None else []
    return [sys.executable, "-m", "devhost", "--base", str(base), "--port", "0", *chosen, *arguments]


def _real(base: Path, arguments: Sequence[str], port: int) -> list[str]:
    _lay_out(base)
    return [
        os.environ.get(COMFYUI_PYTHON) or sys.executable,
        str(Path(os.environ[COMFYUI]) / "main.py"),
        *("--cpu", "--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(base)),
        *("--disable-auto-launch", "--database-url", f"sqlite:///{base}/user/comfyui.db"),
        *shlex.split(os.environ.get(COMFYUI_ARGUMENTS, "")),
        *arguments,
    ]


def _lay_out(base: Path) -> None:
    """As the stand-in does, with this checkout among the packs."""
    for name in ("custom_nodes", "user", "input", "output", "temp", "models"):
        (base / name).mkdir(parents=True, exist_ok=True)
    put_in(base / "custom_nodes")


def _wait_until_it_listens(running: Running, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        if not running.url:
            with suppress(queue.Empty):
                running.url = running.lines.get(timeout=0.05).removeprefix("listening on ").strip()
        elif running.is_up():
            running.starts = running.text_of_log().count(_LISTENS)
            return
        else:
            time.sleep(0.1)
        if running.process.poll() is not None:
            raise HostDied(running.process.returncode, running.text_of_log())
        if time.monotonic() > deadline:
            running.kill()
            raise AssertionError(f"It does not listen:\n{running.text_of_log()[-4000:]}")


def _read(stream: IO[bytes], lines: queue.SimpleQueue[str]) -> None:
    with stream:
        for line in stream:
            lines.put(line.decode(errors="replace"))


def free_port() -> int:
    """A port of the loopback that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def interrupt(running: Running) -> int:
    """Ctrl-C, and the exit code."""
    running.process.send_signal(signal.SIGINT)
    return running.wait()
