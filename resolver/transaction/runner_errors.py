"""Why a transaction cannot do what it is asked for."""

from __future__ import annotations

from ..core.states import TransactionState
from ..errors import Hint, RecoveryNeededError, SafeInstallError


def wrong_state(act: str, state: TransactionState) -> SafeInstallError:
    """The act does not belong to that state."""
    return SafeInstallError(
        "wrong-state",
        f"A transaction in the state {state.value} cannot {act}.",
        context={"act": act, "state": state.value},
    )


def unfinished(identifier: str, operation: str, state: TransactionState) -> RecoveryNeededError:
    """Another transaction is neither over nor waiting."""
    return RecoveryNeededError(
        "recovery-needed",
        f"The transaction {identifier} ({operation}) was interrupted and must be recovered first.",
        context={"transaction": identifier, "operation": operation, "state": state.value},
        hints=(Hint("recover", "Run `safe-install recover`, or restart ComfyUI."),),
    )


def undo_failed(identifier: str, first: BaseException | None, second: BaseException) -> RecoveryNeededError:
    """The way back is blocked; `first` is why it was gone."""
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
