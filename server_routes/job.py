"""One job while it lives: what it is at, who hears of it, how it ends. Safe to use from several threads."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from ..resolver.engine.downloading import UNDER_WAY
from ..resolver.engine.session import Session
from ..resolver.errors import BusyError, CancelledError, Hint, RefusedError, SafeInstallError, one_line
from . import wire
from .envelope import as_told

EVENT = "safe_install.job"
LONGEST_LOG = 200
"""Lines that are kept."""
LONGEST_LINE = 2000
PAUSE = 0.1
"""Seconds between two events about progress: ten a second are enough for every eye."""

_LOG = logging.getLogger("safe_install")

TOO_LATE = frozenset({"swap", "defer", "install-py"})
"""Stages from which on a job cannot be cancelled: live files are being moved, or have been."""
ENDED = frozenset({"done", "failed", "refused", "cancelled", "interrupted"})


class Send(Protocol):
    """Sends an event of the host's websocket; to all pages where no client is named."""

    def __call__(self, event: str, data: Mapping[str, object], client: str | None = None) -> None:
        """From any thread, without blocking; nothing is raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """What a job came to."""

    result: Mapping[str, object]
    """A small JSON object."""
    restart: wire.Restart = "none"
    skipped: bool = False
    """Whether there was nothing to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWork:
    """What a job works with."""

    session: Session
    job: LiveJob


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """What is to be done."""

    kind: str
    operation: str
    """In words."""
    act: Callable[[JobWork], JobOutcome]
    """Called in the thread of the jobs; perhaps more than once, where another process was at work."""
    ui_ids: tuple[str, ...] = ()
    client_id: str = ""


