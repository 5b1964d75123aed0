"""The plans that were made, by their ids, until newer ones take their place. Safe to share between threads."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from ..resolver.errors import Hint, UsageError
from . import wire
from .wanted import Wanted

KEEP = 50
"""Plans that are kept; a long one has some hundred kilobytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlan:
    """A plan that was shown, and what it was made of, so that the same can be asked for again."""

    shown: wire.Plan
    wanted: Wanted


class Plans:
    """The newest plans of this process."""

    def __init__(self, keep: int = KEEP) -> None:
        self._keep = keep
        self._kept: OrderedDict[str, KeptPlan] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, kept: KeptPlan) -> None:
        """Have it found by its id."""
        with self._lock:
            self._kept[kept.shown.id] = kept
            while len(self._kept) > self._keep:
                self._kept.popitem(last=False)

    def get(self, identifier: str) -> KeptPlan:
        """The plan of that id. Raises UsageError `plan-not-found`."""
        with self._lock:
            found = self._kept.get(identifier)
        if found is None:
            raise UsageError(
                "plan-not-found",
                "There is no such plan any more.",
                context={"plan": identifier},
                hints=(
                    Hint("plan-again", "Plan it again; plans do not outlive ComfyUI, nor many newer ones."),
                ),
            )
        return found


def new_plan_id() -> str:
    """An id that no other plan has."""
    return f"plan-{secrets.token_hex(8)}"
