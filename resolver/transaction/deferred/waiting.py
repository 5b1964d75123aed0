"""Transactions that wait for the next start: what waits, applying it, giving it up.

Standard library only, no network, no uv: at a start every package may be broken. What was staged and tried is
applied if what it was planned on still holds; otherwise it is refused with the premise that does not, and the
next one is looked at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import Hint, RecoveryNeededError, SafeInstallError, UsageError
from .. import folder, fs
from ..locks.place_lock import PlaceLock
from ..recover import areas_among, deferred
from ..runner import Transaction
from ..steps import FilesLockedError
from .bytecode import follow_bytecode
from .holders import holders_of
from .installed import faults_after, list_installed
from .note import LOCKED as IN_USE
from .note import Note, load_note
from .premises import Broken, broken_premises
from .resnapping import follow_packs, refresh_snapshot

APPLIED, REFUSED, FAILED, LOCKED, ELSEWHERE = "applied", "refused", "failed", "locked", "elsewhere"

CANCELLED = "cancelled by the user"
MANY_TRIES = 3
"""After so many tries in vain it is said that waiting alone does not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python whose environment is at hand."""

    version: str
    """`3.12`."""
    prefix: str

    @classmethod
    def running(cls) -> Interpreter:
        """The one that runs this."""
        return cls(version="{}.{}".format(*sys.version_info), prefix=sys.prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A transaction that waits."""

    id: str
    operation: str
    since: str
    """ISO time, UTC, when it was begun."""
    tries: int
    note: Note | None
    """None where it cannot be read."""

    def to_dict(self) -> dict[str, object]:
        """What waits as a JSON object."""
        return {
            "id": self.id,
            "operation": self.operation,
            "since": self.since,
            "tries": self.tries,
            "why": self.note.why if self.note else "",
            "said": self.note.said if self.note else "",
            "locked": list(self.note.locked) if self.note else [],
            "prefix": self.note.prefix if self.note else "",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one waiting transaction."""

    id: str
    operation: str
    outcome: str
    """APPLIED; REFUSED (a premise does not hold any more) and FAILED (it could not be applied or verified):
    rolled back; LOCKED (files are in use) and ELSEWHERE (it is of another environment): it goes on waiting."""
    reason: str = ""
    broken: tuple[Broken, ...] = ()
    tries: int = 0
    notes: tuple[str, ...] = ()
    """What had changed beside it since it waits; going back spares that."""

    @property
    def line(self) -> str:
        """The outcome in words."""
        name = f"{self.id} ({self.operation})"
        if self.outcome == APPLIED:
            beside = (
                f" Since it was planned, {'; '.join(self.notes)}; going back spares that."
                if self.notes
                else ""
            )
            return f"The waiting change {name} was applied.{beside}"
        if self.outcome == ELSEWHERE:
            return f"The change {name} goes on waiting: {self.reason}"
        if self.outcome == LOCKED:
            return f"The change {name} goes on waiting: {self.reason}{_what_helps(self.id, self.tries)}"
        return f"The waiting change {name} was not applied, and everything is as before: {self.reason}"

    def to_dict(self) -> dict[str, object]:
        """The outcome as a JSON object."""
        return {
            "id": self.id,
            "operation": self.operation,
            "outcome": self.outcome,
            "reason": self.reason,
            "broken": [each.to_dict() for each in self.broken],
            "tries": self.tries,
            "notes": list(self.notes),
        }


def list_waiting(state_dir: Path) -> tuple[Waiting, ...]:
    """What waits, oldest first. Reads only. RecoveryNeededError where a journal is damaged."""
    found = []
    for identifier in reversed(deferred(state_dir)):
        progress = folder.load_progress(state_dir, identifier)
        note = None
        with suppress(SafeInstallError):
            note = _note(state_dir, identifier, progress.note_digest)
        found.append(
            Waiting(
                id=identifier,
                operation=progress.operation,
                since=progress.started,
                tries=progress.tries,
                note=note,
            )
        )
    return tuple(found)


def find_waiting(state_dir: Path, name: str) -> Waiting:
    """The waiting one with that id or the only one whose id begins so. UsageError `deferred-not-found`."""
    known = list_waiting(state_dir)
    found = [each for each in known if each.id == name] or [
        each for each in known if each.id.startswith(name)
    ]
    if len(found) == 1 and name:
        return found[0]
    raise UsageError(
        "deferred-not-found",
        f"{len(found)} waiting changes have an id that begins with {name!r}.",
        context={"name": name, "waiting": ", ".join(each.id for each in known)},
        hints=(Hint("list-deferred", "See `safe-install deferred list`."),),
    )


def apply_waiting(
    state_dir: Path, roots: Sequence[Path], interpreter: Interpreter, *, only: str = ""
) -> tuple[Attempt, ...]:
    """What came of every waiting transaction (or `only` that one), oldest first. Takes the lock. Blocks.

    Raises BusyError, and RecoveryNeededError while another transaction is unfinished, or where one of these
    could not be taken back. May be killed at any instant: `recover` takes back what was begun.
    """
    state_dir = state_dir.absolute()
    if not deferred(state_dir):
        return ()
    absolute = [root.absolute() for root in roots]
    attempts = []
    with PlaceLock(state_dir, areas_among(absolute), "apply what waits"):
        for each in list_waiting(state_dir):
            if only in ("", each.id):
                attempts.append(_attempt(state_dir, absolute, interpreter, each))
        _tidy(areas_among(absolute))
    return tuple(attempts)


def cancel_waiting(state_dir: Path, roots: Sequence[Path], identifier: str) -> tuple[Path, ...]:
    """The transaction given up, its stage removed; what could not be deleted. Takes the lock. Blocks.

    Where its list of files is damaged, it is given up all the same, and nothing is deleted. UsageError
    `deferred-not-found`, BusyError, RecoveryNeededError.
    """
    state_dir = state_dir.absolute()
    absolute = [root.absolute() for root in roots]
    with PlaceLock(state_dir, areas_among(absolute), "cancel what waits"):
        find_waiting(state_dir, identifier)
        try:
            transaction = Transaction.resume(state_dir, identifier, absolute)
        except RecoveryNeededError as error:
            if error.code != "steps-refused":
                raise
            transaction = Transaction.resume(state_dir, identifier, absolute, without_steps=True)
        transaction.roll_back(CANCELLED)
        _tidy(areas_among(absolute))
        return transaction.leftovers


def _attempt(state_dir: Path, roots: Sequence[Path], interpreter: Interpreter, each: Waiting) -> Attempt:
    try:
        note = _note(state_dir, each.id, folder.load_progress(state_dir, each.id).note_digest)
    except SafeInstallError as error:
        return Attempt(id=each.id, operation=each.operation, outcome=ELSEWHERE, reason=_in_words(error))
    if not _is_same_place(note.prefix, interpreter.prefix):
        reason = f"it is for the Python in {note.prefix}, and this is the one in {interpreter.prefix}."
        return Attempt(id=each.id, operation=each.operation, outcome=ELSEWHERE, reason=reason)
    try:
        transaction = Transaction.resume(state_dir, each.id, roots)
    except RecoveryNeededError as error:
        if error.code != "steps-refused":
            raise
        return Attempt(id=each.id, operation=each.operation, outcome=ELSEWHERE, reason=_in_words(error))
    broken = broken_premises(note, state_dir, interpreter.version)
    if broken:
        return _refuse(transaction, each, broken)
    try:
        with transaction:
            return _apply(transaction, each, note, state_dir, roots)
    except (SafeInstallError, OSError) as error:
        if isinstance(error, RecoveryNeededError) and error.code == "undo-failed":
            raise
        return Attempt(id=each.id, operation=each.operation, outcome=FAILED, reason=_in_words(error))


def _apply(
    transaction: Transaction, each: Waiting, note: Note, state_dir: Path, roots: Sequence[Path]
) -> Attempt:
    before = list_installed(note.sites)
    said = refresh_snapshot(state_dir, note, before)
    follow_packs(state_dir, note, transaction.steps)
    if said and note.full and fs.is_inside(Path(note.full), [*roots, state_dir]):
        Path(note.full).unlink(missing_ok=True)
    follow_bytecode(transaction)
    try:
        transaction.apply(may_wait=True)
    except FilesLockedError as error:
        if not transaction.can_wait:
            raise
        holders = [holder.words for holder in holders_of(error.paths)]
        used = f" (used by: {', '.join(holders)})" if holders else ""
        reason = f"{error.message}{used}."
        locked = (*(str(path) for path in error.paths if os.path.lexists(path)), *holders)
        transaction.defer(replace(note, why=IN_USE, said=reason, locked=locked).to_dict())
        tries = each.tries + 1
        return Attempt(id=each.id, operation=each.operation, outcome=LOCKED, reason=reason, tries=tries)
    faults = faults_after(
        before,
        list_installed(note.sites),
        arriving=note.arriving,
        leaving=note.leaving,
        accepted=note.accepted,
    )
    if faults:
        raise SafeInstallError(
            "verify-failed", f"What was put in place is not what was planned: {'; '.join(faults[:3])}."
        )
    transaction.commit()
    return Attempt(id=each.id, operation=each.operation, outcome=APPLIED, notes=said)


def _is_same_place(first: str, second: str) -> bool:
    return os.path.normcase(os.path.realpath(first)) == os.path.normcase(os.path.realpath(second))


def _refuse(transaction: Transaction, each: Waiting, broken: Sequence[Broken]) -> Attempt:
    more = f" (and {len(broken) - 1} more reasons)" if len(broken) > 1 else ""
    reason = f"{broken[0].message}{more} Plan it again."
    transaction.roll_back(reason)
    return Attempt(id=each.id, operation=each.operation, outcome=REFUSED, reason=reason, broken=tuple(broken))


def _tidy(areas: Sequence[Path]) -> None:
    """Our folders that are empty are gone."""
    for area in areas:
        for folder_path in (*area.glob("payloads/*"), *area.glob("*")):
            with suppress(OSError):
                folder_path.rmdir()


def _note(state_dir: Path, identifier: str, digest: str) -> Note:
    return load_note(folder.transactions_dir(state_dir) / identifier, digest)


def _in_words(error: Exception) -> str:
    if isinstance(error, SafeInstallError):
        return " ".join([error.message, *(hint.text for hint in error.hints)])
    return str(error) or type(error).__name__


def _what_helps(identifier: str, tries: int) -> str:
    if tries < MANY_TRIES:
        return " It is tried again at the next start."
    return (
        f" That was try {tries}: waiting alone does not help. Close what uses these files or restart the computer,"
        f" then `safe-install deferred apply`; or give it up: `safe-install deferred cancel {identifier}`."
    )
