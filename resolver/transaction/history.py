"""The transactions of the past, for the history command."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..core.states import TransactionState
from ..errors import RecoveryNeededError
from . import folder, fs


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecord:
    """One transaction as its journal tells it."""

    id: str
    operation: str
    state: TransactionState | None
    """None when the journal cannot be read; `problem` says why."""
    started: str
    """ISO time, UTC."""
    ended: str
    """ISO time, UTC; empty while it is open."""
    summary: Mapping[str, object] = field(hash=False)
    deferred: bool = False
    """It waits for the next start."""
    was_deferred: bool = False
    """It waits, or did."""
    tries: int = 0
    """How often applying it was tried in vain since it waits."""
    reason: str = ""
    """Why it was rolled back, where it was."""
    newest: str = ""
    """Id of the newest transaction there was when it was committed; its own unless it had waited."""
    problem: str = ""

    def to_dict(self) -> dict[str, object]:
        """The record as a JSON object."""
        return {
            "id": self.id,
            "operation": self.operation,
            "state": self.state.value if self.state else "",
            "started": self.started,
            "ended": self.ended,
            "summary": dict(self.summary),
            "deferred": self.deferred,
            "tries": self.tries,
            "reason": self.reason,
            "problem": self.problem,
        }


UNDOES = "undoes"
"""Key of a transaction's summary: the id of the one it was made to take back."""

_MOST = 2000
_SETTLED: dict[tuple[str, str], tuple[tuple[int, ...], TransactionRecord]] = {}
"""{(state folder, id): (stamp of the journal, what it tells)} of this process. Nobody changes a summary."""

ARCHIVE = "history.jsonl"
"""In the state folder: one line for each transaction whose folder was thrown away (see `archive`)."""


def read_transactions(state_dir: Path) -> tuple[TransactionRecord, ...]:
    """All transactions, oldest first. A damaged one is shown as such, beside the others. Reads only.

    Of archived ones the summary has no decisions; the record file has them.
    """
    present = [read_transaction(state_dir, identifier) for identifier in folder.identifiers(state_dir)]
    # One that was archived by another process while we read is in the archive by now.
    present = [each for each in present if not each.problem or _is_there(state_dir, each.id)]
    known = {each.id for each in present}
    archived = [each for each in read_archive(state_dir) if each.id not in known]
    return tuple(sorted([*archived, *present], key=lambda each: each.id))


def read_newest(state_dir: Path, *, offset: int, limit: int) -> tuple[tuple[TransactionRecord, ...], int]:
    """So many transactions after that many newer ones, newest first; and how many there are. Reads no more journals.

    Of archived ones the summary has no decisions. One that is archived meanwhile is told as archived.
    """
    # In this order: what is archived in between is in both.
    present = set(folder.identifiers(state_dir))
    archived = {each.id: each for each in read_archive(state_dir)}
    known = sorted(present | archived.keys(), reverse=True)
    found = [_either(state_dir, each, archived) for each in known[offset : offset + limit]]
    return tuple(each for each in found if each is not None), len(known)


def find_transaction(state_dir: Path, identifier: str) -> TransactionRecord | None:
    """The transaction of exactly that id, archived or not; None where there is none."""
    known = {identifier} & set(folder.identifiers(state_dir))
    archived = {each.id: each for each in read_archive(state_dir) if each.id == identifier}
    return _either(state_dir, identifier, archived) if known or archived else None


def _either(
    state_dir: Path, identifier: str, archived: Mapping[str, TransactionRecord]
) -> TransactionRecord | None:
    """As its journal tells it, or the archive; None where it went between two looks."""
    if _is_there(state_dir, identifier):
        record = read_transaction(state_dir, identifier)
        if not record.problem or _is_there(state_dir, identifier):
            return record
    # Where it was not archived before, it is by now.
    return archived.get(identifier) or {each.id: each for each in read_archive(state_dir)}.get(identifier)


def _is_there(state_dir: Path, identifier: str) -> bool:
    return os.path.lexists(folder.transactions_dir(state_dir) / identifier)


