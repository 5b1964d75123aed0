"""Going back to a snapshot: from payloads, byte for byte and offline; else uv's cache; else the index."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from ..core.snapshot import Snapshot
from ..core.swap_types import Arrival
from ..core.types import Environment, Finding
from ..errors import Hint, RefusedError, SafeInstallError
from ..ports import Kept
from ..transaction.history import UNDOES, TransactionRecord, last_committed
from .apply_errors import plan_outdated
from .applying import Applied, Applier, Order
from .deferring import Claims
from .fetching import fetch_again
from .guarding import GuardedReturn, full_cannot_wait, plan_full
from .in_force import IN_FORCE, InForce
from .movement import Movement
from .restoration import (
    EXACT,
    KEEP,
    NOT_RESTORABLE,
    REMOVE,
    SAME_VERSION,
    Restoration,
    RollbackPlan,
)
from .session import Session
from .stillness import Moment, look_when_still
from .task_reading import DISABLED
from .ways_back import distributions_back, files_back, packs_back

__all__ = [
    "EXACT",
    "KEEP",
    "NOT_RESTORABLE",
    "REMOVE",
    "SAME_VERSION",
    "Restoration",
    "Rollback",
    "RollbackPlan",
]


@dataclass(slots=True)
class Rollback:
    """Goes back to snapshots of one session's site. Blocks; call from a thread."""

    session: Session
    _found: Moment | None = field(default=None, init=False)
    """What `find` without a name went by."""
    _undoing: str = field(default="", init=False)
    """The transaction `find` was to undo."""

    def find(self, name: str = "", *, undoing: str = "") -> Snapshot:
        """The snapshot of that id, prefix of an id, or label; without a name the one before the last change.

        `undoing` is the id of the transaction that must be the last one, now and until it is undone.

        Raises SafeInstallError `snapshot-not-found`, `snapshot-ambiguous`, `nothing-to-roll-back`; RefusedError
        `not-the-last-change`.
        """
        site = self.session.site
        self._found, self._undoing = None, ""
        if name:
            return site.snapshots.get(name)
        last, self._found = look_when_still(site, lambda: last_committed(site.state), self.session.cancel)
        if undoing:
            if last is None or last.id != undoing:
                raise _not_the_last(undoing, last)
            self._undoing = undoing
        taken = str(last.summary.get("snapshot") or "") if last else ""
        if taken:
            return site.snapshots.get(taken)
        raise SafeInstallError(
            "nothing-to-roll-back",
            "No transaction of Safe Install is on record, so there is nothing to go back to.",
            hints=(Hint("list-snapshots", "See `safe-install snapshot list`."),),
        )

    def plan(self, snapshot: Snapshot) -> RollbackPlan:
        """What going back takes, for each distribution, pack and file. Touches nothing; needs no network.

        Raises RefusedError `snapshot-of-other-environment`.
        """
        drifted = self.session.noticed()
        plan, seen = look_when_still(
            self.session.site, lambda: self._plan(snapshot, drifted), self.session.cancel
        )
        if self._found not in (None, seen):
            # "Before the last change" was another change then.
            raise plan_outdated()
        return replace(plan, moment=seen)

    def _plan(self, snapshot: Snapshot, drifted: tuple[Finding, ...]) -> RollbackPlan:
        site = self.session.site
        environment = site.environment()
        if snapshot.prefix and Path(snapshot.prefix) != Path(environment.python.prefix):
            raise RefusedError(
                "snapshot-of-other-environment",
                f"The snapshot is of {snapshot.prefix}, not of {environment.python.prefix}.",
                hints=(Hint("name-python", "Name the environment it was taken of with --python."),),
            )
        findings = (*drifted, *_python_findings(snapshot.python, environment.python.version))
        if not site.guard.is_full(snapshot.id):
            return self._plan_by_payloads(snapshot, environment, findings)
        bare = RollbackPlan(snapshot=snapshot, environment=environment, items=(), kept=0, findings=findings)
        return plan_full(site, bare, lambda: self._plan_by_payloads(snapshot, environment, findings))

    def _plan_by_payloads(
        self, snapshot: Snapshot, environment: Environment, findings: tuple[Finding, ...]
    ) -> RollbackPlan:
        site = self.session.site
        items = distributions_back(site, environment, snapshot)
        files = files_back(site, environment, snapshot, items)
        packs, packs_out, relocated = packs_back(site, snapshot)
        items += [*packs, *files]
        changing = tuple(item for item in items if item.how != KEEP)
        return RollbackPlan(
            snapshot=snapshot,
            environment=environment,
            items=changing,
            kept=len(items) - len(changing),
            packs_out=packs_out,
            relocated=relocated,
            findings=findings,
        )

    def apply(self, plan: RollbackPlan, *, at_next_start: bool = False) -> Applied:
        """Carry it out; itself snapshotted, so it can be undone. What cannot be restored stays as it is now.

        `at_next_start`: keep it waiting, and go back only where nothing was changed until then.

        Raises what `Applier.apply` raises; then everything is as before.
        """
        moving = [item for item in plan.items if item.how in (EXACT, SAME_VERSION, REMOVE)]
        dists = [item for item in moving if item.kind == "distribution"]
        fetched = {item.name: item.after for item in dists if item.how == SAME_VERSION}
        by_payload: dict[Path, tuple[Kept, list[str]]] = {}
        for item in dists:
            if item.payload is not None:
                by_payload.setdefault(item.payload.folder, (item.payload, []))[1].append(item.name)

        def fill(stage: Path) -> tuple[Arrival, ...]:
            site = self.session.site
            arrivals = [site.payload_arrival(payload, names) for payload, names in by_payload.values()]
            if fetched:
                hashes = {each.name: each.hashes for each in plan.snapshot.distributions}
                arrivals.append(fetch_again(site, stage, fetched, hashes, self.session.cancel))
            return tuple(arrivals)

        expected = dict(plan.environment.versions)
        for item in dists:
            if item.how == REMOVE:
                expected.pop(item.name, None)
            else:
                expected[item.name] = item.after
        movement = Movement(
            leaving=frozenset(item.name for item in dists if item.before),
            packs_out=plan.packs_out,
            relocated=plan.relocated,
            emptied=_emptied(plan),
            ways_back=tuple(
                way
                for item in moving
                if item.payload and item.kind != "distribution"
                for way in _ways_of(item, item.payload)
                if way not in plan.relocated
            ),
            expected=expected,
            touched=frozenset(item.name for item in dists if item.how != REMOVE),
        )
        session = self.session
        carry = None
        if plan.full is not None:
            if at_next_start:
                raise full_cannot_wait()
            carry = GuardedReturn(
                site=session.site, report=session.report, plan=plan.full, cancel=session.cancel
            ).carry_out
        order = Order(
            operation=f"rollback to {plan.snapshot.id}",
            seen=plan.environment,
            summary=_summary(plan, dists, self._undoing),
            fill=fill,
            movement=movement,
            # The whole environment is to be as it was then, so nothing may have changed since the plan.
            claims=Claims(relies=None),
            at_next_start=at_next_start,
            moment=plan.moment,
            carry=carry,
        )
        applier = Applier(
            site=session.site, report=session.report, cancel=session.cancel, begun=session.begun
        )
        return applier.apply(order)


