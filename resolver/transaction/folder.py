"""Where transactions lie on the disk: `<state>/transactions/<id>/` with journal.jsonl and steps.json.

An id is a UTC time to the microsecond and four random hexadecimal digits, so names sort by age.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from ..errors import Hint, RecoveryNeededError, SafeInstallError
from . import fs
from .journal import Journal, damaged, last_body, read_journal
from .progress import FORMAT, Progress, read_progress
from .state_errors import explained
from .steps import Move, Step, from_dict, refuse_outside, to_dict

_ID = re.compile(r"(\d{8}T\d{12})Z-[0-9a-f]{4}")
_STAMP = "%Y%m%dT%H%M%S%f"
_UNBORN = ".new-"
"""A folder of this name is a transaction whose first line was never finished; nothing hangs on it."""


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(timezone.utc)


def transactions_dir(state_dir: Path) -> Path:
    """The folder that holds all transactions."""
    return state_dir / "transactions"


def journal_path(directory: Path) -> Path:
    """The journal of the transaction in `directory`."""
    return directory / "journal.jsonl"


def steps_path(directory: Path) -> Path:
    """The step list of the transaction in `directory`."""
    return directory / "steps.json"


def note_path(directory: Path) -> Path:
    """The note of a transaction that waits, or did: what it waits for, and what to do then."""
    return directory / "waiting.json"


def identifiers(state_dir: Path) -> tuple[str, ...]:
    """The ids of all transactions, oldest first."""
    folder = transactions_dir(state_dir)
    if folder.is_symlink():
        # Whoever set it could have us write and delete wherever it points.
        raise RecoveryNeededError(
            "state-folder-linked",
            f"{folder} is a link to another place; nothing there is read or written.",
            context={"path": folder},
            hints=(
                Hint(
                    "remove-link",
                    "Remove the link, and put the folder it points to in its place if it was yours.",
                ),
            ),
        )
    if not folder.is_dir():
        return ()
    return tuple(sorted(child.name for child in folder.iterdir() if _ID.fullmatch(child.name)))


def load_progress(state_dir: Path, identifier: str) -> Progress:
    """What the journal of one transaction says; the errors of `read_journal` and `read_progress`."""
    path = journal_path(transactions_dir(state_dir) / identifier)
    if path.is_symlink() or path.parent.is_symlink():
        raise damaged(path, "it is a link to another place")
    return read_progress(read_journal(path), path)


def unsettled(state_dir: Path) -> tuple[tuple[str, Progress], ...]:
    """The transactions that are open or not cleaned up yet, newest first.

    Settled ones are known by their last line alone, so a long history costs little at each start.
    """
    found = []
    for identifier in reversed(identifiers(state_dir)):
        if last_body(journal_path(transactions_dir(state_dir) / identifier)).get("kind") == "cleaned":
            continue
        try:
            progress = load_progress(state_dir, identifier)
        except RecoveryNeededError:
            if not os.path.lexists(transactions_dir(state_dir) / identifier):
                continue  # It was settled, and another process archived it just now.
            raise
        if not progress.cleaned:
            found.append((identifier, progress))
    return tuple(found)


def create(state_dir: Path, first_line: Mapping[str, object], steps: StepList) -> Path:
    """A new transaction folder whose journal holds `first_line`, durable; its id is greater than every other.

    It appears by one rename, so there is never a transaction without a first line, or without `steps` (not
    written where there are none).
    """
    parent = transactions_dir(state_dir)
    with explained(parent):
        _make_durable(parent)
        sweep_unborn(state_dir)
        identifier = _next_identifier(identifiers(state_dir))
        unborn = parent / f"{_UNBORN}{identifier}"
        unborn.mkdir()
        if steps != StepList():
            save_steps(unborn, steps)
        Journal(journal_path(unborn)).append(first_line)
        directory = parent / identifier
        fs.rename(unborn, directory)
        fs.fsync_dir(parent)
    return directory


def _make_durable(folder: Path) -> None:
    """`folder` exists, and would after a power cut: a journal whose folder is lost is no journal."""
    known = fs.nearest_existing(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder, *folder.parents):
        if each == known:
            break
        fs.fsync_dir(each.parent)


def sweep_unborn(state_dir: Path) -> None:
    """No folder is left of a transaction that was killed before its first line was durable."""
    for child in transactions_dir(state_dir).iterdir():
        if child.name.startswith(_UNBORN):
            with suppress(OSError):  # It harms nobody; the next transaction tries again.
                fs.remove_tree(child)


def _next_identifier(existing: Sequence[str]) -> str:
    stamp = now().strftime(_STAMP)
    newest = existing[-1].partition("Z")[0] if existing else ""
    if stamp <= newest:
        # The clock was set back. What is newer must still sort as newer, so the number is counted on;
        # that it may then show a 61st second is of no account.
        digits = f"{int(newest.replace('T', '')) + 1:020d}"
        if len(digits) > len("20000101000000000000"):
            raise SafeInstallError(
                "state-unwritable",
                f"No transaction can come after {existing[-1]}.",
                hints=(
                    Hint(
                        "remove-transaction", "Move that folder out of the state folder: its name is no time."
                    ),
                ),
            )
        stamp = f"{digits[:-12]}T{digits[-12:]}"
    return f"{stamp}Z-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepList:
    """The content of steps.json: the steps, and what may be deleted once the outcome is certain."""

    steps: tuple[Step, ...] = ()
    remove_on_commit: tuple[Path, ...] = ()
    remove_on_rollback: tuple[Path, ...] = ()

    def leftovers_of(self, *, committed: bool) -> tuple[Path, ...]:
        """What to delete after this outcome.

        After going back, nothing that holds the target of a Move: whatever stands there now was there before
        us (an older payload of the same name, say), or has not come back and is the only copy.
        """
        if committed:
            return self.remove_on_commit
        standing = [
            step.target for step in self.steps if isinstance(step, Move) and os.path.lexists(step.target)
        ]
        return tuple(
            path
            for path in self.remove_on_rollback
            if not any(path == target or path in target.parents for target in standing)
        )

    def to_dict(self) -> dict[str, object]:
        """The list as a JSON object."""
        return {
            "format": FORMAT,
            "steps": [to_dict(step) for step in self.steps],
            "remove_on_commit": [str(path) for path in self.remove_on_commit],
            "remove_on_rollback": [str(path) for path in self.remove_on_rollback],
        }


def save_steps(directory: Path, steps: StepList) -> str:
    """The list in steps.json, durable; the sha256 of that file."""
    with explained(directory):
        fs.write_json(steps_path(directory), steps.to_dict())
        return _digest(steps_path(directory))


def prepare_steps(directory: Path, steps: StepList) -> str:
    """Another list beside steps.json, durable; the sha256 of its file. It counts once the journal names it."""
    with explained(directory):
        fs.write_json(_next_path(directory), steps.to_dict())
        return _digest(_next_path(directory))


def adopt_steps(directory: Path) -> None:
    """The list of `prepare_steps` is steps.json from now on."""
    with explained(directory):
        os.replace(_next_path(directory), steps_path(directory))


def _next_path(directory: Path) -> Path:
    return directory / "steps-next.json"


def _digest(path: Path) -> str:
    return hashlib.sha256(fs.read_regular(path)).hexdigest()


def load_steps(directory: Path, progress: Progress, *, roots: Sequence[Path], state_dir: Path) -> StepList:
    """The step list of a transaction whose process is gone.

    RecoveryNeededError `steps-refused` when the file is damaged, was changed after the first step began,
    or names paths outside `roots` (cleanup: or the state folder). An absent file is an empty list, as long
    as no step had begun.
    """
    path = steps_path(directory)
    begun = bool(progress.steps_digest)
    if not begun and not path.exists():
        return StepList()
    try:
        prepared = _next_path(directory)
        if begun and prepared.exists() and _digest(prepared) == progress.steps_digest:
            path = prepared
        found = _parse(fs.read_json(path))
        if begun and _digest(path) != progress.steps_digest:
            raise SafeInstallError("steps-changed", "it is not the file the transaction began with")
        fence = fs.Fence(roots)
        for step in found.steps:
            refuse_outside(step, fence)
        refuse_cleanup_outside((*found.remove_on_commit, *found.remove_on_rollback), roots, state_dir)
    except SafeInstallError as error:
        raise RecoveryNeededError(
            "steps-refused",
            f"The step list {path} is not acted on: {error.message}. Nothing was touched.",
            context={"path": path, "reason": error.message, **error.context},
            hints=(
                Hint(
                    "inspect-steps",
                    f"Nothing of it is live: `safe-install deferred cancel {directory.name}`."
                    if progress.deferred
                    else "Look at this file: put what it moved where it belongs, then move its folder away."
                    if begun
                    else "No step had begun: move its folder away.",
                ),
            ),
        ) from error
    return found


def refuse_cleanup_outside(paths: Sequence[Path], roots: Sequence[Path], state_dir: Path) -> None:
    """Nothing when all may be deleted; SafeInstallError `cleanup-refused` for the first that may not.

    Allowed is what lies inside a root or the state folder and holds neither of them nor any transaction.
    """
    kept = [*roots, transactions_dir(state_dir)]
    allowed, forbidden = fs.Fence([*roots, state_dir]), fs.Fence([transactions_dir(state_dir)])
    for path in paths:
        inside, within_transactions = allowed.holds(path), forbidden.holds(path)
        if (
            not inside
            or within_transactions
            or any(path == each or fs.is_inside(each, [path]) for each in kept)
        ):
            raise SafeInstallError(
                "cleanup-refused",
                f"{path} is not ours to delete",
                context={"reason": f"{path} is not ours to delete"},
            )


def _parse(value: object) -> StepList:
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        raise SafeInstallError("steps-unknown", "it has no format this version knows")
    if set(value) != {"format", "steps", "remove_on_commit", "remove_on_rollback"}:
        raise SafeInstallError("steps-unknown", "it has unknown or missing fields")
    return StepList(
        steps=tuple(from_dict(step) for step in _items(value["steps"])),
        remove_on_commit=tuple(_text_path(path) for path in _items(value["remove_on_commit"])),
        remove_on_rollback=tuple(_text_path(path) for path in _items(value["remove_on_rollback"])),
    )


def _items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise SafeInstallError("steps-unknown", "it holds something else where a list should be")
    return value


def _text_path(value: object) -> Path:
    if not isinstance(value, str):
        raise SafeInstallError("steps-unknown", "it holds something else where a path should be")
    return Path(value)
