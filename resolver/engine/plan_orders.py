"""What an order says of the plan it carries out."""

from __future__ import annotations

from collections.abc import Collection

from ..core.plan import Plan
from .deferring import Claims
from .in_force import IN_FORCE, InForce
from .planned import Planned


def claims_of(planned: Planned, staged: Collection[str]) -> Claims:
    """What the plan stands on: all of the lock, or of an install what its packs want."""
    lock = planned.plan.lock
    new = {each.name for each in planned.fetched}
    names = [each.name for each in lock if not new or not new.isdisjoint(each.wanted_by)]
    packages = tuple(package for package in lock if package.name in staged)
    return Claims(relies=frozenset(names), packages=packages)


def summary_of(planned: Planned, now: InForce) -> dict[str, object]:
    """What the history keeps of a plan. Without a solve, the decisions of now stay in force."""
    plan = planned.plan
    removed = {change.name for change in plan.pack_changes if change.action in {"remove", "disable"}}
    kept = [each for each in now.decisions if {wish.pack for wish in each.wanted} - removed]
    return {
        "fingerprint": plan.fingerprint,
        "policy": plan.policy.value,
        "strategy": planned.options.strategy,
        "changes": [change.to_dict() for change in plan.changes],
        "packs": [change.to_dict() for change in plan.pack_changes],
        "decisions": [decision.to_dict() for decision in plan.decisions],
        IN_FORCE: InForce(decisions=plan.decisions if plan.lock else tuple(kept)).to_dict(),
    }


def expected_after(plan: Plan) -> dict[str, str]:
    """{name: version} of everything installed once the plan is applied."""
    after = dict(plan.environment.versions)
    for change in plan.changes:
        if change.action == "remove":
            after.pop(change.name, None)
        else:
            after[change.name] = change.after
    return after