def read_archive(state_dir: Path) -> tuple[TransactionRecord, ...]:
    """The archived transactions, each once; a line that cannot be read is passed over."""
    try:
        lines = fs.read_regular(state_dir / ARCHIVE).splitlines()
    except OSError:
        return ()
    found: dict[str, TransactionRecord] = {}
    for line in lines:
        record = _from_line(line)
        if record is not None:
            found[record.id] = record
    return tuple(found.values())


def _from_line(line: bytes) -> TransactionRecord | None:
    try:
        value = json.loads(line)
        state = TransactionState(value["state"])
        summary = value["summary"]
        words = {name: value[name] for name in ("id", "operation", "started", "ended")}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(summary, dict) or not all(isinstance(word, str) for word in words.values()):
        return None
    return TransactionRecord(**words, state=state, summary=summary)


def last_committed(state_dir: Path) -> TransactionRecord | None:
    """The transaction that was committed last, or None. Reads no more journals than it must.

    One that had waited may be older by its id than others that were committed before it.
    """
    known = folder.identifiers(state_dir)
    newest_first = (read_transaction(state_dir, each) for each in reversed(known))
    found = [next((each for each in newest_first if each.state is TransactionState.COMMITTED), None)]
    directory = folder.transactions_dir(state_dir)
    waited = (each for each in known if folder.note_path(directory / each).exists())
    found += [read_transaction(state_dir, each) for each in waited]
    committed = [each for each in found if each is not None and each.state is TransactionState.COMMITTED]
    return max(committed, key=_commit_order, default=None)


def committed_since(state_dir: Path, identifier: str) -> tuple[TransactionRecord, ...]:
    """The transactions that were committed after that one, in the order of their commits; all for an empty id."""
    committed = [each for each in read_transactions(state_dir) if each.state is TransactionState.COMMITTED]
    found = next((_commit_order(each) for each in committed if each.id == identifier), None)
    start = found or (identifier, False, "", identifier)
    return tuple(sorted((each for each in committed if _commit_order(each) > start), key=_commit_order))


def _commit_order(record: TransactionRecord) -> tuple[str, bool, str, str]:
    """Sorts by the moment of the commit, trusting the clock no further than needed."""
    return (record.newest or record.id, bool(record.newest), record.ended, record.id)


def read_transaction(state_dir: Path, identifier: str) -> TransactionRecord:
    """The transaction of that id, as its journal tells it.

    One that is settled is remembered for as long as its file stays as it is: a page asks for hundreds.
    """
    stamp = _stamp(state_dir, identifier)
    known = _SETTLED.get((str(state_dir), identifier))
    if known is not None and known[0] == stamp:
        return known[1]
    found, is_settled = _read(state_dir, identifier)
    if is_settled and stamp == _stamp(state_dir, identifier):
        if len(_SETTLED) >= _MOST:
            _SETTLED.clear()
        _SETTLED[str(state_dir), identifier] = (stamp, found)
    return found


def _stamp(state_dir: Path, identifier: str) -> tuple[int, ...]:
    """What tells one state of its journal from another; empty where there is none."""
    path = folder.journal_path(folder.transactions_dir(state_dir) / identifier)
    try:
        info, above = path.lstat(), path.parent.lstat()
    except OSError:
        return ()
    # The folder too: it may have become a link since.
    return (
        info.st_size,
        info.st_mtime_ns,
        info.st_ctime_ns,
        info.st_ino,
        info.st_mode,
        above.st_ino,
        above.st_mode,
    )


def _read(state_dir: Path, identifier: str) -> tuple[TransactionRecord, bool]:
    """The record, and whether nothing will be written to its journal any more."""
    try:
        progress = folder.load_progress(state_dir, identifier)
    except RecoveryNeededError as error:
        damaged = TransactionRecord(
            id=identifier, operation="", state=None, started="", ended="", summary={}, problem=error.message
        )
        return damaged, False
    record = TransactionRecord(
        id=identifier,
        operation=progress.operation,
        state=progress.state,
        started=progress.started,
        ended=progress.ended,
        summary=progress.summary,
        deferred=progress.deferred,
        was_deferred=progress.was_deferred,
        tries=progress.tries,
        reason=progress.reason,
        newest=progress.newest,
    )
    return record, progress.cleaned
