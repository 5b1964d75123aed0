"""Back to before, or on to after, for transactions whose process is gone.

Standard library only, like the whole room: it must work when the crash has broken everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.states import TransactionState
from ..errors import Hint, RecoveryNeededError, SafeInstallError, one_line
from . import folder
from .cleanup import clean
from .deferred.settling import settle
from .folder import StepList
from .journal import Journal
from .locks.lockfile import OwnerLock
from .locks.place_lock import PlaceLock
from .progress import Progress
from .signals import deferred_signals
from .walk import go_back, locate, remove_stray_bytecode

_AREA = ".safe-install"
"""How the folders begin in which stages and payloads lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What recovery did with one transaction."""

    id: str
    operation: str
    outcome: str
    """`rolled-back` (it was undone now), `committed` (it stood; only its cleanup was missing) or `cleaned`
    (it had been rolled back; only its cleanup was missing)."""
    steps_undone: int = 0
    leftovers: tuple[Path, ...] = ()
    """What could not be deleted yet."""

    def to_dict(self) -> dict[str, object]:
        """The outcome as a JSON object."""
        return {
            "id": self.id,
            "operation": self.operation,
            "outcome": self.outcome,
            "steps_undone": self.steps_undone,
            "leftovers": [str(path) for path in self.leftovers],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryReport:
    """What recovery did, newest transaction first; empty when there was nothing to do."""

    recovered: tuple[Recovered, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """The report in sentences; none when there was nothing to do."""
        return tuple(_sentence(each) for each in self.recovered)

    def to_dict(self) -> dict[str, object]:
        """The report as a JSON object."""
        return {"recovered": [each.to_dict() for each in self.recovered], "lines": list(self.lines())}


def unfinished(state_dir: Path) -> tuple[str, ...]:
    """The ids of transactions that recovery has work with, newest first; deferred ones are none of them.

    RecoveryNeededError when a journal is damaged. Reads only, in time that hardly grows with the history.
    """
    return tuple(identifier for identifier, progress in folder.unsettled(state_dir) if not progress.deferred)


def deferred(state_dir: Path) -> tuple[str, ...]:
    """The ids of transactions that wait for the next start (`Transaction.resume`), newest first."""
    return tuple(identifier for identifier, progress in folder.unsettled(state_dir) if progress.deferred)


def recover(state_dir: Path, roots: Sequence[Path], *, lock: OwnerLock | None = None) -> RecoveryReport:
    """Every unfinished transaction settled: undone without a commit line, cleaned up with one.

    Takes the state folder's lock unless the caller hands in the one it holds: BusyError while another
    process is at work (its transaction is not unfinished, only unfinished *yet*). RecoveryNeededError for
    files that are damaged, hostile (paths outside `roots`) or ambiguous; then nothing was touched, except
    that newer transactions may have been settled already. Can be killed at any instant and run again;
    running it twice changes nothing. Blocks; SIGINT and SIGTERM wait until it is over.
    """
    state_dir = state_dir.absolute()
    if not unfinished(state_dir):
        return RecoveryReport()
    if lock is not None and not lock.held:
        raise SafeInstallError("lock-not-held", "Recovery was given a lock that is not held.")
    absolute = [root.absolute() for root in roots]
    if lock is not None:
        return _recover_all(state_dir, absolute)
    with PlaceLock(state_dir, areas_among(absolute), "recover"):
        return _recover_all(state_dir, absolute)


def areas_among(roots: Sequence[Path]) -> list[Path]:
    """The hidden folders whose locks are to be held, because another state folder may share what is there.

    A held lock lies in a folder that is there.
    """
    return [root for root in roots if root.name.startswith(_AREA) and root.is_dir()]


def _recover_all(state_dir: Path, roots: Sequence[Path]) -> RecoveryReport:
    with deferred_signals():
        folder.sweep_unborn(state_dir)
        work = [
            (identifier, progress, _load(state_dir, identifier, progress, roots))
            for identifier, progress in folder.unsettled(state_dir)
            if not progress.deferred
        ]
        # Looked at in full before the first is acted on. Only the newest can be judged by the disk yet: the
        # one that was at work, though by its id others may be newer where it had waited.
        at_work = next(((steps, progress) for _, progress, steps in work if progress.is_open), None)
        if at_work:
            remove_stray_bytecode(at_work[0].steps[: at_work[1].reached], roots)
            locate(at_work[0].steps, at_work[1])
        return RecoveryReport(
            recovered=tuple(
                _settle(folder.transactions_dir(state_dir) / identifier, progress, steps, roots)
                for identifier, progress, steps in work
            )
        )


def _load(state_dir: Path, identifier: str, progress: Progress, roots: Sequence[Path]) -> StepList:
    directory = folder.transactions_dir(state_dir) / identifier
    return folder.load_steps(directory, progress, roots=roots, state_dir=state_dir)


def _settle(directory: Path, progress: Progress, steps: StepList, roots: Sequence[Path]) -> Recovered:
    journal = Journal(folder.journal_path(directory))
    undone = 0
    outcome = "committed" if progress.state is TransactionState.COMMITTED else "cleaned"
    try:
        if progress.is_open:
            undone = go_back(journal, steps.steps, progress, roots)
            journal.append(
                {
                    "kind": "state",
                    "state": TransactionState.ROLLED_BACK.value,
                    "at": folder.now().isoformat(),
                    "reason": "recovered after an interruption",
                }
            )
            outcome = "rolled-back"
    except RecoveryNeededError:
        raise
    except SafeInstallError as error:
        raise RecoveryNeededError(
            "undo-failed",
            f"The transaction {directory.name} ({progress.operation}) could not be undone completely: "
            f"{error.message}",
            context={"transaction": directory.name, "undo-error": error.message, **error.context},
            hints=(*error.hints, Hint("recover", "Then run `safe-install recover` again.")),
        ) from error
    state_dir = directory.parent.parent
    if outcome == "committed" and not settle(state_dir, directory):
        left: tuple[Path, ...] = ()  # The next recovery does it, and cleans up then.
    else:
        left = clean(journal, steps.leftovers_of(committed=outcome == "committed"))
    return Recovered(
        id=directory.name,
        operation=progress.operation,
        outcome=outcome,
        steps_undone=undone,
        leftovers=left,
    )


def _sentence(each: Recovered) -> str:
    # The journal may be anybody's, and the sentence goes to a terminal or a log.
    name = f"{each.id} ({one_line(each.operation)})"
    if each.outcome == "rolled-back":
        what = f"The interrupted transaction {name} was rolled back"
        steps = "1 step" if each.steps_undone == 1 else f"{each.steps_undone} steps"
        text = f"{what}: {steps} undone, everything is as it was before."
    elif each.outcome == "committed":
        text = f"The transaction {name} was complete; its leftovers were cleaned up."
    else:
        text = f"The transaction {name} had been rolled back; its leftovers were cleaned up."
    if each.leftovers:
        text += f" In use and not deleted yet: {', '.join(map(str, each.leftovers))}."
    return text
