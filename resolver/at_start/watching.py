"""The mark of the start that is under way: made before any pack loads, settled once the server is up.

A pack can end the host with `sys.exit`, a crash or a kill, and nothing in the process can see all of these. So the
mark says `starting` until somebody says otherwise, and the next start draws the conclusion.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from ..transaction.history import last_committed
from ..transaction.starts import Mark, Outcome, make_mark, read_starts

_LOG = logging.getLogger("safe_install")

STARTED = "SAFE_INSTALL_START"
"""Names our mark in the environment: whoever finds it there is what this process became by exec."""

_REBOOT = "__COMFY_CLI_SESSION__"
"""comfy-cli starts the host again when the file of this name with `.reboot` exists (ComfyUI-Manager's restart)."""

_POLITE = ("SIGTERM", "SIGHUP")
"""Signals that ask to end: a service manager, a container, a closed terminal. What they end did not die."""


class WatchedStart:
    """Knows whether the start it watches has come up. One for each process; used from its main thread."""

    def __init__(self, mark: Mark) -> None:
        """Watches from now on."""
        self._mark = mark
        os.environ[STARTED] = mark.id
        atexit.register(self._at_exit)
        self._handled = [number for number in map(_signal_number, _POLITE) if number and self._handle(number)]

    @property
    def id(self) -> str:
        """Of the mark."""
        return self._mark.id

    def came_up(self) -> None:
        """Every pack is loaded and the server is about to listen. Blocks for one sync; never raises."""
        self._settle(Outcome.UP)

    def cannot_tell(self, why: str) -> None:
        """Nothing will ever say whether this start came up, so it counts neither way. Never raises."""
        self._settle(Outcome.UNWATCHED, why)

    def _settle(self, outcome: Outcome, note: str = "") -> None:
        if self._mark.outcome is Outcome.UP or self._mark.outcome is outcome:
            return
        if os.environ.get(STARTED) == self._mark.id:
            del os.environ[STARTED]
        try:
            self._mark.say(outcome, note)
        except OSError as error:
            _LOG.debug("Safe Install: the mark of this start cannot be written: %s", error)
        for number in self._handled:
            with suppress(ValueError):  # Not in the main thread.
                if signal.getsignal(number) == self._told_to_stop:
                    signal.signal(number, signal.SIG_DFL)
        self._handled = []

    def _at_exit(self) -> None:
        if self._mark.outcome is not Outcome.STARTING:
            return
        if _server_is_up():
            self._settle(Outcome.UP, "noticed at its end")
        elif issubclass(getattr(sys, "last_type", None) or Exception, KeyboardInterrupt):
            self._settle(Outcome.STOPPED, "Ctrl-C")
        elif _is_to_be_started_again():
            self._settle(Outcome.REPLACED, "restarted by comfy-cli")
        else:
            self._settle(Outcome.DIED, "the process was ended before the server was up")

    def _handle(self, number: int) -> bool:
        try:
            if signal.getsignal(number) is not signal.SIG_DFL:
                return False
            signal.signal(number, self._told_to_stop)
        except (ValueError, OSError):  # Not in the main thread.
            return False
        return True

    def _told_to_stop(self, number: int, _: FrameType | None) -> None:
        """Write it down, and end as if we had not been there."""
        self._settle(Outcome.STOPPED, signal.Signals(number).name)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def watch_start(state: Path, *, prefix: str, surroundings: str) -> WatchedStart | None:
    """The watch over the start of this process, from now on; None where no change of ours could be to blame.

    Raises OSError where no mark can be made. Blocks: for two syncs after a change, for none once it came up.
    """
    last = last_committed(state)
    if last is None:
        return None
    proven = any(
        each.outcome is Outcome.UP and (each.transaction, each.prefix) == (last.id, prefix)
        for each in read_starts(state)
    )
    mark = make_mark(state, transaction=last.id, prefix=prefix, surroundings=surroundings, durable=not proven)
    return WatchedStart(mark)


def _signal_number(name: str) -> int:
    return int(getattr(signal, name, 0))


def _server_is_up() -> bool:
    """Whether the host's server has begun to listen, for a start in which our entry could not be told."""
    server: Any = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    return bool(getattr(getattr(server, "app", None), "frozen", False))


def _is_to_be_started_again() -> bool:
    session = os.environ.get(_REBOOT)
    return bool(session) and os.path.isfile(f"{session}.reboot")  # noqa: PTH113 - a name, not a path of ours
