"""Carrying a change out: stage, trial, snapshot, swap, verify, commit; or everything as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..core.ownership import Holding
from ..core.plan import environment_fingerprint
from ..core.snapshot import Snapshot
from ..core.states import TransactionState
from ..core.swap_types import Arrival, Swap
from ..core.trials import TrialReport
from ..core.types import Environment, Finding
from ..errors import CancelledError, Hint, SafeInstallError
from ..ports import Displaced, Reporter, Site
from ..transaction import fs
from ..transaction.runner import Transaction
from .apply_errors import (
    files_contested,
    files_damaged,
    not_as_planned,
    plan_outdated,
    trial_failed,
)
from .aside import Aside, sweep_asides
from .collecting import collect
from .drift import left_as
from .exclusion import alone
from .in_force import LOCK_FILE, snapshot_now
from .movement import Movement, steps_of
from .record import mend_record
from .stillness import Moment, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done."""

    transaction: str
    snapshot: str
    """Id of the snapshot taken before: `rollback` to it undoes this."""
    operation: str
    seconds: float
    swap_seconds: float
    """How long anything live was being moved."""
    steps: int
    trial: TrialReport | None = None
    findings: tuple[Finding, ...] = ()
    restart: str = "restart"

    def to_dict(self) -> dict[str, object]:
        """The outcome as a JSON object."""
        return {
            "transaction": self.transaction,
            "snapshot": self.snapshot,
            "operation": self.operation,
            "seconds": round(self.seconds, 3),
            "swap_seconds": round(self.swap_seconds, 4),
            "steps": self.steps,
            "findings": [finding.to_dict() for finding in self.findings],
            "trial": {
                "imported": self.trial.import_checked,
                "looked_for": self.trial.static_checked,
                "known_failures": [failure.to_dict() for failure in self.trial.known_failures],
            }
            if self.trial
            else None,
            "restart": self.restart,
        }


def _doubts(trial: TrialReport | None) -> tuple[Finding, ...]:
    """What the trial could not settle: said after the change, for it was no reason to refuse."""
    found = trial.to_findings() if trial else ()
    return tuple(
        finding for finding in found if finding.code in ("trial-doubtful-failure", "trial-unfinished")
    )


def _nothing(_applied: Applied) -> None:
    """Nothing is to be settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be carried out."""

    operation: str
    """In words, for the journal, the snapshot and whoever finds the lock taken."""
    seen: Environment
    """The environment the plan was made for."""
    summary: Mapping[str, object]
    """For the history; any JSON object."""
    fill: Callable[[Path], tuple[Arrival, ...]]
    """Fills the stage folder it is given and says what arrives, from there or from payloads."""
    movement: Movement
    trial_packs: Sequence[tuple[str, Path]] | None = None
    """(name, folder) of the packs whose imports are looked for; None means no trial."""
    aside: Aside | None = None
    """Where new packs wait; to be deleted whatever happens."""
    lock_text: str = ""
    """The lock (PEP 751) that is in force afterwards."""
    moment: Moment | None = None
    """What the plan stands on, as `seen`, with what our own transactions did. None: only `seen` counts."""
    settle: Callable[[Applied], None] = field(default=_nothing)
    """What follows the commit, still under the lock. A failure is a finding: the change stands."""


