"""Telling a user who is at work, and what to do."""

from __future__ import annotations

from pathlib import Path

from ...errors import BusyError, Hint, SafeInstallError
from .owners import Owner, Standing

NOBODY_KNOWN = Owner(pid=0, host="unknown", since="unknown", operation="unknown")
"""A holder that has not written its name, or whose name cannot be read."""


class TakenError(Exception):
    """A lock is not to be had now; for the retries within this room."""

    def __init__(self, owner: Owner | None, *, claim: Path | None = None) -> None:
        super().__init__()
        self.owner = owner
        self.claim = claim
        """The claim file that says so, where the file system has no locks."""


def busy(path: Path, owner: Owner | None, *, claim: Path | None = None) -> BusyError:
    """The error that names who is at work, as far as that is known."""
    owner = owner or NOBODY_KNOWN
    pid = owner.pid or "unknown"
    standing = owner.standing() if owner.pid else Standing.UNKNOWN
    message = f"Safe Install is already at work: {owner.operation} (process {pid} on {owner.host}, "
    message += f"since {owner.since})."
    hints = [Hint("wait", "Wait until it has finished, then try again, or use --wait SECONDS.")]
    if standing is Standing.GONE:
        message += " That process has ended, but something it started still holds the lock."
        hints.append(Hint("end-process", f"End what process {pid} has left running."))
    elif claim is not None and standing is Standing.UNKNOWN:
        # Without locks nobody can tell from here whether a process elsewhere lives.
        hints.append(
            Hint("remove-claim", f"If no Safe Install runs on {owner.host} any more, delete {claim}.")
        )
    else:
        hints.append(Hint("end-process", f"If it hangs, end process {pid}; what it began is then recovered."))
    context = {
        "pid": pid,
        "host": owner.host,
        "since": owner.since,
        "operation": owner.operation,
        "lock": path,
    }
    return BusyError("busy", message, context=context, hints=tuple(hints))


def unavailable(path: Path, error: OSError) -> SafeInstallError:
    """The error for a lock file that cannot be made or locked."""
    return SafeInstallError(
        "lock-unavailable",
        f"The lock {path} cannot be taken: {error.strerror or error}",
        context={"path": path},
        hints=(Hint("check-state-folder", "See that this folder exists and is writable."),),
    )
