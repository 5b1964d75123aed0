"""The queue: one job at a time, in the order in which they were asked for; and every job of the past."""

from __future__ import annotations

import asyncio
import atexit
import logging
import queue
import secrets
import threading
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, Protocol

from pydantic import ValidationError

from ..resolver.engine.job_history import KEEP, JobHistory, StoredJob
from ..resolver.engine.patience import until_free
from ..resolver.engine.session import Session
from ..resolver.errors import SafeInstallError, UsageError
from ..resolver.ports import Reporter
from . import wire
from .breathing import loop_breathing
from .interrupted import as_interrupted
from .job import ENDED, JobOrder, JobOutcome, JobWork, LiveJob, Send, job_ended

PATIENCE = 15.0
"""Seconds a job waits for another process that is at work."""

_LOG = logging.getLogger("safe_install")


class OpenSession(Protocol):
    """Opens the engine. Blocks."""

    def __call__(self, report: Reporter | None, cancel: threading.Event | None) -> Session:
        """For one thread."""


class Jobs:
    """All jobs of this ComfyUI. Safe to share between threads."""

    def __init__(
        self, history: JobHistory, open_session: OpenSession, send: Send, *, patience: float = PATIENCE
    ) -> None:
        """Blocks: reads what is kept, and settles what was running when the last process ended."""
        self._history, self._open, self._send, self._patience = history, open_session, send, patience
        self._lock = threading.Lock()
        self._live: dict[str, LiveJob] = {}
        self._past: dict[str, wire.Job] = {}
        self._elsewhere: set[str] = set()
        self._queue: queue.SimpleQueue[LiveJob | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._closed = False
        for stored in history.read_all():
            self._take_over(stored)

    # --- asking ---------------------------------------------------------------------------------------------

    def submit(self, order: JobOrder) -> wire.Job:
        """The job, in the queue, and on the disk when this returns. Raises OSError."""
        with self._lock:
            if self._closed:
                raise SafeInstallError("shutting-down", "ComfyUI is ending; nothing new is begun.")
            job = LiveJob(self._new_id(), order, self._send, self._save)
            self._live[job.id] = job
            self._forget_oldest()
        try:
            job.put_down()
        except BaseException:
            with self._lock:
                del self._live[job.id]
            raise
        self._queue.put(job)
        self._start()
        return job.view

    def get(self, identifier: str) -> wire.Job:
        """The job of that id. Reads a file for one of another process. UsageError `job-not-found`."""
        live = self._live.get(identifier)
        if live is not None:
            return live.view
        if identifier in self._elsewhere:
            self._look_elsewhere(identifier)
        found = self._past.get(identifier)
        if found is None:
            raise UsageError("job-not-found", "There is no such job.", context={"job": identifier})
        return found

    def all(self) -> list[wire.Job]:
        """All jobs, newest first, without their logs. Reads a file for each of another process."""
        for identifier in tuple(self._elsewhere):
            self._look_elsewhere(identifier)
        with self._lock:
            live = [each.view for each in self._live.values()]
            found = [*self._past.values(), *live]
        found.sort(key=lambda job: job.id, reverse=True)
        return [each.model_copy(update={"log": []}) for each in found]

    def open_jobs(self) -> list[wire.Job]:
        """Those that wait or run in this process, oldest first."""
        with self._lock:
            views = [each.view for each in self._live.values() if not each.has_ended]
        return sorted(views, key=lambda job: job.id)

    @property
    def restart(self) -> wire.Restart:
        """The least that has to happen until all that was done in this process counts."""
        order: list[wire.Restart] = ["none", "reload", "restart"]
        with self._lock:
            wanted = [each.view.restart or "none" for each in self._live.values()]
        return max(wanted, key=order.index, default="none")

    def cancel(self, identifier: str) -> wire.Job:
        """The job, asked to stop. RefusedError `too-late-to-cancel`, `job-ended`; UsageError `job-not-found`."""
        live = self._live.get(identifier)
        if live is None:
            self.get(identifier)
            raise job_ended(identifier)
        live.ask_cancel()
        return live.view

    async def wait(self, identifier: str, seconds: float) -> None:
        """Until the job is over, or the seconds are. Holds nothing up."""
        live = self._live.get(identifier)
        if live is None or live.has_ended or seconds <= 0:
            return
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(over.set)

        forget = live.when_ended(tell)
        try:
            await asyncio.wait_for(over.wait(), seconds)
        except asyncio.TimeoutError:
            pass
        finally:
            forget()

    def close(self, seconds: float = 10.0) -> None:
        """Begin nothing new, cancel what runs, and wait for it for so long. Blocks."""
        with self._lock:
            self._closed = True
            running = [each for each in self._live.values() if not each.has_ended]
            worker = self._worker
        for job in running:
            try:
                job.ask_cancel()
            except SafeInstallError:
                continue  # It is being swapped: it ends by itself in a moment.
        self._queue.put(None)
        if worker is not None and worker is not threading.current_thread():
            worker.join(seconds)

    # --- the thread -----------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._worker is None:
                # A daemon, since nothing may keep ComfyUI from ending; `close` gives it time to put things back.
                self._worker = threading.Thread(target=self._run, name="safe-install-jobs", daemon=True)
                self._worker.start()
                atexit.register(self.close)

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                if job.begin():
                    self._carry_out(job)
            except Exception:  # noqa: BLE001 - the next job must be done all the same
                _LOG.exception("Safe Install: the job %s was lost.", job.id)

    def _carry_out(self, job: LiveJob) -> None:
        try:
            outcome = until_free(self._patience, job.cancel, lambda: self._act(job), job.again)
        except BaseException as error:  # noqa: BLE001 - a pack's metadata may raise anything, SystemExit included
            job.failed(error)
        else:
            job.done(outcome)

    def _act(self, job: LiveJob) -> JobOutcome:
        with loop_breathing():
            session = self._open(job, job.cancel)
            job.begun = session.begun
            return job.order.act(JobWork(session=session, job=job))

    # --- the past -------------------------------------------------------------------------------------------

    def _save(self, view: wire.Job) -> None:
        self._history.save(view.id, _document(view))
        if view.state in ENDED:
            self._history.prune()

    def _take_over(self, stored: StoredJob) -> None:
        view = _read(stored)
        if view is None:
            return
        if stored.is_elsewhere:
            self._elsewhere.add(view.id)
        elif view.state not in ENDED:
            view = as_interrupted(view, self._history.fate_of(view.transaction_id or ""))
            with suppress(OSError):  # The same is found at the next start.
                self._history.save(view.id, _document(view))
        self._past[view.id] = view

    def _look_elsewhere(self, identifier: str) -> None:
        stored = self._history.read(identifier)
        if stored is not None:
            with self._lock:
                self._elsewhere.discard(identifier)
                self._take_over(stored)

    def _new_id(self) -> str:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S%f")
        newest = max(self._live, default="")
        # Two may be asked for in one tick of the clock, and it may be set back.
        if newest and stamp <= newest[:22]:
            stamp = f"{newest[:9]}{int(newest[9:21]) + 1:012d}"
        return f"{stamp}-{secrets.token_hex(3)}"

    def _forget_oldest(self) -> None:
        """No more in memory than on the disk."""
        ended = [each for each, job in self._live.items() if job.has_ended]
        over = len(self._live) + len(self._past) - KEEP
        for identifier in sorted(self._past)[: max(over, 0)]:
            del self._past[identifier]
            over -= 1
        for identifier in sorted(ended)[: max(over, 0)]:
            del self._live[identifier]


def _document(view: wire.Job) -> dict[str, Any]:
    return view.model_dump(mode="json", by_alias=True)


def _read(stored: StoredJob) -> wire.Job | None:
    try:
        view = wire.Job.model_validate(stored.document)
    except ValidationError:  # Another version wrote it; only the memory of it is lost.
        return None
    return view if view.id == stored.id else None
