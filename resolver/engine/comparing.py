"""Both strategies on the same sources, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..core.plan import Plan
from ..core.types import CORE
from ..core.verdicts import core_names
from .session import MERGED, ONE_BY_ONE, Options, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One strategy's outcome."""

    strategy: str
    plan: Plan
    core_changed: tuple[str, ...]
    """Core distributions that change, as `name old -> new`."""
    clobbered: tuple[str, ...]
    """Installed distributions that are replaced or removed, as `name old -> new`."""
    pack_lines_violated: int
    core_lines_violated: int
    library_lines_broken: int
    """Requirements of distributions that hold now (or are new) and do not hold afterwards."""

    def to_dict(self) -> dict[str, object]:
        """The side as a JSON object, with its whole plan."""
        return {
            "strategy": self.strategy,
            "core_changed": list(self.core_changed),
            "clobbered": list(self.clobbered),
            "pack_lines_violated": self.pack_lines_violated,
            "core_lines_violated": self.core_lines_violated,
            "library_lines_broken": self.library_lines_broken,
            "plan": self.plan.to_dict(),
        }


def compare(session: Session, sources: Sequence[str], options: Options) -> tuple[Side, Side]:
    """(merged, one by one) for the same sources, or for all installed packs where none is named."""
    sides = []
    for strategy in (MERGED, ONE_BY_ONE):
        # One by one the last pack wins: there is nothing to choose.
        prefer = options.prefer if strategy == MERGED else {}
        chosen = replace(options, strategy=strategy, prefer=prefer)
        planned = session.plan_install(sources, chosen) if sources else session.plan_sync(chosen)
        with planned:
            sides.append(side_of(session, strategy, planned.plan))
    return sides[0], sides[1]


def side_of(session: Session, strategy: str, plan: Plan) -> Side:
    """A plan, summed up."""
    core = core_names(plan.environment, session.site.core(), session.site.rules)
    moved = [change for change in plan.changes if change.action != "install"]
    violated = [wish for decision in plan.decisions for wish in decision.violates]
    return Side(
        strategy=strategy,
        plan=plan,
        core_changed=tuple(
            _words(change.name, change.before, change.after) for change in moved if change.name in core
        ),
        clobbered=tuple(_words(change.name, change.before, change.after) for change in moved),
        pack_lines_violated=sum(1 for wish in violated if wish.pack != CORE and "==" not in wish.pack),
        core_lines_violated=sum(1 for wish in violated if wish.pack == CORE),
        library_lines_broken=sum(1 for line in plan.library_lines if not line.was_broken),
    )


def _words(name: str, before: str, after: str) -> str:
    return f"{name} {before} -> {after or 'removed'}"
