"""What a user can ask for, each as one call: plan tasks, sync, apply. Rolling back lies beside."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..core.choices import choice_needs_merged
from ..core.plan import Plan
from ..core.swap_types import Arrival
from ..core.tasks import Task, TaskKind
from ..core.types import Finding
from ..errors import Hint
from ..ports import Fetched, IndexProbe, Reporter, Silence, Site
from ..transaction import fs
from ..transaction.locks.lockfile import OwnerLock, lock_path
from .apply_errors import disk_full, refused, state_unwritable
from .applying import Applied, Applier, Order
from .aside import Aside, Scratch
from .deferring import scripts_later
from .downloading import Download
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
from .task_reading import Wanted, read_tasks
from .tasks import Fetching, compose, operation_of, plan_without_solving

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
        """The plan that installs these sources, and only what they need; see `plan_tasks`."""
        tasks = [Task(kind=TaskKind.INSTALL, subject=text) for text in sources]
        return self.plan_tasks(tasks, options, to_apply=to_apply)

    def plan_uninstall(self, name: str) -> Planned:
        """The plan that removes a pack, and the distributions that only it brought. Needs no network."""
        return self.plan_tasks([Task(kind=TaskKind.UNINSTALL, subject=name)], Options())

    def plan_tasks(self, tasks: Sequence[Task], options: Options, *, to_apply: bool = False) -> Planned:
        """The plan that does all of it as one change. Nothing live is touched.

        `to_apply`: fetch to where the packs can be renamed into place from, not to a temporary folder.
        Raises what `read_tasks` and `Fetching.bring` raise.
        """
        if to_apply:
            self.site.check_writable()
        drifted = self.noticed()
        wanted, _ = look_when_still(self.site, lambda: read_tasks(self.site, tasks), self.cancel)
        aside: Aside | Scratch | None = None
        try:
            if wanted.bring:
                aside = Aside(self.site, "plan an install") if to_apply else Scratch()
            return self._plan_wanted(wanted, options, aside, drifted)
        except BaseException:
            if aside is not None:
                aside.close()
            raise

    def plan_sync(self, options: Options, *, operation: str = "sync") -> Planned:
        """The plan that brings core and all packs in line with their merged lock."""
        drifted = self.noticed()

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
                prefer=options.prefer,
                earlier=in_force(self.site.state).choices,
                allowed=options.allowed,
            )

        inputs, seen = look_when_still(self.site, look, self.cancel)
        plan = self._plan(inputs, options)
        return Planned(plan=plan, operation=operation, options=options, moment=seen)

    def drift(self) -> DriftReport:
        """What others changed since we last looked; the drifted state is kept in a snapshot. Blocks."""
        return look_when_still(self.site, lambda: check_calmly(self.site), self.cancel)[0]

    def noticed(self) -> tuple[Finding, ...]:
        """What every plan says first: the drift, and what ComfyUI-Manager will do at the next start. Blocks."""
        return (*self.drift().findings, *(_put_off(each) for each in self.site.put_off_by_manager()))

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
            download = Download((each for each in plan.lock if each.name in staged), self.report)
            arrival = self.site.fill_stage(
                plan.pylock,
                stage,
                staged,
                allow_builds="builds" in plan.allowed,
                cancel=self.cancel,
                watch=download,
            )
            return (arrival,)

        def settle(applied: Applied) -> None:
            write_record(self.site.state, applied.transaction, applied.operation, summary)
            self.site.remember_artefacts([package for package in plan.lock if package.name in staged])
            self.site.remember_archives(
                {
                    f"{each.registry_id}@{each.version}": each.sha256
                    for each in planned.arriving
                    if each.sha256
                }
            )
            if CONSENT in planned.options.allowed:
                # Still under the lock: they write to what is live.
                places = [(name, place) for name, place, _ in scripts]
                ran.extend(run_install_scripts(self.site, places, self.report, self.cancel))

        ran: list[Finding] = []
        woken = [source for source, _ in planned.relocated]
        scripts = [
            (each.name, each.tree if each.in_place else self._place(each, planned), each.tree)
            for each in planned.fetched
            if each.tree not in woken
        ]
        summary = summary_of(planned, in_force(self.site.state))
        movement = Movement(
            leaving=frozenset(change.name for change in plan.changes if change.action != "install"),
            packs_out=planned.replaced,
            packs_in=tuple((each.tree, self._place(each, planned)) for each in planned.arriving),
            relocated=planned.relocated,
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
        for each in planned.arriving:
            if each.registry_id and each.version:
                self.site.count_install(each.registry_id, each.version)
        if applied.deferred and CONSENT in planned.options.allowed:
            ran.extend(scripts_later((name, tree) for name, _, tree in scripts))
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

    def _plan_wanted(
        self,
        wanted: Wanted,
        options: Options,
        aside: Aside | Scratch | None,
        drifted: tuple[Finding, ...],
    ) -> Planned:
        fetching = Fetching(
            site=self.site,
            report=self.report,
            cancel=self.cancel,
            allowed=options.allowed,
            only_look=isinstance(aside, Scratch),
        )
        brought, noticed = fetching.bring(wanted, aside.folder if aside else None)
        said = (*drifted, *noticed)
        composed, seen = look_when_still(
            self.site, lambda: compose(self.site, wanted, brought, options, said), self.cancel
        )
        inputs = composed.inputs
        if brought:
            plan = self._plan(inputs, options, order=[each.name for each in brought])
        else:
            plan = plan_without_solving(inputs)
        return Planned(
            plan=plan,
            operation=operation_of(wanted, brought),
            options=options,
            fetched=brought,
            replaced=composed.replaced,
            relocated=composed.relocated,
            aside=aside,
            moment=seen,
        )

    def _plan(self, inputs: PlanInputs, options: Options, order: Sequence[str] = ()) -> Plan:
        allow_builds = "builds" in options.allowed

        def open_solver(pins: Collection[str], absent: Collection[str]) -> SolverPorts:
            solver, artefacts = self.site.open_solver(
                inputs.environment, pins, absent, allow_builds=allow_builds, repair=inputs.repair
            )
            return SolverPorts(solver=solver, artefacts=artefacts)

        if options.strategy == ONE_BY_ONE:
            if options.prefer:
                raise choice_needs_merged()
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
        if not (planned.plan.changes or planned.arriving or planned.relocated):
            return None
        packs = {each.name: each.tree for each in planned.fetched}
        if any(change.before for change in planned.plan.changes):
            gone = {pack.path for pack in planned.replaced} | {str(source) for source, _ in planned.relocated}
            packs = {
                **{pack.name: Path(pack.path) for pack in self.site.packs() if pack.path not in gone},
                **packs,
            }
        return sorted(packs.items())


def _put_off(words: str) -> Finding:
    return Finding(
        code="manager-waits",
        message=f"At the next start ComfyUI-Manager will, before anything of ours: {words}.",
        hints=(
            Hint("restart-first", "Restart ComfyUI first, so that this plan is made of what comes of it."),
        ),
    )
