"""What a user can ask for, each as one call: plan, apply, sync, uninstall. Rolling back lies beside."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..core.plan import PackChange, Plan
from ..core.swap_types import Arrival
from ..core.types import Finding, Pack
from ..errors import CancelledError, Hint, UsageError
from ..ports import Fetched, IndexProbe, Reporter, Silence, Site
from ..transaction import fs
from ..transaction.locks.lockfile import OwnerLock, lock_path
from .apply_errors import disk_full, refused, state_unwritable
from .applying import Applied, Applier, Order
from .aside import Aside, Scratch
from .deferring import scripts_later
from .drift import check_calmly
from .drift_report import DriftReport
from .in_force import in_force
from .install_scripts import CONSENT, run_install_scripts
from .movement import Movement
from .one_by_one import plan_one_by_one
from .plan_inputs import PlanInputs, SolverPorts
from .plan_orders import claims_of, expected_after, summary_of
from .planned import MERGED, ONE_BY_ONE, STRATEGIES, Options, Planned
from .planning import Planner
from .record import write_record
from .stillness import look_when_still
from .uninstalling import plan_uninstall

__all__ = ["MERGED", "ONE_BY_ONE", "STRATEGIES", "Options", "Planned", "Session", "refused"]

SPACE_FACTOR = 4
"""A wheel unpacks to some three times its size, and the stage stands beside the download for a moment."""


@dataclass(slots=True)
class Session:
    """Everything one user does with one ComfyUI. Blocks; call from a thread. Not shared between threads."""

    site: Site
    probe: IndexProbe
    report: Reporter = field(default_factory=Silence)
    cancel: threading.Event | None = None
    begun: list[str] = field(default_factory=list)
    """Ids of the transactions this session has begun, oldest first."""

    # --- plans ----------------------------------------------------------------------------------------------

    def plan_install(self, sources: Sequence[str], options: Options, *, to_apply: bool = False) -> Planned:
        """The plan that installs these sources, and only what they need. Nothing live is touched.

        `to_apply`: fetch to where the packs can be renamed into place from, not to a temporary folder.
        """
        if to_apply:
            self.site.check_writable()
        drifted = self.drift().findings
        self.report.stage("fetch", "Fetching sources")
        aside = Aside(self.site, "plan an install") if to_apply else Scratch()
        try:
            # Each in a folder of its own: two sources may have the same name.
            places = [aside.folder / str(number) for number in range(len(sources))]
            fetched = tuple(self._fetch(text, place) for text, place in zip(sources, places, strict=True))
            _refuse_twice(fetched)
            return self._plan_fetched(fetched, options, aside, drifted)
        except BaseException:
            aside.close()
            raise

    def plan_sync(self, options: Options, *, operation: str = "sync") -> Planned:
        """The plan that brings core and all packs in line with their merged lock."""
        drifted = self.drift().findings

        def look() -> PlanInputs:
            packs = tuple(self.site.gather(pack.name, Path(pack.path)) for pack in self.site.packs())
            return PlanInputs(
                environment=self.site.environment(),
                core=self.site.core(),
                packs=packs,
                rules=self.site.rules,
                repair=True,
                findings=drifted,
                policy=options.policy,
                allowed=options.allowed,
            )

        inputs, seen = look_when_still(self.site, look, self.cancel)
        plan = self._plan(inputs, options)
        return Planned(plan=plan, operation=operation, options=options, moment=seen)

    def plan_uninstall(self, name: str) -> Planned:
        """The plan that removes a pack, and the distributions that only it brought. Needs no network."""
        drifted = self.drift().findings
        planned, seen = look_when_still(self.site, lambda: plan_uninstall(self.site, name), self.cancel)
        plan = replace(planned.plan, findings=(*drifted, *planned.plan.findings))
        return replace(planned, plan=plan, moment=seen)

    def drift(self) -> DriftReport:
        """What others changed since we last looked; the drifted state is kept in a snapshot. Blocks."""
        return look_when_still(self.site, lambda: check_calmly(self.site), self.cancel)[0]

    # --- applying -------------------------------------------------------------------------------------------

    def apply(self, planned: Planned) -> Applied:
        """The plan, carried out and committed; on any failure everything is as before.

        Raises RefusedError for a plan with refusals, `plan-outdated`, `trial-failed`, `files-contested`;
        SafeInstallError `disk-full`, `verify-failed` and what staging raises; BusyError; RecoveryNeededError.
        """
        plan = planned.plan
        if plan.refusals:
            raise refused(plan.refusals)
        needed, free = plan.download_bytes * SPACE_FACTOR, self.site.free_bytes()
        if needed > free:
            raise disk_full(needed, free)
        staged = {change.name: change.after for change in plan.changes if change.action != "remove"}

        def fill(stage: Path) -> tuple[Arrival, ...]:
            if not staged:
                return ()
            builds = "builds" in plan.allowed
            return (
                self.site.fill_stage(plan.pylock, stage, staged, allow_builds=builds, cancel=self.cancel),
            )

        def settle(applied: Applied) -> None:
            write_record(self.site.state, applied.transaction, applied.operation, summary)
            self.site.remember_artefacts([package for package in plan.lock if package.name in staged])
            if CONSENT in planned.options.allowed:
                # Still under the lock: they write to what is live.
                ran.extend(run_install_scripts(self.site, places, self.report, self.cancel))

        ran: list[Finding] = []
        places = [
            (each.name, each.tree if each.in_place else self._place(each, planned))
            for each in planned.fetched
        ]
        summary = summary_of(planned, in_force(self.site.state))
        movement = Movement(
            leaving=frozenset(change.name for change in plan.changes if change.action != "install"),
            packs_out=planned.replaced,
            packs_in=tuple((each.tree, self._place(each, planned)) for each in planned.arriving),
            expected=expected_after(plan),
            touched=frozenset(staged),
        )
        order = Order(
            operation=planned.operation,
            seen=plan.environment,
            summary=summary,
            fill=fill,
            movement=movement,
            trial_packs=self._trial_packs(planned),
            aside=planned.aside if isinstance(planned.aside, Aside) else None,
            lock_text=plan.full_pylock,
            settle=settle,
            claims=claims_of(planned, staged),
            at_next_start=planned.options.at_next_start,
            moment=planned.moment,
        )
        applier = Applier(site=self.site, report=self.report, cancel=self.cancel, begun=self.begun)
        applied = applier.apply(order)
        if applied.deferred and CONSENT in planned.options.allowed:
            ran.extend(scripts_later((each.name, each.tree) for each in planned.fetched))
        return replace(applied, findings=(*applied.findings, *ran))

    def write_lock(self, planned: Planned) -> Path:
        """The lock as `pylock.toml` (PEP 751) in the state folder, durable, whole or as before; its path.

        Raises BusyError, SafeInstallError `folder-not-writable`, `state-unwritable`.
        """
        self.site.check_writable()
        path = self.site.state / "pylock.toml"
        with OwnerLock(lock_path(self.site.state), "lock"):
            try:
                fs.write_bytes(path, planned.plan.full_pylock.encode())
            except OSError as error:
                raise state_unwritable(path, error) from error
        return path

    # --- inside ---------------------------------------------------------------------------------------------

    def _fetch(self, text: str, aside: Path) -> Fetched:
        if self.cancel is not None and self.cancel.is_set():
            raise CancelledError("cancelled", "Cancelled; nothing was changed.")
        aside.mkdir()
        return self.site.fetch(text, aside, self.cancel, self.report.log)

    def _plan_fetched(
        self,
        fetched: tuple[Fetched, ...],
        options: Options,
        aside: Aside | Scratch,
        drifted: tuple[Finding, ...],
    ) -> Planned:
        (inputs, replaced), seen = look_when_still(
            self.site, lambda: self._read_for(fetched, options, drifted), self.cancel
        )
        plan = self._plan(inputs, options, order=[each.name for each in fetched])
        return Planned(
            plan=plan,
            operation=f"install {', '.join(each.name for each in fetched)}",
            options=options,
            fetched=fetched,
            replaced=replaced,
            aside=aside,
            moment=seen,
        )

    def _read_for(
        self, fetched: tuple[Fetched, ...], options: Options, drifted: tuple[Finding, ...]
    ) -> tuple[PlanInputs, tuple[Pack, ...]]:
        """What is planned from, and the packs that are replaced."""
        site = self.site
        new = {each.name: each for each in fetched}
        installed = {pack.name: pack for pack in site.packs()}
        packs = [site.gather(name, Path(pack.path)) for name, pack in installed.items() if name not in new]
        packs += [site.gather(name, each.tree) for name, each in new.items()]
        replaced = tuple(
            installed[name] for name, each in new.items() if name in installed and not each.in_place
        )
        scripts = [
            finding
            for each in fetched
            for finding in (*each.findings, *site.script_findings(each.name, each.tree))
            if not (finding.code == "install-script" and CONSENT in options.allowed)
        ]
        inputs = PlanInputs(
            environment=site.environment(),
            core=site.core(),
            packs=tuple(sorted(packs, key=lambda gathered: gathered.pack)),
            rules=site.rules,
            focus=frozenset(new),
            pack_changes=tuple(
                PackChange(
                    name=each.name,
                    action="replace" if each.name in installed else "add",
                    before=installed[each.name].version if each.name in installed else "",
                    after=each.commit[:10] or each.origin,
                    target=str(site.new_packs_folder / each.name),
                    digest=site.pack_digest(each.tree),
                )
                for each in fetched
                if not each.in_place
            ),
            findings=(*drifted, *scripts),
            policy=options.policy,
            allowed=options.allowed,
        )
        return inputs, replaced

    def _plan(self, inputs: PlanInputs, options: Options, order: Sequence[str] = ()) -> Plan:
        allow_builds = "builds" in options.allowed

        def open_solver(pins: Collection[str], absent: Collection[str]) -> SolverPorts:
            solver, artefacts = self.site.open_solver(
                inputs.environment, pins, absent, allow_builds=allow_builds, repair=inputs.repair
            )
            return SolverPorts(solver=solver, artefacts=artefacts)

        if options.strategy == ONE_BY_ONE:
            return plan_one_by_one(
                inputs, open_solver, self.probe, order=order, report=self.report, cancel=self.cancel
            )
        return Planner(
            inputs=inputs, open_solver=open_solver, probe=self.probe, report=self.report, cancel=self.cancel
        ).plan()

    def _place(self, fetched: Fetched, planned: Planned) -> Path:
        """Where a fetched pack goes: the place of the one it replaces, else the folder for new ones."""
        old = next((pack for pack in planned.replaced if pack.name == fetched.name), None)
        if old is None:
            return self.site.new_packs_folder / fetched.name
        # A folder does not get the name of the single file it replaces.
        return Path(old.path).with_name(fetched.name) if old.is_file else Path(old.path)

    def _trial_packs(self, planned: Planned) -> list[tuple[str, Path]] | None:
        """Whose imports the trial looks for: the new packs', and all others' where something may vanish."""
        if not planned.plan.changes and not planned.arriving:
            return None
        packs = {each.name: each.tree for each in planned.fetched}
        if any(change.before for change in planned.plan.changes):
            gone = {pack.path for pack in planned.replaced}
            packs = {
                **{pack.name: Path(pack.path) for pack in self.site.packs() if pack.path not in gone},
                **packs,
            }
        return sorted(packs.items())


def _refuse_twice(fetched: Sequence[Fetched]) -> None:
    names = [each.name.casefold() for each in fetched]
    for each in fetched:
        if names.count(each.name.casefold()) > 1:
            raise UsageError(
                "source-twice",
                f"Two sources give the pack {each.name}.",
                hints=(Hint("name-once", "Name each pack once."),),
            )