class LiveJob:
    """A job of this process; also the engine's Reporter while it runs."""

    def __init__(
        self, identifier: str, order: JobOrder, send: Send, save: Callable[[wire.Job], None]
    ) -> None:
        self.order = order
        self.cancel = threading.Event()
        self.begun: Sequence[str] = ()
        """Ids of the transactions of its session; the engine appends to it."""
        self._send, self._save = send, save
        self._lock = threading.RLock()
        self._log: deque[str] = deque(maxlen=LONGEST_LOG)
        self._unsent: deque[str] = deque(maxlen=LONGEST_LOG)
        self._sent = 0.0
        self._timer: threading.Timer | None = None
        self._waiting: list[Callable[[], None]] = []
        self._view = wire.Job(
            id=identifier,
            kind=order.kind,
            state="queued",
            ui_ids=list(order.ui_ids),
            client_id=order.client_id,
            operation=one_line(order.operation),
            cancellable=True,
            created=now(),
        )

    @property
    def view(self) -> wire.Job:
        """The job as it is now."""
        with self._lock:
            return self._view.model_copy(update={"log": list(self._log)})

    @property
    def id(self) -> str:
        """Its id."""
        return self._view.id

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._view.state in ENDED

    def when_ended(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have `tell` called once it is over, from any thread, or at once. What takes that back."""
        with self._lock:
            if not self.has_ended:
                self._waiting.append(tell)
                return lambda: self._forget(tell)
        tell()
        return lambda: None

    def _forget(self, tell: Callable[[], None]) -> None:
        with self._lock:
            if tell in self._waiting:
                self._waiting.remove(tell)

    # --- its course -----------------------------------------------------------------------------------------

    def put_down(self) -> None:
        """Write it to the disk, and tell all. It waits for its turn. Raises OSError."""
        self._save(self.view)
        with self._lock:
            self._tell(at_once=True)

    def begin(self) -> bool:
        """It runs from now on; False where it was cancelled while it waited."""
        with self._lock:
            if self.has_ended:
                return False
            self._change(state="running", started=now())
        self._keep()
        return True

    def plan_made(self, plan_id: str, operation: str) -> None:
        """The plan it has made, and what that is in words."""
        with self._lock:
            self._change(plan_id=plan_id, operation=one_line(operation))

    def done(self, outcome: JobOutcome) -> None:
        """It did what was asked."""
        words = "Nothing had to be done." if outcome.skipped else "Done."
        status = wire.TaskStatus(
            status_str="skip" if outcome.skipped else "success", completed=True, messages=[words]
        )
        self._end("done", result=dict(outcome.result), restart=outcome.restart, status=status)

    def failed(self, error: BaseException) -> None:
        """It did not; everything is as it was, or the error says otherwise."""
        if self.cancel.is_set() and isinstance(error, BusyError):
            error = CancelledError("cancelled", "Cancelled while it waited; nothing was changed.")
        told = as_told(error)
        if isinstance(error, CancelledError) or (self.cancel.is_set() and _is_break(error)):
            state: wire.JobState = "cancelled"
        else:
            state = "refused" if isinstance(told, RefusedError) else "failed"
        fault = wire.Fault.model_validate(told.to_dict())
        status = wire.TaskStatus(status_str="error", completed=True, messages=[told.message])
        self._end(state, error=fault, status=status)

    def ask_cancel(self) -> None:
        """Have it stop. RefusedError `too-late-to-cancel` from the swap on; `job-ended` when it is over."""
        with self._lock:
            if self.has_ended:
                raise job_ended(self.id)
            if not self._view.cancellable:
                raise RefusedError(
                    "too-late-to-cancel",
                    "Files are being moved already; in a moment it is over.",
                    context={"job": self.id},
                    hints=(Hint("roll-back", "Let it end, then roll back: that takes it back in full."),),
                )
            self.cancel.set()
            if self._view.state == "queued":
                self.failed(CancelledError("cancelled", "Cancelled before it began; nothing was changed."))
            elif self._view.state == "running":
                self._change(state="cancelling")

    # --- what the engine says (ports.Reporter) ---------------------------------------------------------------

    def stage(self, name: str, text: str) -> None:
        """A new stage. From the swap on, or once it is being kept for the next start, the job cannot be cancelled."""
        with self._lock:
            changes: dict[str, Any] = {"stage": wire.Stage(name=name, text=one_line(text)), "progress": None}
            if name in TOO_LATE:
                changes["cancellable"] = False
            mine = self.begun[-1] if self.begun else None
            is_new = mine is not None and mine != self._view.transaction_id
            self._log_line(f"{text} ...")
            self._change(**changes, **({"transaction_id": mine} if is_new else {}))
        if is_new:
            self._keep()

    def progress(self, done: int, total: int, unit: str) -> None:
        """How far the stage is."""
        with self._lock:
            if not self.has_ended:
                before = self._view.progress or wire.Progress(done=0, total=0, unit="bytes")
                if unit == UNDER_WAY:
                    progress = before.model_copy(update={"under_way": done})
                else:
                    under_way = before.under_way if done < total else 0
                    progress = wire.Progress(done=done, total=total, unit=unit, under_way=under_way)
                is_last = done >= total > 0 and progress != self._view.progress
                self._view = self._view.model_copy(update={"progress": progress})
                # Before the next stage takes its place.
                self._tell(at_once=is_last)

    def log(self, line: str) -> None:
        """One line of detail."""
        with self._lock:
            self._log_line(line)
            self._tell()

    def again(self, line: str) -> None:
        """It is begun anew, since another was at work: it can be cancelled again."""
        with self._lock:
            self._log_line(line)
            self._change(cancellable=True, stage=wire.Stage(name="wait", text=one_line(line)), progress=None)

    # --- inside ---------------------------------------------------------------------------------------------

    def _end(self, state: wire.JobState, **more: Any) -> None:
        with self._lock:
            if self.begun:
                more["transaction_id"] = self.begun[-1]
            self._change(state=state, ended=now(), cancellable=False, progress=None, **more)
            waiting, self._waiting = self._waiting, []
        self._keep()
        for tell in waiting:
            tell()

    def _log_line(self, line: str) -> None:
        text = one_line(line)[:LONGEST_LINE]
        self._log.append(text)
        self._unsent.append(text)

    def _change(self, **changes: Any) -> None:
        self._view = self._view.model_copy(update=changes)
        self._tell(at_once=True)

    def _keep(self) -> None:
        """Write it down; a full disk must not stop the work itself."""
        try:
            self._save(self.view)
        except (OSError, SafeInstallError) as error:
            _LOG.warning(
                "Safe Install: the job %s could not be written down: %s", self.id, one_line(str(error))
            )

    def _tell(self, *, at_once: bool = False) -> None:
        """Tell the pages now, or in a moment. Called with the lock held, so that they hear it in order."""
        left = self._sent + PAUSE - time.monotonic()
        if at_once or left <= 0:
            self._send_now()
        elif self._timer is None:
            self._timer = threading.Timer(left, self._tell_late)
            self._timer.daemon = True
            self._timer.start()

    def _tell_late(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._send_now()

    def _send_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._sent = time.monotonic()
        view = self._view
        if view.client_id:
            whole = view.model_dump(mode="json", by_alias=True, exclude={"log"})
            self._send(EVENT, {"job": {**whole, "new_log": list(self._unsent)}}, view.client_id)
        self._unsent.clear()
        self._send(EVENT, {"job": summary_of(view).model_dump(mode="json")})


def summary_of(view: wire.Job) -> wire.JobSummary:
    """What everybody hears of a job."""
    return wire.JobSummary(
        id=view.id, kind=view.kind, state=view.state, stage=view.stage, progress=view.progress
    )


def job_ended(identifier: str) -> RefusedError:
    """The error for cancelling what is over."""
    return RefusedError(
        "job-ended",
        "The job is over already.",
        context={"job": identifier},
        hints=(Hint("roll-back", "What it changed can be taken back by rolling back."),),
    )


def now() -> str:
    """The time, UTC, as `2026-01-31T12:00:00.000Z`."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_break(error: BaseException) -> bool:
    # What a cancel breaks off may end in other words: an archive that cannot be closed, a module half read.
    return not isinstance(error, SafeInstallError)
