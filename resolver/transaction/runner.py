"""One transaction, from the plan to the commit or back to before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from ..core.states import FOLLOWERS, TransactionState
from . import folder
from .cleanup import clean
from .deferred.note import save_note
from .deferred.settling import settle
from .folder import StepList
from .journal import Journal
from .preflight import refuse_impossible
from .progress import FORMAT
from .runner_errors import undo_failed, unfinished, wrong_state
from .signals import deferred_signals
from .steps import FilesLockedError, Step
from .walk import go_back, go_forward

_FREE_STATES = (TransactionState.STAGED, TransactionState.TRIED)
"""The states that `advance` enters; every other one is entered by the method that makes it true."""

_BEFORE_APPLYING = (TransactionState.PLANNED, *_FREE_STATES)


class Transaction:
    """Journalled steps that are all in effect after `commit`, and none of them in every other case.

    planned -> staged -> tried (`advance`) -> applying -> verifying (`apply`) -> committed (`commit`), or
    rolled-back (`roll_back`, from every state before committed). Tried, or applying and taken back because
    files were in use, it can wait (`defer`) and is tried again later. As a context manager it rolls back when
    the block is left by an exception; left in peace, an open transaction stays open.

    Not for use by two threads at once. The caller holds the lock of the state folder
    (`lockfile.lock_path`) from `begin` to the end. All methods block.
    """

    def __init__(
        self, state_dir: Path, directory: Path, roots: Sequence[Path], state: TransactionState
    ) -> None:
        """For `begin` and `resume`; call those."""
        self._state_dir = state_dir
        self._directory = directory
        self._roots = tuple(roots)
        self._state = state
        self._journal = Journal(folder.journal_path(directory))
        self._list = StepList()
        self._leftovers: tuple[Path, ...] = ()
        self._blocked = False
        self._withdrawn = False
        self._note = ""

    @classmethod
    def begin(
        cls,
        state_dir: Path,
        *,
        operation: str,
        roots: Sequence[Path],
        summary: Mapping[str, object],
        remove_after: Sequence[Path] = (),
    ) -> Transaction:
        """A new transaction in the state planned, on the disk.

        `operation` is what the user asked for, in words; `roots` are the folders whose content may be
        changed; `summary` is any JSON object, for the history; `remove_after` is there already and to be
        deleted whatever happens, until `set_steps` says otherwise. Others may wait for the next start: it is
        looked at then whether they still hold. RecoveryNeededError `recovery-needed` when another transaction
        is unfinished; SafeInstallError `cleanup-refused` as in `set_steps`.
        """
        state_dir = state_dir.absolute()
        refuse_unfinished(state_dir)
        absolute = tuple(root.absolute() for root in roots)
        first_line = {
            "kind": "state",
            "state": TransactionState.PLANNED.value,
            "at": folder.now().isoformat(),
            "format": FORMAT,
            "operation": operation,
            "roots": [str(root) for root in absolute],
            "summary": dict(summary),
        }
        folder.refuse_cleanup_outside(remove_after, absolute, state_dir)
        found = StepList(remove_on_commit=tuple(remove_after), remove_on_rollback=tuple(remove_after))
        transaction = cls(
            state_dir, folder.create(state_dir, first_line, found), absolute, TransactionState.PLANNED
        )
        transaction._list = found
        return transaction

    @classmethod
    def resume(
        cls, state_dir: Path, identifier: str, roots: Sequence[Path], *, without_steps: bool = False
    ) -> Transaction:
        """The transaction that `defer` left waiting, in the state tried: apply it, or roll it back.

        RecoveryNeededError when its files are damaged or name paths outside `roots`, and `recovery-needed` as
        for `begin`; SafeInstallError `wrong-state` when it does not wait. `without_steps` reads no list of
        files, to give up one whose list is damaged: nothing was moved, so nothing is to be put back.
        """
        state_dir = state_dir.absolute()
        refuse_unfinished(state_dir)
        directory = folder.transactions_dir(state_dir) / identifier
        progress = folder.load_progress(state_dir, identifier)
        if not progress.deferred:
            raise wrong_state("resume", progress.state)
        transaction = cls(state_dir, directory, [root.absolute() for root in roots], progress.state)
        transaction._note = progress.note_digest
        if not without_steps:
            transaction._list = folder.load_steps(
                directory, progress, roots=transaction._roots, state_dir=state_dir
            )
        return transaction

    @property
    def id(self) -> str:
        """Sorts by age among all transactions of this state folder."""
        return self._directory.name

    @property
    def directory(self) -> Path:
        """The transaction's own folder; the caller may keep more files in it."""
        return self._directory

    @property
    def state(self) -> TransactionState:
        """The last state the journal holds."""
        return self._state

    @property
    def can_wait(self) -> bool:
        """After FilesLockedError: whether everything was taken back, and `defer` is open."""
        return self._withdrawn

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that were set."""
        return self._list.steps

    @property
    def scratch(self) -> Path | None:
        """A place that is deleted whatever happens: the stage; None without one."""
        both = set(self._list.remove_on_rollback)
        return next((path for path in self._list.remove_on_commit if path in both), None)

    def replace_steps(self, steps: Sequence[Step]) -> None:
        """Other steps for a transaction that was resumed, durable, with the same cleanup; it waits on.

        A kill leaves it waiting with the old steps or with the new ones.
        """
        if self._state is not TransactionState.TRIED:
            raise wrong_state("replace steps", self._state)
        found = replace(self._list, steps=tuple(steps))
        digest = folder.prepare_steps(self._directory, found)
        self._note_waiting(digest, self._note)
        folder.adopt_steps(self._directory)
        self._list = found

    def advance(self, state: TransactionState, **facts: object) -> None:
        """The state staged or tried, durable, with `facts` (JSON values) beside it for the history.

        SafeInstallError `wrong-state` for a state that cannot follow, or that another method enters.
        """
        if state not in _FREE_STATES or state not in FOLLOWERS[self._state]:
            raise wrong_state(f"advance to {state.value}", self._state)
        self._enter(state, facts=facts)

    def set_steps(
        self,
        steps: Sequence[Step],
        *,
        remove_on_commit: Sequence[Path] = (),
        remove_on_rollback: Sequence[Path] = (),
    ) -> None:
        """The steps and what to delete afterwards, durable; replaces what was set before.

        Call it early with no steps and the stage in both lists: then a kill while staging leaves nothing.
        SafeInstallError `cleanup-refused` for a path outside the roots and the state folder; `wrong-state`
        once applying has begun.
        """
        if self._state not in _BEFORE_APPLYING:
            raise wrong_state("set steps", self._state)
        found = StepList(
            steps=tuple(steps),
            remove_on_commit=tuple(remove_on_commit),
            remove_on_rollback=tuple(remove_on_rollback),
        )
        folder.refuse_cleanup_outside(
            (*found.remove_on_commit, *found.remove_on_rollback), self._roots, self._state_dir
        )
        folder.save_steps(self._directory, found)
        self._list = found

    def defer(self, note: Mapping[str, object] | None = None) -> None:
        """The transaction waits in the state tried; `resume` takes it up again. Recovery leaves it alone.

        `note` is kept beside the journal for whoever takes it up. In the state tried, or after `apply` raised
        FilesLockedError. A kill before the journal line is durable leaves a transaction to be rolled back.
        """
        if self._state is not TransactionState.TRIED and not self._withdrawn:
            raise wrong_state("defer", self._state)
        digest = folder.save_steps(self._directory, self._list)
        self._note_waiting(digest, save_note(self._directory, dict(note or {})))
        self._state, self._withdrawn = TransactionState.TRIED, False

    def _note_waiting(self, steps: str, note: str) -> None:
        line = {"kind": "deferred", "at": folder.now().isoformat(), "steps": steps, "note": note}
        self._journal.append(line)
        self._note = note

    def apply(self, on_step: Callable[[int, int], None] | None = None, *, may_wait: bool = False) -> None:
        """All steps in effect and durable; the state is verifying afterwards.

        Every step is checked before the first is done: `preflight-failed`, nothing touched. From then on any
        exception, Ctrl-C included, takes all done steps back, newest first, and is raised again; either way
        the transaction is then rolled back. RecoveryNeededError `undo-failed` when the way back is blocked:
        `recover` continues it. `on_step(done, total)` is called after each step; it may raise to cancel.

        With `may_wait`, FilesLockedError is raised with everything as before but the transaction still open:
        `defer` it, or roll it back.
        """
        if self._state is not TransactionState.TRIED:
            raise wrong_state("apply", self._state)
        try:
            refuse_impossible(self._list.steps, self._roots)
            digest = folder.save_steps(self._directory, self._list)
            self._enter(TransactionState.APPLYING, steps=digest)
            go_forward(self._journal, self._list.steps, self._roots, on_step)
            self._enter(TransactionState.VERIFYING)
        except BaseException as error:
            self._go_back(str(error) or type(error).__name__, error, withdraw=may_wait)
            raise

    def commit(self) -> None:
        """The change stands for good: this journal line is the commit point. Then the cleanup.

        Only in the state verifying. When the line cannot be written, it raises and the change can still
        be rolled back. What cannot be deleted yet is in `leftovers`; that is no error.
        """
        if self._state is not TransactionState.VERIFYING:
            raise wrong_state("commit", self._state)
        newest = folder.identifiers(self._state_dir)[-1]
        self._enter(TransactionState.COMMITTED, **({} if newest == self.id else {"newest": newest}))
        self._clean()

    def roll_back(self, reason: str) -> None:
        """Everything as before, durable; then the cleanup. In every state that is not final.

        SIGINT and SIGTERM wait until it is over. RecoveryNeededError `undo-failed` when something is in
        the way.
        """
        if self._state.is_final:
            raise wrong_state("roll back", self._state)
        self._go_back(reason, None)

    @property
    def leftovers(self) -> tuple[Path, ...]:
        """What the cleanup could not delete (files in use on Windows); the next recovery tries again."""
        return self._leftovers

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Once only: a way back that was blocked is recovery's business.
        if error is not None and not self._state.is_final and not self._blocked:
            self._go_back(str(error) or type(error).__name__, error)

    def _enter(self, state: TransactionState, **more: object) -> None:
        self._journal.append(
            {"kind": "state", "state": state.value, "at": folder.now().isoformat(), **more},
        )
        self._state = state

    def _go_back(self, reason: str, first: BaseException | None, *, withdraw: bool = False) -> None:
        with deferred_signals():
            try:
                self._undo(reason, only_steps=withdraw and isinstance(first, FilesLockedError))
            except BaseException as second:  # noqa: BLE001 (whatever it was, recovery must go on from here)
                self._blocked = True
                raise undo_failed(self.id, first, second) from (first or second)

    def _undo(self, reason: str, *, only_steps: bool) -> None:
        # By the journal, not by memory: an interrupt may have come after a line was durable and before
        # we took note of it. After a durable commit line there is no way back any more.
        progress = folder.load_progress(self._state_dir, self.id)
        self._state, self._withdrawn = progress.state, False
        if not progress.state.is_final:
            go_back(self._journal, self._list.steps, progress, self._roots)
            # Where the journal could not take every line of the way back, nothing can wait on it.
            self._withdrawn = only_steps and folder.load_progress(self._state_dir, self.id).claim == (0,)
            if self._withdrawn:
                return
            self._enter(TransactionState.ROLLED_BACK, reason=reason)
        self._clean()

    def _clean(self) -> None:
        committed = self._state is TransactionState.COMMITTED
        paths = self._list.leftovers_of(committed=committed)
        if committed and not settle(self._state_dir, self._directory):
            return  # The next recovery does it, and cleans up then.
        self._leftovers = clean(self._journal, paths)


def refuse_unfinished(state_dir: Path) -> None:
    """Nothing when no transaction is open but such as wait; RecoveryNeededError `recovery-needed` otherwise."""
    for identifier, progress in folder.unsettled(state_dir):
        if progress.is_open and not progress.deferred:
            raise unfinished(identifier, progress.operation, progress.state)
