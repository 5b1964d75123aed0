"""What a job does with a plan: show it, or apply it with the user's yes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..resolver.engine.after_commit import stands_all_the_same
from ..resolver.engine.order import Applied
from ..resolver.engine.session import refused
from ..resolver.errors import Hint, RefusedError, one_line
from . import wire
from .job import JobOutcome, JobWork
from .plans import KeptPlan, Plans
from .preparing import Prepared, prepare
from .wanted import Wanted

if TYPE_CHECKING:
    from .desk import Desk

_LOG = logging.getLogger("safe_install")


def show(work: JobWork, desk: Desk, wanted: Wanted) -> JobOutcome:
    """The plan, made and kept. Nothing live is touched."""
    with prepare(work.session, desk.host, wanted, to_apply=False) as prepared:
        shown = _keep(work, desk.plans, wanted, prepared)
    return JobOutcome(result={**_brief(shown), "applied": None}, restart="none")


def apply(work: JobWork, desk: Desk, wanted: Wanted, agree: str, expected: str = "") -> JobOutcome:
    """The plan, made and applied as one transaction.

    `agree`: fingerprint of the plan the user said yes to. `expected`: fingerprint of the plan that was shown,
    whether it needs a yes or not. RefusedError `consent-needed`, `plan-changed`, and what the engine refuses.
    """
    with prepare(work.session, desk.host, wanted, to_apply=True) as prepared:
        shown = _keep(work, desk.plans, wanted, prepared)
        if expected and shown.fingerprint != expected:
            raise _plan_changed(shown)
        if prepared.refusals:
            raise refused(prepared.refusals)
        if shown.empty:
            return JobOutcome(result={**_brief(shown), "applied": None}, skipped=True)
        if shown.needs_consent and agree != shown.fingerprint:
            raise _consent_needed(shown)
        if agree and agree != shown.fingerprint:
            raise _plan_changed(shown)
        applied = carry_out(work, prepared.apply)
    result = {**_brief(shown), "applied": applied.to_dict()}
    restart: wire.Restart = "restart" if applied.deferred else shown.restart
    return JobOutcome(result=result, restart=restart)


def carry_out(work: JobWork, act: Callable[[], Applied]) -> Applied:
    """What was applied. After the commit nothing may pretend that nothing changed, whatever happens then."""
    session = work.session
    known = len(session.begun)
    try:
        return act()
    except BaseException as error:
        standing = stands_all_the_same(session.site.state, session.begun[known:], error)
        if standing is None:
            raise
        _LOG.warning("Safe Install: cut short after the commit: %s", one_line(str(error)))
        return standing


def _keep(work: JobWork, plans: Plans, wanted: Wanted, prepared: Prepared) -> wire.Plan:
    shown = prepared.shown
    plans.keep(KeptPlan(shown=shown, wanted=wanted))
    work.job.plan_made(shown.id, shown.operation)
    return shown


def _brief(shown: wire.Plan) -> dict[str, object]:
    """The plan in a job's result; the whole of it has a route of its own."""
    return {
        "plan_id": shown.id,
        "fingerprint": shown.fingerprint,
        "empty": shown.empty,
        "refused": shown.refused,
        "needs_consent": shown.needs_consent,
        "restart_reasons": shown.restart_reasons,
    }


def _consent_needed(shown: wire.Plan) -> RefusedError:
    reasons = "; ".join(shown.needs_consent)
    return RefusedError(
        "consent-needed",
        f"This needs your yes: {reasons}. Nothing was changed.",
        context={"plan_id": shown.id, "fingerprint": shown.fingerprint, "reasons": reasons},
        hints=(Hint("agree", "Look at the plan, then ask again with its fingerprint as `agree`."),),
    )


def _plan_changed(shown: wire.Plan) -> RefusedError:
    return RefusedError(
        "plan-changed",
        "What would be done now is not what the plan showed. Nothing was changed.",
        context={"plan_id": shown.id, "fingerprint": shown.fingerprint},
        hints=(Hint("look-again", "Look at the new plan, and apply that one."),),
    )
