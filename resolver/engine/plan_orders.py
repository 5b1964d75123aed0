"""What an order says of the plan it carries out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from ..core.merge import NOT_INSTALLED
from ..core.plan import Plan
from ..core.types import Decision
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
    """What the history keeps of a plan. Without a solve, the decisions of now stay in force.

    So do those about lines of other packs that a solve has left alone, as long as what they chose stays.
    """
    plan = planned.plan
    removed = {change.name for change in plan.pack_changes if change.action in {"remove", "disable"}}
    kept = [each for each in now.decisions if {wish.pack for wish in each.wanted} - removed]
    if plan.lock:
        kept = [*plan.decisions, *_still_decided(planned, now, removed)]
    return {
        "fingerprint": plan.fingerprint,
        "policy": plan.policy.value,
        "prefer": dict(plan.prefer),
        "strategy": planned.options.strategy,
        "changes": [change.to_dict() for change in plan.changes],
        "packs": [change.to_dict() for change in plan.pack_changes],
        "decisions": [decision.to_dict() for decision in plan.decisions],
        IN_FORCE: InForce(decisions=tuple(kept)).to_dict(),
    }


def _still_decided(planned: Planned, now: InForce, removed: Collection[str]) -> Iterator[Decision]:
    """The decisions of now against lines of packs that the plan has not read as its own."""
    plan = planned.plan
    anew = {each.name for each in planned.fetched}.union(removed)
    decided = {(each.package, wish) for each in plan.decisions for wish in each.violates}
    after = expected_after(plan)
    for old in now.decisions:
        violates = tuple(
            wish for wish in old.violates if wish.pack not in anew and (old.package, wish) not in decided
        )
        if violates and after.get(old.package, NOT_INSTALLED) == old.chosen:
            follows = {name: pack for name, pack in old.follows.items() if plan.prefer.get(name) == pack}
            yield replace(old, violates=violates, follows=follows)


def expected_after(plan: Plan) -> dict[str, str]:
    """{name: version} of everything installed once the plan is applied."""
    after = dict(plan.environment.versions)
    for change in plan.changes:
        if change.action == "remove":
            after.pop(change.name, None)
        else:
            after[change.name] = change.after
    return after
