"""Carrying a change out: stage, trial, snapshot, swap, verify, commit; or everything as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.plan import environment_fingerprint
from ..core.snapshot import Snapshot
from ..core.states import TransactionState
from ..core.swap_types import Arrival, Swap
from ..core.trials import TrialReport
from ..core.types import Environment, Finding, Pack
from ..errors import Hint, RefusedError, SafeInstallError
from ..ports import Displaced, Reporter, Site
from ..transaction.lockfile import OwnerLock, lock_path
from ..transaction.runner import Transaction
from ..transaction.steps import MakeDir, Move, RemoveDir, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What is to move, in the words of the environment."""

    leaving: frozenset[str] = frozenset()
    """Canonical names of distributions that go away or are replaced."""
    packs_out: tuple[Pack, ...] = ()
    packs_in: tuple[tuple[Path, Path], ...] = ()
    """(where it waits, its place among the custom nodes)."""
    files_back: tuple[tuple[Path, Path], ...] = ()
    """(place in a payload, live place) of files no distribution owns."""
    expected: Mapping[str, str] = field(default_factory=dict)
    """{name: version} of everything installed afterwards."""
    touched: frozenset[str] = frozenset()
    """Names whose files are verified afterwards."""


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


@dataclass(slots=True)
class Applier:
    """Carries one change out under the lock. Blocks; call from a thread (signals are deferred in the main thread)."""

    site: Site
    operation: str
    report: Reporter
    cancel: threading.Event | None = None

    def apply(
        self,
        *,
        seen: Environment,
        summary: Mapping[str, object],
        fill: Callable[[Transaction, Path], tuple[Arrival, ...]],
        movement: Movement,
        trial_packs: Sequence[tuple[str, Path]] | None,
        remove_after: Sequence[Path] = (),
    ) -> Applied:
        """The change, committed. Any failure, Ctrl-C included, leaves everything as it was and is raised.

        `seen` is the environment the plan was made for: RefusedError `plan-outdated` when it has changed since.
        `fill` fills the stage and says what arrives; `trial_packs` None means no trial. `remove_after` are our own
        folders to be deleted whatever happens.
        """
        begun = time.monotonic()
        site = self.site
        site.check_writable()
        with OwnerLock(lock_path(site.state), self.operation):
            before = site.environment()
            if environment_fingerprint(before.distributions) != environment_fingerprint(seen.distributions):
                raise plan_outdated()
            snapshot = site.take_snapshot(before, f"before {self.operation}")
            transaction = Transaction.begin(
                site.state,
                operation=self.operation,
                roots=site.roots,
                summary={**summary, "snapshot": snapshot.id},
            )
            with transaction:
                trial, steps, swap_seconds = self._carry_out(
                    transaction, before, snapshot, fill, movement, trial_packs, remove_after
                )
            site.snapshots.prune()
            site.collect()
            site.tidy()
        return Applied(
            transaction=transaction.id,
            snapshot=snapshot.id,
            operation=self.operation,
            seconds=time.monotonic() - begun,
            swap_seconds=swap_seconds,
            steps=steps,
            trial=trial,
        )

    def _carry_out(
        self,
        transaction: Transaction,
        before: Environment,
        snapshot: Snapshot,
        fill: Callable[[Transaction, Path], tuple[Arrival, ...]],
        movement: Movement,
        trial_packs: Sequence[tuple[str, Path]] | None,
        remove_after: Sequence[Path],
    ) -> tuple[TrialReport | None, int, float]:
        site = self.site
        stage = site.stage_folder(transaction.id)
        mine = (stage, *remove_after)
        transaction.set_steps((), remove_on_commit=mine, remove_on_rollback=mine)
        self.report.stage("stage", "Downloading and unpacking aside")
        arrivals = fill(transaction, stage)
        self._check_cancel()
        transaction.advance(TransactionState.STAGED)
        holdings, _ = site.holdings(before)
        leaving = {each.metadata_path for each in holdings if each.distribution.name in movement.leaving}
        trial = None
        if trial_packs is not None and (arrivals or leaving or trial_packs):
            self.report.stage("trial", "Trying the imports in a child process")
            trial = site.try_out(arrivals, leaving, holdings, trial_packs, self.cancel, self.report.log)
            if trial.new_failures:
                raise trial_failed(trial)
        self._check_cancel()
        transaction.advance(TransactionState.TRIED)
        swap = self._swap(holdings, leaving, arrivals)
        displacements: list[Displaced] = [site.displace(swap, holdings, transaction.id)]
        displacements += [site.displace_pack(pack, transaction.id) for pack in movement.packs_out]
        steps = steps_of(swap, displacements, movement)
        payloads = [payload.folder for displacement in displacements for payload in displacement.payloads]
        kept = site.snapshots.path(snapshot.id)
        transaction.set_steps(steps, remove_on_commit=mine, remove_on_rollback=(*mine, *payloads, kept))
        self.report.stage("snapshot", "Taking a snapshot")
        site.snapshots.save(snapshot)
        for displacement in displacements:
            site.prepare(displacement)
        self.report.stage("swap", "Swapping")
        moment = time.monotonic()
        transaction.apply(lambda done, total: self.report.progress(done, total, "steps"))
        swap_seconds = time.monotonic() - moment
        self.report.stage("verify", "Verifying every file")
        self._verify(movement)
        transaction.commit()
        return trial, len(steps), swap_seconds

    def _swap(
        self, holdings: Sequence[object], leaving: Collection[str], arrivals: Sequence[Arrival]
    ) -> Swap:
        swap = self.site.swap(holdings, leaving, arrivals)  # type: ignore[arg-type]
        unowned = [clash.path for clash in swap.clashes if not clash.owners]
        if unowned:
            # Files nobody owns, where a new distribution wants to lie: they are kept aside like everything displaced.
            swap = self.site.swap(holdings, leaving, arrivals, unowned)  # type: ignore[arg-type]
        if swap.clashes or swap.divided:
            raise files_contested(swap)
        return swap

    def _verify(self, movement: Movement) -> None:
        """The environment is what the plan says, file by file; otherwise everything is taken back."""
        now = self.site.environment()
        expected = {
            name: version or now.versions.get(name, "") for name, version in movement.expected.items()
        }
        if now.versions != expected:
            wrong = sorted(set(now.versions.items()) ^ set(expected.items()))
            raise SafeInstallError(
                "verify-failed",
                "What is installed is not what the plan says; everything was put back.",
                context={"differences": ", ".join(f"{name} {version}" for name, version in wrong[:6])},
                hints=(
                    Hint("report-bug", "Please report this with the output of `safe-install verify --json`."),
                ),
            )
        faults = [
            finding for finding in self.site.verify(now, movement.touched) if finding not in now.findings
        ]
        faults += [finding for finding in now.findings if finding.code == "duplicate-metadata"]
        if faults:
            raise SafeInstallError(
                "verify-failed",
                f"Files are not what their RECORD says; everything was put back. {faults[0].message}",
                context={"faults": len(faults)},
                hints=(Hint("try-again", "Try again; if it happens twice, check the disk."),),
            )

    def _check_cancel(self) -> None:
        if self.cancel is not None and self.cancel.is_set():
            from ..errors import CancelledError

            raise CancelledError("cancelled", "Cancelled; nothing was changed.")


