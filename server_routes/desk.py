"""What every handler works with: the host, the engine, the jobs. One for each process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from ..resolver.core.settings import Settings
from ..resolver.core.types import PythonInfo
from ..resolver.engine.job_history import JobHistory
from ..resolver.engine.session import Session
from ..resolver.errors import Hint, SafeInstallError
from ..resolver.ports import Reporter
from ..resolver.wiring import load_settings, open_site, session_on
from .breathing import loop_breathing
from .dispatch import the_server
from .host import Host
from .job import JobOrder
from .jobs import Jobs
from .plans import Plans
from .uploads import Uploads

if TYPE_CHECKING:
    from .wire import Job

T = TypeVar("T")

CHANGED = "safe_install.changed"
"""The event of `tell_changed`; its data is `wire.Changed`."""
_READERS = 4
"""Requests that are answered from the disk at the same time; the others wait their turn."""


class Desk:
    """The host, the engine, the jobs. Safe to share between threads."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.plans = Plans()
        self.uploads = Uploads(host.state)
        self.jobs = Jobs(JobHistory(host.state), self.open_session, host.send)
        # What an interpreter says of itself does not change while a server runs in it.
        self._pythons: dict[Path, PythonInfo] = {}
        with suppress(OSError):  # They are in nobody's way, and the next one that comes tries again.
            self.uploads.remove_old()
        self._quick = ThreadPoolExecutor(max_workers=2, thread_name_prefix="safe-install-quick")
        self._readers = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="safe-install-read")

    @property
    def state(self) -> Path:
        """Our state folder."""
        return self.host.state

    def settings(self) -> Settings:
        """The user's settings, read anew. Blocks. Raises UsageError `settings-invalid`."""
        return load_settings(self.host.state)

    async def in_thread(self, act: Callable[..., T], *arguments: object) -> T:
        """What `act` returns; it runs in one of a few threads. For reading: what changes anything is a job."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, _read, act, *arguments)

    async def soon(self, act: Callable[..., T], *arguments: object) -> T:
        """The same for what takes a moment only: it never stands in line behind somebody's long reading."""
        return await asyncio.get_running_loop().run_in_executor(self._quick, _read, act, *arguments)

    def open_session(self, report: Reporter | None = None, cancel: threading.Event | None = None) -> Session:
        """The engine on this host, for one thread. Blocks: starts the interpreter, the first time."""
        host = self.host
        python = host.python
        site = open_site(
            host.comfyui,
            python=python,
            state=host.state,
            custom_nodes=host.custom_nodes,
            known=self._pythons.get(python),
        )
        self._pythons[python] = site.python
        return session_on(site, report, cancel)

    def tell_changed(self, what: Literal["snapshots", "waiting"]) -> None:
        """Have every page read that anew: it changed without a job. From any thread."""
        self.host.send(CHANGED, {"what": what})

    def submit(self, order: JobOrder) -> Job:
        """The job, in the queue and on the disk. Blocks for the time of a write."""
        return self.jobs.submit(order)


def _read(act: Callable[..., T], *arguments: object) -> T:
    with loop_breathing(reading=True):
        return act(*arguments)


_desks: list[Desk] = []
_lock = threading.Lock()


def desk() -> Desk:
    """The desk of this process, for handlers and for callers inside it. Blocks the first time.

    Raises SafeInstallError `no-server` where the routes are on no server.
    """
    with _lock:
        if not _desks:
            server = the_server()
            if server is None:
                raise SafeInstallError(
                    "no-server",
                    "Safe Install's routes are on no server in this process.",
                    hints=(Hint("start-comfyui", "Start ComfyUI with its server, or use `safe-install`."),),
                )
            _desks.append(Desk(Host(server)))
        return _desks[0]
