"""One transaction, from the plan to the commit or back to before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from ..core.states import FOLLOWERS, TransactionState
from ..errors import Hint, RecoveryNeededError, RefusedError, SafeInstallError
from . import folder
from .cleanup import clean
from .folder import StepList
from .journal import Journal
from .preflight import refuse_impossible
from .progress import FORMAT
from .signals import deferred_signals
from .steps import Step
from .walk import go_back, go_forward

_FREE_STATES = (TransactionState.STAGED, TransactionState.TRIED)
"""The states that `advance` enters; every other one is entered by the method that makes it true."""

_BEFORE_APPLYING = (TransactionState.PLANNED, *_FREE_STATES)


class Transaction:
    """Journalled steps that are all in effect after `commit`, and none of them in every other case.

    planned -> staged -> tried (`advance`) -> applying -> verifying (`apply`) -> committed (`commit`), or
    rolled-back (`roll_back`, from every state before committed). As a context manager it rolls back when
    the block is left by an exception; left in peace, an open transaction stays open (see `defer`).

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
        deleted whatever happens, until `set_steps` says otherwise. RecoveryNeededError `recovery-needed` when
        another transaction is unfinished; RefusedError `deferred-waiting` when one waits for the next start;
        SafeInstallError `cleanup-refused` as in `set_steps`.
        """
        state_dir = state_dir.absolute()
        for identifier, progress in folder.unsettled(state_dir):
            if progress.is_open:
                if progress.deferred:
                    raise _waiting(identifier, progress.operation)
                raise _unfinished(identifier, progress.operation, progress.state)
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
    def resume(cls, state_dir: Path, identifier: str, roots: Sequence[Path]) -> Transaction:
        """The transaction that `defer` left waiting, in the state tried: apply it, or roll it back.

        RecoveryNeededError when its files are damaged or name paths outside `roots`; SafeInstallError
        `wrong-state` when it does not wait.
        """
        state_dir = state_dir.absolute()
        directory = folder.transactions_dir(state_dir) / identifier
        progress = folder.load_progress(state_dir, identifier)
        if not progress.deferred:
            raise _wrong_state("resume", progress.state)
        transaction = cls(state_dir, directory, [root.absolute() for root in roots], progress.state)
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

    def advance(self, state: TransactionState, **facts: object) -> None:
        """The state staged or tried, durable, with `facts` (JSON values) beside it for the history.

        SafeInstallError `wrong-state` for a state that cannot follow, or that another method enters.
        """
        if state not in _FREE_STATES or state not in FOLLOWERS[self._state]:
            raise _wrong_state(f"advance to {state.value}", self._state)
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
            raise _wrong_state("set steps", self._state)
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

    def defer(self) -> None:
        """The transaction, in the state tried, waits for the next start; `resume` takes it up then.

        Recovery leaves it alone, and `begin` refuses as long as it waits.
        """
        if self._state is not TransactionState.TRIED:
            raise _wrong_state("defer", self._state)
        self._journal.append({"kind": "deferred", "at": folder.now().isoformat()})

    def apply(self, on_step: Callable[[int, int], None] | None = None) -> None:
        """All steps in effect and durable; the state is verifying afterwards.

        Every step is checked before the first is done: `preflight-failed`, nothing touched. From then on any
        exception, Ctrl-C included, takes all done steps back, newest first, and is raised again; either way
        the transaction is then rolled back. RecoveryNeededError `undo-failed` when the way back is blocked:
        `recover` continues it. `on_step(done, total)` is called after each step; it may raise to cancel.
        """
        if self._state is not TransactionState.TRIED:
            raise _wrong_state("apply", self._state)
        try:
            refuse_impossible(self._list.steps, self._roots)
            digest = folder.save_steps(self._directory, self._list)
            self._enter(TransactionState.APPLYING, steps=digest)
            go_forward(self._journal, self._list.steps, self._roots, on_step)
            self._enter(TransactionState.VERIFYING)
        except BaseException as error:
            self._go_back(str(error) or type(error).__name__, error)
            raise

    def commit(self) -> None:
        """The change stands for good: this journal line is the commit point. Then the cleanup.

        Only in the state verifying. When the line cannot be written, it raises and the change can still
        be rolled back. What cannot be deleted yet is in `leftovers`; that is no error.
        """
        if self._state is not TransactionState.VERIFYING:
            raise _wrong_state("commit", self._state)
        self._enter(TransactionState.COMMITTED)
        self._leftovers = clean(self._journal, self._list.leftovers_of(committed=True))

    def roll_back(self, reason: str) -> None:
        """Everything as before, durable; then the cleanup. In every state that is not final.

        SIGINT and SIGTERM wait until it is over. RecoveryNeededError `undo-failed` when something is in
        the way.
        """
        if self._state.is_final:
            raise _wrong_state("roll back", self._state)
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

    def _go_back(self, reason: str, first: BaseException | None) -> None:
        with deferred_signals():
            try:
                self._undo(reason)
            except BaseException as second:  # noqa: BLE001 (whatever it was, recovery must go on from here)
                self._blocked = True
                raise _undo_failed(self.id, first, second) from (first or second)

    def _undo(self, reason: str) -> None:
        # By the journal, not by memory: an interrupt may have come after a line was durable and before
        # we took note of it. After a durable commit line there is no way back any more.
        progress = folder.load_progress(self._state_dir, self.id)
        self._state = progress.state
        if not progress.state.is_final:
            go_back(self._journal, self._list.steps, progress, self._roots)
            self._enter(TransactionState.ROLLED_BACK, reason=reason)
        committed = self._state is TransactionState.COMMITTED
        self._leftovers = clean(self._journal, self._list.leftovers_of(committed=committed))


def _wrong_state(act: str, state: TransactionState) -> SafeInstallError:
    return SafeInstallError(
        "wrong-state",
        f"A transaction in the state {state.value} cannot {act}.",
        context={"act": act, "state": state.value},
    )


def _unfinished(identifier: str, operation: str, state: TransactionState) -> RecoveryNeededError:
    return RecoveryNeededError(
        "recovery-needed",
        f"The transaction {identifier} ({operation}) was interrupted and must be recovered first.",
        context={"transaction": identifier, "operation": operation, "state": state.value},
        hints=(Hint("recover", "Run `safe-install recover`, or restart ComfyUI."),),
    )


def _waiting(identifier: str, operation: str) -> RefusedError:
    return RefusedError(
        "deferred-waiting",
        f"The transaction {identifier} ({operation}) waits for the next start of ComfyUI.",
        context={"transaction": identifier, "operation": operation},
        hints=(
            Hint("restart", "Restart ComfyUI: the change is applied then."),
            Hint("cancel-deferred", "Or cancel the waiting change; nothing of it is live yet."),
        ),
    )


def _undo_failed(identifier: str, first: BaseException | None, second: BaseException) -> RecoveryNeededError:
    context = {"transaction": identifier, "undo-error": str(second) or type(second).__name__}
    if first is not None:
        context["first-error"] = str(first) or type(first).__name__
    return RecoveryNeededError(
        "undo-failed",
        f"The transaction {identifier} could not be rolled back completely: {context['undo-error']}"
        + (f" (it was rolled back because of: {context['first-error']})" if first is not None else ""),
        context=context,
        hints=(
            *(second.hints if isinstance(second, SafeInstallError) else ()),
            Hint("recover", "Then run `safe-install recover`, or restart ComfyUI."),
        ),
    )
