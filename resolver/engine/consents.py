"""Why a plan needs the user's yes. Each reason is a phrase for a sentence that begins with `This needs`."""

from __future__ import annotations

from ..core.plan import Plan
from .install_scripts import CONSENT
from .planned import Planned
from .repair_plan import RepairPlan
from .restoration import NOT_RESTORABLE, REMOVE, SAME_VERSION, RollbackPlan


def change_reasons(plan: Plan) -> list[str]:
    """Decisions against somebody's line; empty where there are none."""
    count = len(plan.violating)
    if not count:
        return []
    return [f"{count} {'decision' if count == 1 else 'decisions'} against somebody's requirement line"]


def runs_scripts(planned: Planned) -> bool:
    """Whether install.py of a pack that is there already is to run, though nothing is to be installed. Looks."""
    allowed = CONSENT in planned.options.allowed
    return allowed and any((each.tree / "install.py").is_file() for each in planned.fetched)


def rollback_reasons(plan: RollbackPlan) -> list[str]:
    """What does not come back as it was, and what goes."""
    reasons = []
    for how, words in (
        (NOT_RESTORABLE, "cannot be restored"),
        (SAME_VERSION, "come back as the same version only"),
    ):
        count = sum(1 for item in plan.items if item.how == how)
        if count:
            reasons.append(f"{count} of the differences {words}")
    packs = [item.name for item in plan.items if item.kind == "pack" and item.how == REMOVE]
    if packs:
        reasons.append(f"these packs are removed: {', '.join(packs)}")
    return reasons


def repair_reasons(plan: RepairPlan) -> list[str]:
    """Files somebody edited that are replaced."""
    edited = [each.name for each in plan.mendings if each.edited]
    return [f"files that somebody edited are replaced in {', '.join(edited)}"] if edited else []