def _ways_of(item: Restoration, payload: Kept) -> tuple[tuple[Path, Path], ...]:
    """The ways back of one item; the files nobody owned of one transaction share a payload."""
    if item.kind == "pack":
        return payload.ways_back
    return tuple(way for way in payload.ways_back if way[1].as_posix().endswith(f"/{item.name}"))


def _not_the_last(wanted: str, last: TransactionRecord | None) -> RefusedError:
    return RefusedError(
        "not-the-last-change",
        f"The change {wanted} is not the last one"
        + (f"; that is {last.id} ({last.operation})." if last else ": there is none.")
        + " Nothing was changed.",
        context={"wanted": wanted, "last": last.id if last else ""},
        hints=(Hint("see-history", "See `safe-install history`; a snapshot can be named as well."),),
    )


def _emptied(plan: RollbackPlan) -> tuple[Path, ...]:
    """The folders `.disabled` that hold nothing any more when all went back, and held no pack then."""
    leaving = {Path(pack.path) for pack in plan.packs_out} | {source for source, _ in plan.relocated}
    then = {Path(each.pack.path).parent for each in plan.snapshot.packs}
    folders = {path.parent for path in leaving if path.parent.name == DISABLED} - then
    return tuple(sorted(folder for folder in folders if leaving.issuperset(folder.iterdir())))


def _summary(plan: RollbackPlan, dists: list[Restoration], undoing: str) -> dict[str, object]:
    """What the history keeps of a rollback."""
    restored = InForce(lock=plan.snapshot.lock, decisions=plan.snapshot.decisions)
    return {
        "fingerprint": plan.fingerprint,
        "target": plan.snapshot.id,
        **({UNDOES: undoing} if undoing else {}),
        "changes": [
            {"name": item.name, "action": item.how, "from": item.before, "to": item.after} for item in dists
        ],
        "packs": [item.to_dict() for item in plan.items if item.kind == "pack"],
        IN_FORCE: restored.to_dict(),
    }


def _python_findings(then: str, now: str) -> tuple[Finding, ...]:
    if not then or then == now:
        return ()
    return (
        Finding(
            code="python-changed",
            message=f"The snapshot was taken with Python {then}; this is {now}.",
            hints=(Hint("check", "Compiled packages of another Python version do not work here."),),
        ),
    )
