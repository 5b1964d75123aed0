"""What became of waiting changes at a start, told once to whoever next uses the command line."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...core.states import TransactionState
from ...errors import SafeInstallError
from .. import folder, fs
from .waiting import APPLIED, CANCELLED, FAILED, LOCKED, Attempt, list_waiting

_TOLD = "told"
"""File beside the journal: what was told last."""
_LONGEST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that happened while nobody was watching."""

    id: str
    line: str
    mark: str
    """What is noted once it was told."""


def untold(state_dir: Path) -> tuple[News, ...]:
    """What was not told yet, oldest first. Reads only; a damaged journal is recovery's business."""
    found = []
    parent = folder.transactions_dir(state_dir)
    for identifier in folder.identifiers(state_dir):
        if folder.note_path(parent / identifier).exists():
            with suppress(SafeInstallError, OSError):
                news = _news(state_dir, identifier)
                if news and news.mark != _told(parent / identifier):
                    found.append(news)
    return tuple(found)


def mark_told(state_dir: Path, news: Iterable[News]) -> None:
    """They are not told again, as far as the state folder can be written."""
    for each in news:
        with suppress(OSError):
            fs.write_bytes(folder.transactions_dir(state_dir) / each.id / _TOLD, each.mark.encode())


def _news(state_dir: Path, identifier: str) -> News | None:
    progress = folder.load_progress(state_dir, identifier)
    outcome, reason = "", progress.reason
    if progress.state is TransactionState.COMMITTED:
        outcome = APPLIED
    elif progress.state is TransactionState.ROLLED_BACK and reason != CANCELLED:
        outcome = FAILED
    elif progress.deferred and progress.tries:
        note = next((each.note for each in list_waiting(state_dir) if each.id == identifier), None)
        outcome, reason = LOCKED, note.said if note else ""
    if not outcome:
        return None
    attempt = Attempt(
        id=identifier, operation=progress.operation, outcome=outcome, reason=reason, tries=progress.tries
    )
    return News(id=identifier, line=attempt.line, mark=f"{outcome} {progress.tries}")


def _told(directory: Path) -> str:
    try:
        return fs.read_regular(directory / _TOLD, _LONGEST).decode("utf-8", errors="replace")
    except OSError:
        return ""