def steps_of(swap: Swap, displacements: Sequence[Displaced], movement: Movement) -> tuple[Step, ...]:
    """The journalled steps of a movement, in the order in which undoing them backwards is exact."""
    steps: list[Step] = [Move(source, target) for each in displacements for source, target in each.moves]
    steps += [RemoveDir(Path(folder.path), folder.mode) for folder in swap.removed]
    steps += [MakeDir(Path(folder.path), folder.mode) for folder in swap.made]
    steps += [Move(Path(each.stage_path), Path(each.live_path)) for each in swap.incoming]
    steps += [Move(source, target) for source, target in (*movement.files_back, *movement.packs_in)]
    return tuple(steps)


def plan_outdated() -> RefusedError:
    """The environment is not the one the plan was made for."""
    return RefusedError(
        "plan-outdated",
        "The environment was changed by something else since the plan was made; nothing was done.",
        hints=(Hint("plan-again", "Plan again and look at what it says now."),),
    )


def trial_failed(trial: TrialReport) -> RefusedError:
    """Something that works now would stop working."""
    first = trial.new_failures[0]
    return RefusedError(
        "trial-failed",
        f"{first.message} With this change it would stop working, so nothing was changed.",
        context={
            "failures": len(trial.new_failures),
            "modules": ", ".join(failure.module for failure in trial.new_failures[:8]),
            "detail": first.detail,
        },
        hints=(
            Hint("see-why", f"See `safe-install why {first.distribution or first.module}`."),
            Hint("other-policy", "Try the other policy: --policy fewest-broken, or newest."),
        ),
    )


def files_contested(swap: Swap) -> RefusedError:
    """Files belong to distributions that stay, and would be overwritten or torn."""
    paths = [clash.path for clash in swap.clashes] + [divided.path for divided in swap.divided]
    owners = sorted({owner for clash in swap.clashes for owner in clash.owners})
    owners += sorted({owner.rpartition("/")[2] for divided in swap.divided for owner in divided.staying})
    return RefusedError(
        "files-contested",
        f"{paths[0]} also belongs to {', '.join(owners[:3]) or 'another distribution'}, which stays; "
        "installing over it would break one of the two.",
        context={"files": len(paths), "owners": ", ".join(owners)},
        hints=(
            Hint(
                "uninstall-one",
                "Uninstall one of the two owners, or add a rule for the family to rules.toml.",
            ),
        ),
    )