@dataclass(slots=True)
class Applier:
    """Carries changes out, each under the lock.

    Blocks; call from a thread (in the main thread, signals wait while the way back is gone).
    """

    site: Site
    report: Reporter
    cancel: threading.Event | None = None
    begun: list[str] = field(default_factory=list)
    """Ids of the transactions it has begun, so that whoever sees it fail knows which one was ours."""

    def apply(self, order: Order) -> Applied:
        """The change, committed. Any failure, Ctrl-C included, leaves everything as it was and is raised.

        RefusedError `plan-outdated` when the environment is not the one that was seen any more.
        """
        begun = time.monotonic()
        site = self.site
        site.check_writable()
        with alone(site, order.operation):
            mend_record(site.state)
            sweep_asides(site)
            before = site.environment()
            if environment_fingerprint(before.distributions) != environment_fingerprint(
                order.seen.distributions
            ) or order.moment not in (None, moment(site)):
                raise plan_outdated()
            snapshot = snapshot_now(site, before, f"before {order.operation}")
            transaction = Transaction.begin(
                site.state,
                operation=order.operation,
                roots=site.roots,
                summary={**order.summary, "snapshot": snapshot.id},
                remove_after=[order.aside.folder] if order.aside else [],
            )
            self.begun.append(transaction.id)
            if order.aside:
                order.aside.hand_over()
            snapshot = replace(snapshot, transaction=transaction.id)
            try:
                with transaction:
                    trial, steps, swap_seconds = self._carry_out(transaction, order, before, snapshot)
            except BaseException:
                site.tidy()
                raise
            applied = Applied(
                transaction=transaction.id,
                snapshot=snapshot.id,
                operation=order.operation,
                seconds=time.monotonic() - begun,
                swap_seconds=swap_seconds,
                steps=steps,
                trial=trial,
                findings=_doubts(trial),
            )
            return replace(applied, findings=(*applied.findings, *self._settle(order, applied)))

    def _carry_out(
        self, transaction: Transaction, order: Order, before: Environment, snapshot: Snapshot
    ) -> tuple[TrialReport | None, int, float]:
        site, movement = self.site, order.movement
        stage = site.stage_folder(transaction.id)
        mine = [stage, *([order.aside.folder] if order.aside else [])]
        transaction.set_steps((), remove_on_commit=mine, remove_on_rollback=mine)
        self.report.stage("stage", "Downloading and unpacking aside")
        arrivals = order.fill(stage)
        self._check_cancel()
        transaction.advance(TransactionState.STAGED)
        holdings, _ = site.holdings(before)
        leaving = {each.metadata_path for each in holdings if each.distribution.name in movement.leaving}
        trial = self._try(order, arrivals, leaving, holdings)
        self._check_cancel()
        transaction.advance(TransactionState.TRIED)
        swap = self._swap(holdings, leaving, arrivals)
        displacements: list[Displaced] = [site.displace(swap, holdings, transaction.id)]
        displacements += [site.displace_pack(pack, transaction.id) for pack in movement.packs_out]
        steps = steps_of(swap, displacements, movement, whole_folders=site.renames_folders)
        payloads = [payload.folder for displacement in displacements for payload in displacement.payloads]
        kept = site.snapshots.path(snapshot.id)
        transaction.set_steps(steps, remove_on_commit=mine, remove_on_rollback=(*mine, *payloads, kept))
        self.report.stage("snapshot", "Taking a snapshot")
        site.snapshots.save(snapshot)
        if order.lock_text:
            fs.write_bytes(transaction.directory / LOCK_FILE, order.lock_text.encode())
        for displacement in displacements:
            site.prepare(displacement)
        self.report.stage("swap", "Swapping")
        moment = time.monotonic()
        transaction.apply(lambda done, total: self.report.progress(done, total, "steps"))
        swap_seconds = time.monotonic() - moment
        self.report.stage("verify", "Verifying every file")
        self._verify(movement, before, arrivals)
        transaction.commit()
        return trial, len(steps), swap_seconds

    def _try(
        self,
        order: Order,
        arrivals: Sequence[Arrival],
        leaving: Collection[str],
        holdings: Sequence[Holding],
    ) -> TrialReport | None:
        if order.trial_packs is None or not (arrivals or leaving or order.trial_packs):
            return None
        self.report.stage("trial", "Trying the imports in a child process")
        trial = self.site.try_out(
            arrivals, leaving, holdings, order.trial_packs, cancel=self.cancel, on_line=self.report.log
        )
        if trial.new_failures:
            raise trial_failed(trial)
        return trial

    def _swap(
        self, holdings: Sequence[Holding], leaving: Collection[str], arrivals: Sequence[Arrival]
    ) -> Swap:
        swap = self.site.swap(holdings, leaving, arrivals)
        unowned = [clash.path for clash in swap.clashes if not clash.owners]
        if unowned:
            # Files nobody owns, where something new is to lie, are kept aside like all that is displaced.
            swap = self.site.swap(holdings, leaving, arrivals, unowned)
        if swap.clashes or swap.divided:
            raise files_contested(swap)
        return swap

    def _verify(self, movement: Movement, before: Environment, arrivals: Sequence[Arrival]) -> None:
        """Nothing when the environment is what the plan says, file by file.

        What was wrong before does not count, nor what comes back as wrong as it was when it was put aside.
        """
        now = self.site.environment()
        expected = {
            name: version or now.versions.get(name, "") for name, version in movement.expected.items()
        }
        if now.versions != expected:
            raise not_as_planned(expected, now.versions)
        flawed = [arrival for arrival in arrivals if arrival.flawed]
        accepted = {path for arrival in flawed for path in arrival.flawed}
        as_torn = {Path(holding.metadata_path) for arrival in flawed for holding in arrival.holdings}
        faults = [
            finding
            for finding in self.site.verify(now, movement.touched, accepted=accepted)
            if finding not in before.findings
            and not (finding.code == "torn-distribution" and Path(finding.file) in as_torn)
        ]
        if faults:
            raise files_damaged(faults)

    def _settle(self, order: Order, applied: Applied) -> tuple[Finding, ...]:
        """What follows the commit. The change stands whatever happens here."""
        findings = [*left_as(self.site, applied.transaction, applied.operation, order.movement.touched)]
        for act in (lambda: order.settle(applied), lambda: collect(self.site, self.site.retention)):
            try:
                act()
            except (OSError, SafeInstallError) as error:
                findings.append(
                    Finding(
                        code="not-settled",
                        message=f"The change is complete, but something that follows it failed: {error}",
                        hints=(Hint("free-space", "See that the state folder is writable and has space."),),
                    )
                )
        self.site.tidy()
        return tuple(findings)

    def _check_cancel(self) -> None:
        if self.cancel is not None and self.cancel.is_set():
            raise CancelledError("cancelled", "Cancelled; nothing was changed.")
