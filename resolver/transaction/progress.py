"""What a journal says about its transaction, and how far the disk can be according to it.

A *position* is a number of steps in effect: 0 is before, `len(steps)` is all done. Every journal line moves
along positions one by one, so a crash leaves the disk at one of the few the last lines allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.states import FOLLOWERS, TransactionState
from ..errors import Hint, RecoveryNeededError
from .journal import Entry, damaged

FORMAT = 1
"""Of journal and steps.json; a higher number was written by a later version and is not guessed at."""

_APPLYING_STATES = (TransactionState.APPLYING, TransactionState.VERIFYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The content of one journal."""

    operation: str
    roots: tuple[Path, ...]
    summary: Mapping[str, object]
    started: str
    """ISO time, UTC."""
    ended: str
    """ISO time of the final state; empty before."""
    state: TransactionState
    deferred: bool
    """Waiting, on purpose, for the next start."""
    was_deferred: bool
    """It waits, or did."""
    tries: int
    """How often it was begun and taken back again since it waits, because files were in use."""
    note_digest: str
    """sha256 of the note that says what it waits for (see `waiting`); empty without one."""
    reason: str
    """Why it was rolled back; empty before, and where nobody said."""
    newest: str
    """Id of the newest transaction there was when this one was committed; its own unless it had waited."""
    cleaned: bool
    steps_digest: str
    """sha256 of steps.json as it was when the first step was about to begin, or when it began to wait."""
    reached: int
    """Steps ever begun."""
    claim: tuple[int, ...]
    """Positions the disk can be at if only the process died: one, or two around an act in progress."""
    window: tuple[int, int]
    """Lowest and highest position the disk can be at if unsynced renames were lost (power cut)."""

    @property
    def is_open(self) -> bool:
        """True while the live tree may be between before and after, or may still be changed."""
        return not self.state.is_final


def read_progress(entries: Sequence[Entry], path: Path) -> Progress:
    """The progress in the entries of the journal at `path`.

    Strict: RecoveryNeededError `journal-damaged` for lines no runner would write in that order, and
    `journal-newer` for a format this version does not know.
    """
    reader = _Reader(path)
    for entry in entries:
        reader.take(entry.body)
    return reader.progress()


