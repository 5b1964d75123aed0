"""What a client wants, in the engine's terms; from it the same plan can be made again."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..resolver.core.tasks import Task
from ..resolver.engine.planned import Options

TASKS, SYNC, ROLLBACK, REPAIR = "tasks", "sync", "rollback", "repair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One change: tasks with packs, a sync, going back to a snapshot, or a repair."""

    kind: str
    """tasks, sync, rollback or repair."""
    options: Options = field(default_factory=Options)
    tasks: tuple[Task, ...] = ()
    snapshot: str = ""
    """To go back to: an id; empty for the one before the last change."""
    names: tuple[str, ...] = ()
    """To repair: `NAME` or `NAME==VERSION`; none for all that is broken."""

    @property
    def operation(self) -> str:
        """In words, before anything is looked at."""
        if self.kind == TASKS:
            return ", ".join(f"{task.kind.value} {task.subject}" for task in self.tasks)
        return " ".join(word for word in (self.kind, self.snapshot, *self.names) if word)
