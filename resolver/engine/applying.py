"""Carrying a change out: stage, trial, snapshot, swap, verify, commit; or everything as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
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
from ..transaction.deferred.note import load_note
from ..transaction.preflight import refuse_impossible
from ..transaction.recover import deferred as waiting
from ..transaction.runner import Transaction
from ..transaction.steps import FilesLockedError
from .apply_errors import (
    files_contested,
    files_damaged,
    not_as_planned,
    plan_outdated,
    trial_failed,
)
from .aside import sweep_asides
from .collecting import collect, room_made
from .deferring import Deferred, claimed_folders, in_the_way, note_for, outdated_by, reason_to_wait
from .drift import left_as
from .exclusion import alone
from .guarding import keep_full
from .in_force import LOCK_FILE, snapshot_now
from .movement import Movement, steps_of
from .order import Applied, Order
from .protecting import refresh
from .record import mend_record
from .stillness import moment

__all__ = ["Applied", "Applier", "Order"]


def _doubts(trial: TrialReport | None) -> tuple[Finding, ...]:
    """What the trial could not settle: said after the change, for it was no reason to refuse."""
    found = trial.to_findings() if trial else ()
    return tuple(
        finding for finding in found if finding.code in ("trial-doubtful-failure", "trial-unfinished")
    )


@dataclass(slots=True)
class Applier:
    """Carries changes out, each under the lock.

    Blocks; call from a thread (in the main thread, signals wait while the way back is gone).
    """

    site: Site
    report: Reporter
    cancel: threading.Event | None = None
    noticed: tuple[Finding, ...] = ()
    """What keeping a full copy has brought to light."""
    begun: list[str] = field(default_factory=list)
    """Ids of the transactions it has begun, so that whoever sees it fail knows which one was ours."""

    def apply(self, order: Order) -> Applied:
        """The change, committed. Any failure, Ctrl-C included, leaves everything as it was and is raised.

        Where it is to wait, or files are in use, it is `deferred`, and everything is as it was.

        RefusedError `plan-outdated` when the environment is not the one that was seen any more.
        """
        begun = time.monotonic()
        site = self.site
        site.check_writable()
        with alone(site, order.operation):
            mend_record(site.state)
            sweep_asides(site, spare=claimed_folders((site.state, *site.neighbours)))
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
                    trial, steps, swap_seconds, deferred = self._carry_out(
                        transaction, order, before, snapshot
                    )
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
                findings=(*_doubts(trial), *self.noticed),
                deferred=deferred,
            )
            if deferred:
                note = load_note(transaction.directory)
                met = in_the_way(site.state, note, transaction.steps, transaction.id)
                return replace(applied, findings=(*applied.findings, *met))
            return replace(applied, findings=(*applied.findings, *self._settle(order, applied)))

    def _carry_out(
        self, transaction: Transaction, order: Order, before: Environment, snapshot: Snapshot
    ) -> tuple[TrialReport | None, int, float, Deferred | None]:
        site, movement = self.site, order.movement
        if order.carry is not None:
            count, seconds, self.noticed = order.carry(transaction, snapshot)
            return None, count, seconds, None
        stage = site.stage_folder(transaction.id)
        mine = [stage, *([order.aside.folder] if order.aside else [])]
        transaction.set_steps((), remove_on_commit=mine, remove_on_rollback=mine)
        self.report.stage("stage", "Downloading and unpacking aside")
        arrivals = order.fill(stage)
        self._check_cancel()
        transaction.advance(TransactionState.STAGED)
        holdings = order.regard(site.holdings(before)[0])
        leaving = {each.metadata_path for each in holdings if each.distribution.name in movement.leaving}
        trial = self._try(order, arrivals, leaving, holdings)
        self._check_cancel()
        transaction.advance(TransactionState.TRIED)
        swap = self._swap(holdings, leaving, arrivals)
        displacements: list[Displaced] = [site.displace(swap, holdings, transaction.id)]
        displacements += [site.displace_pack(pack, transaction.id) for pack in movement.packs_out]
        steps = steps_of(swap, displacements, movement, whole_folders=site.renames_folders)
        aside = [payload for displacement in displacements for payload in displacement.payloads]
        snapshot = site.storage.name_displaced(snapshot, aside)
        payloads = [payload.folder for payload in aside]
        kept = site.snapshots.path(snapshot.id)
        undone = (*mine, *payloads, kept, Path(site.guard.manifest_file(snapshot.id)))
        transaction.set_steps(steps, remove_on_commit=mine, remove_on_rollback=undone)
        self.report.stage("snapshot", "Taking a snapshot")
        # A copy would be of another moment than the one in which a waiting change is made.
        copy = None if order.at_next_start else keep_full(site, snapshot.id, self.report, self.cancel)
        self.noticed = copy.findings if copy else ()
        site.snapshots.save(snapshot)
        if order.lock_text:
            fs.write_bytes(transaction.directory / LOCK_FILE, order.lock_text.encode())
        for displacement in displacements:
            site.prepare(displacement)
        begun = time.monotonic()
        copied = [each.live_path for each in swap.shared]
        deferred = self._swap_or_wait(transaction, order, before, arrivals, snapshot, copied)
        swap_seconds = time.monotonic() - begun
        if deferred:
            return trial, len(steps), swap_seconds, deferred
        self.report.stage("verify", "Verifying every file")
        self._verify(movement, before, arrivals)
        transaction.commit()
        return trial, len(steps), swap_seconds, None

    def _swap_or_wait(  # noqa: PLR0917 - each is another part of the one change
        self,
        transaction: Transaction,
        order: Order,
        before: Environment,
        arrivals: Sequence[Arrival],
        snapshot: Snapshot,
        copied: Sequence[str],
    ) -> Deferred | None:
        """All steps in effect, or why the change waits and nothing is."""
        locked: FilesLockedError | None = None
        if order.at_next_start and transaction.steps:
            refuse_impossible(transaction.steps, self.site.roots)
        else:
            self.report.stage("swap", "Swapping")
            # Whoever hears of this stage takes no cancel from then on; one that was taken before it counts.
            self._check_cancel()
            try:
                transaction.apply(
                    lambda done, total: self.report.progress(done, total, "steps"), may_wait=True
                )
            except FilesLockedError as error:
                if not transaction.can_wait:
                    raise
                locked = error
            else:
                return None
        self.report.stage("defer", "Keeping it for the next start")
        if locked is None:
            self._check_cancel()
        fs.sync_volume()  # It may wait for long, and packs that were fetched have not been synced yet.
        deferred = reason_to_wait(self.site, locked)
        note = note_for(
            self.site,
            deferred,
            before,
            arrivals,
            movement=order.movement,
            steps=transaction.steps,
            copied=copied,
            snapshot=snapshot,
            claims=order.claims,
            summary=order.summary,
            operation=order.operation,
        )
        if order.aside:
            order.aside.give_away()
        Path(self.site.guard.manifest_file(snapshot.id)).unlink(missing_ok=True)
        transaction.defer(note.to_dict())
        return deferred

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
        findings: list[Finding] = []
        changed = {*order.movement.leaving, *order.movement.touched}
        findings += outdated_by(self.site.state, changed, applied.transaction)
        acts: tuple[Callable[[], tuple[Finding, ...] | None], ...]
        acts = (lambda: order.settle(applied), self._collect, lambda: refresh(self.site))
        for act in acts:
            try:
                findings += act() or ()
            except (OSError, SafeInstallError) as error:
                findings.append(
                    Finding(
                        code="not-settled",
                        message=f"The change is complete, but something that follows it failed: {error}",
                        hints=(Hint("free-space", "See that the state folder is writable and has space."),),
                    )
                )
        findings += left_as(self.site, applied.transaction, applied.operation, order.movement.touched)
        self.site.tidy()
        return tuple(findings)

    def _collect(self) -> tuple[Finding, ...]:
        if waiting(self.site.state):  # What waits may need anything that is kept.
            return ()
        return room_made(collect(self.site, self.site.retention))

    def _check_cancel(self) -> None:
        if self.cancel is not None and self.cancel.is_set():
            raise CancelledError("cancelled", "Cancelled; nothing was changed.")