@dataclass(slots=True)
class _Reader:
    path: Path
    planned: Mapping[str, object] = field(default_factory=dict)
    state: TransactionState | None = None
    ended: str = ""
    deferred: bool = False
    tries: int = 0
    note: str = ""
    reason: str = ""
    newest: str = ""
    cleaned: bool = False
    digest: str = ""
    reached: int = 0
    done: int = 0
    """Steps with a done line, while going forward."""
    undoing: bool = False
    claim: tuple[int, ...] = (0,)
    low: int = 0
    high: int = 0
    open_step: tuple[str, int] | None = None
    """The act that was announced and has no closing line yet."""

    def take(self, body: Mapping[str, object]) -> None:
        """Read one line."""
        kind = body.get("kind")
        if self.state is None and (kind != "state" or body.get("state") != TransactionState.PLANNED.value):
            raise self._damaged("it does not begin with the planned state")
        if kind == "state":
            self._take_state(body)
        elif kind in ("intent", "done", "failed", "undo", "undone"):
            self._take_step(str(kind), body)
        elif kind == "deferred":
            self._take_deferred(body)
        elif kind == "cleaned" and self.state is not None and self.state.is_final:
            self.cleaned = True
        else:
            raise self._damaged(f"a line of the kind {kind!r} has no place there")

    def _take_state(self, body: Mapping[str, object]) -> None:
        try:
            state = TransactionState(body.get("state"))
        except ValueError:
            raise self._damaged(f"{body.get('state')!r} is no state") from None
        if self.state is None:
            if body.get("format") != FORMAT:
                raise _newer(self.path, body.get("format"))
            self.planned = body
        elif state not in FOLLOWERS[self.state]:
            raise self._damaged(f"{state.value} cannot follow {self.state.value}")
        if state is TransactionState.APPLYING:
            self.digest = self._text(body, "steps")
        if state is TransactionState.VERIFYING:
            if self.open_step or self.undoing:
                raise self._damaged("it verifies while a step is under way")
            # The runner syncs every touched folder before it writes this line.
            self.low = self.high = self.done
        if state.is_final:
            self.ended = self._text(body, "at")
            self.reason, self.newest = str(body.get("reason") or ""), str(body.get("newest") or "")
        self.state = state

    def _take_deferred(self, body: Mapping[str, object]) -> None:
        """It waits; where it had been begun, every step was taken back and synced before this line."""
        begun = self.state is TransactionState.APPLYING
        withdrawn = begun and self.open_step is None and self.claim == (0,)
        if not withdrawn and self.state is not TransactionState.TRIED:
            raise self._damaged("it waits while its steps are under way, or before it was tried")
        self.tries += withdrawn and self.deferred
        self.deferred, self.state, self.undoing = True, TransactionState.TRIED, False
        self.digest, self.note = str(body.get("steps") or ""), str(body.get("note") or "")
        self.reached = self.done = self.low = self.high = 0

    def _take_step(self, kind: str, body: Mapping[str, object]) -> None:
        index = body.get("step")
        if self.state not in _APPLYING_STATES or type(index) is not int or index < 0:
            raise self._damaged(f"the line {dict(body)!r} has no place there")
        fits = {
            "intent": not self.undoing and self.open_step is None and index == self.done,
            "done": self.open_step == ("intent", index),
            "failed": self.open_step == ("intent", index),
            "undo": index < self.reached,
            "undone": self.open_step == ("undo", index),
        }
        if not fits[kind]:
            raise self._damaged(f"the line {dict(body)!r} has no place there")
        if kind == "failed":
            self.open_step, self.undoing = None, True
            self.reached = self.high = index
            self.low = min(self.low, index)
            self.claim = (index,)
            return
        if kind in ("done", "undone"):
            self.open_step = None
            self.done += kind == "done"
            self.claim = (index + 1 if kind == "done" else index,)
            return
        self.open_step = (kind, index)
        self.undoing = kind == "undo"
        before, after = (index + 1, index) if self.undoing else (index, index + 1)
        if body.get("synced") is True:
            self.low = self.high = before
        self.low, self.high = min(self.low, after), max(self.high, after)
        self.reached = max(self.reached, index + 1)
        self.claim = (before, after)

    def progress(self) -> Progress:
        """All of it."""
        if self.state is None:
            raise self._damaged("it is empty")
        roots, summary = self.planned.get("roots"), self.planned.get("summary")
        if not isinstance(roots, list) or not isinstance(summary, Mapping):
            raise self._damaged("its first line is incomplete")
        return Progress(
            operation=self._text(self.planned, "operation"),
            roots=tuple(Path(str(root)) for root in roots),
            summary=summary,
            started=self._text(self.planned, "at"),
            ended=self.ended,
            state=self.state,
            deferred=self.deferred and self.state is TransactionState.TRIED,
            was_deferred=self.deferred,
            tries=self.tries,
            note_digest=self.note,
            reason=self.reason,
            newest=self.newest,
            cleaned=self.cleaned,
            steps_digest=self.digest,
            reached=self.reached,
            claim=self.claim,
            window=(self.low, self.high),
        )

    def _text(self, body: Mapping[str, object], key: str) -> str:
        value = body.get(key)
        if not isinstance(value, str):
            raise self._damaged(f"{key!r} is missing")
        return value

    def _damaged(self, why: str) -> RecoveryNeededError:
        return damaged(self.path, why)


def _newer(path: Path, found: object) -> RecoveryNeededError:
    return RecoveryNeededError(
        "journal-newer",
        f"The journal {path} has the format {found!r}; this version of Safe Install knows {FORMAT}.",
        context={"path": path, "format": found},
        hints=(
            Hint(
                "update-safe-install",
                "Recover with the version of Safe Install that wrote it, or a later one.",
            ),
        ),
    )
