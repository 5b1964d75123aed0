"""What was asked for over HTTP, kept in `<state>/jobs` so that a restart forgets nothing of it.

One file for each job, written durably. Which process wrote it stands beside it: a job that runs there is not
taken for one that a crash broke off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..core.states import TransactionState
from ..errors import SafeInstallError
from ..transaction import fs
from ..transaction.history import read_transaction
from ..transaction.locks.owners import Owner, Standing, this_process

FORMAT = 1
KEEP = 200
"""Jobs that are kept."""
_LARGEST = 4 * 1024 * 1024
_ENDING = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job as it was written last."""

    id: str
    document: Mapping[str, object]
    is_elsewhere: bool
    """Whether another process that still lives has written it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How a transaction ended that was being made when its process died."""

    code: str
    """committed, rolled-back, waiting, unfinished or unknown."""
    said: str
    snapshot: str = ""


class JobHistory:
    """The jobs of one state folder. Blocks; safe to use from several threads."""

    def __init__(self, state: Path, *, keep: int = KEEP) -> None:
        self._state = state
        self._folder = state / "jobs"
        self._keep = keep
        self._me = this_process("jobs")

    def save(self, identifier: str, document: Mapping[str, object]) -> None:
        """The job, durable when this returns. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        owner = json.loads(self._me.to_bytes())
        value = {"format": FORMAT, "id": identifier, "owner": owner, "job": document}
        fs.write_json(self._folder / f"{identifier}{_ENDING}", value)

    def read(self, identifier: str) -> StoredJob | None:
        """The job of that id; None where there is none, or none that can be read."""
        return self._read(self._folder / f"{identifier}{_ENDING}")

    def read_all(self) -> tuple[StoredJob, ...]:
        """All jobs, oldest first (their ids sort by time); those that cannot be read are passed over."""
        found = (self._read(path) for path in self._files())
        return tuple(each for each in found if each is not None)

    def prune(self) -> None:
        """Only the newest are left, and those that run elsewhere."""
        files = list(self._files())
        for path in files[: max(len(files) - self._keep, 0)]:
            found = self._read(path)
            if found is None or not found.is_elsewhere:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def fate_of(self, transaction: str) -> Fate:
        """What the journal says of a transaction; for an empty id, that none had begun. Reads one journal."""
        if not transaction:
            return Fate(code="nothing", said="Nothing live had been touched.")
        with suppress(SafeInstallError, OSError):
            record = read_transaction(self._state, transaction)
            snapshot = str(record.summary.get("snapshot") or "")
            if record.state is TransactionState.COMMITTED:
                return Fate(code="committed", said="Its change was complete and stands.", snapshot=snapshot)
            if record.state is TransactionState.ROLLED_BACK:
                return Fate(code="rolled-back", said="Its change was taken back; everything is as before.")
            if record.deferred:
                return Fate(code="waiting", said="Its change waits for the next start.", snapshot=snapshot)
            if record.state is not None:
                said = "Its change is unfinished; a restart of ComfyUI or `safe-install recover` settles it."
                return Fate(code="unfinished", said=said)
        return Fate(code="unknown", said="Its journal cannot be read; `safe-install history` shows more.")

    def _files(self) -> Iterator[Path]:
        try:
            names = sorted(os.listdir(self._folder))  # noqa: PTH208 - names alone
        except OSError:
            names = []
        return (self._folder / name for name in names if name.endswith(_ENDING) and name[:1] != ".")

    def _read(self, path: Path) -> StoredJob | None:
        try:
            value = json.loads(fs.read_regular(path, _LARGEST))
            document, owner = value["job"], value["owner"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if value.get("format") != FORMAT or not isinstance(document, dict) or not isinstance(owner, dict):
            return None
        return StoredJob(id=path.stem, document=document, is_elsewhere=self._is_elsewhere(owner))

    def _is_elsewhere(self, owner: Mapping[str, object]) -> bool:
        try:
            found = Owner(**owner)  # type: ignore[arg-type]
            # A server that was restarted in place (execv) has the same number and the same birth.
            return found.pid != self._me.pid and found.standing() is Standing.ALIVE
        except (TypeError, ValueError):
            return False
