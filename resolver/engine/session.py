"""What a user can ask for, each as one call: plan, apply, sync, uninstall; roll back and the rest lie beside."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from ..core.merge import Policy
from ..core.orphans import orphans
from ..core.plan import PackChange, Plan
from ..core.swap_types import Arrival
from ..core.types import Finding, Pack
from ..core.verdicts import changes_between, library_findings, library_lines
from ..errors import CancelledError, Hint, RefusedError, SafeInstallError, UsageError
from ..ports import Fetched, IndexProbe, Reporter, Silence, Site
from ..transaction.history import read_transactions
from ..transaction.runner import Transaction
from .applying import Applied, Applier, Movement
from .one_by_one import plan_one_by_one
from .planning import PlanInputs, Planner, SolverPorts
from .record import write_record

MERGED, ONE_BY_ONE = "merged", "one-by-one"
STRATEGIES = (MERGED, ONE_BY_ONE)

SPACE_FACTOR = 4
"""A wheel unpacks to some three times its size, and the stage stands beside the download for a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the user wants a plan to be made."""

    policy: Policy = Policy.NEWEST
    strategy: str = MERGED
    allowed: frozenset[str] = frozenset()
    """Consents: builds, indexes, urls, install-py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with the sources it was made from. Leave its `with` block, or `close` it, to remove what was fetched."""

    plan: Plan
    operation: str
    options: Options
    fetched: tuple[Fetched, ...] = ()
    replaced: tuple[Pack, ...] = ()
    """Packs that go away or are replaced."""
    aside: Path | None = None

    def close(self) -> None:
        """Remove what was fetched and not used."""
        if self.aside is not None:
            shutil.rmtree(self.aside, ignore_errors=True)

    def __enter__(self) -> Planned:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(slots=True)
class Session:
    """Everything one user does with one ComfyUI. Blocks; call from a thread. Not shared between threads."""

    site: Site
    probe: IndexProbe
    report: Reporter = field(default_factory=Silence)
    cancel: threading.Event | None = None

    # --- plans ---------------------------------------------------------------------------------------------------

    def plan_install(self, sources: Sequence[str], options: Options, *, to_apply: bool = False) -> Planned:
        """The plan that installs these sources, and only what they need. Nothing live is touched.

        `to_apply`: fetch to where the packs can be renamed into place from, not to a temporary folder.
        """
        self.report.stage("fetch", "Fetching sources")
        aside = self.site.make_aside() if to_apply else Path(tempfile.mkdtemp(prefix="safe-install-"))
        try:
            fetched = tuple(self._fetch(text, aside) for text in sources)
            _refuse_twice(fetched)
            return self._plan_fetched(
                fetched, options, aside, f"install {', '.join(each.name for each in fetched)}"
            )
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    def plan_sync(self, options: Options, *, operation: str = "sync") -> Planned:
        """The plan that brings core and all packs in line with their merged lock."""
        packs = tuple(self.site.gather(pack.name, Path(pack.path)) for pack in self.site.packs())
        inputs = PlanInputs(
            environment=self.site.environment(),
            core=self.site.core(),
            packs=packs,
            rules=self.site.rules,
            repair=True,
            policy=options.policy,
            allowed=options.allowed,
        )
        return Planned(plan=self._plan(inputs, options), operation=operation, options=options)

    def plan_uninstall(self, name: str) -> Planned:
        """The plan that removes a pack, and the distributions that only it brought. Needs no network."""
        packs = {pack.name: pack for pack in self.site.packs()}
        pack = packs.get(name)
        if pack is None:
            raise UsageError(
                "pack-not-found",
                f"No pack {name} is installed.",
                hints=(Hint("list-packs", f"Installed are: {', '.join(sorted(packs)) or 'none'}."),),
            )
        environment = self.site.environment()
        core = self.site.core()
        gathered = {each.name: self.site.gather(each.name, Path(each.path)) for each in packs.values()}
        remaining = [each for other, each in gathered.items() if other != name]
        gone = orphans(environment, core, remaining, gathered[name], brought_by_us=self._brought_by_us())
        after = {each: version for each, version in environment.versions.items() if each not in gone}
        requires = {dist.name: dist.requires for dist in environment.distributions}
        library = library_lines(environment, after, requires, {})
        plan = Plan(
            environment=environment,
            lock=(),
            pylock="",
            changes=changes_between(environment, after, ()),
            pack_changes=(
                PackChange(
                    name=name, action="remove", before=pack.version or pack.commit[:10], target=pack.path
                ),
            ),
            findings=library_findings([line for line in library if not line.was_broken], {}),
            library_lines=library,
        )
        return Planned(plan=plan, operation=f"uninstall {name}", options=Options(), replaced=(pack,))

    # --- applying ------------------------------------------------------------------------------------------------

    def apply(self, planned: Planned) -> Applied:
        """The plan, carried out and committed; on any failure everything is as before.

        Raises RefusedError for a plan with refusals, `plan-outdated`, `trial-failed`, `files-contested`;
        SafeInstallError `disk-full`, `verify-failed` and what staging raises; BusyError; RecoveryNeededError.
        """
        plan = planned.plan
        if plan.refusals:
            raise refused(plan.refusals)
        needed = plan.download_bytes * SPACE_FACTOR
        if needed > self.site.free_bytes():
            raise SafeInstallError(
                "disk-full",
                f"Some {needed // 1_000_000} MB are needed beside the environment, "
                f"{self.site.free_bytes() // 1_000_000} MB are free; nothing was changed.",
                hints=(Hint("free-space", "Free some space on that volume, then try again."),),
            )
        changed = {change.name for change in plan.changes}
        staged = {change.name: change.after for change in plan.changes if change.action != "remove"}
        arriving = tuple(each for each in planned.fetched if not each.in_place)
        target = self.site.new_packs_folder

        def fill(transaction: Transaction, stage: Path) -> tuple[Arrival, ...]:
            if not staged:
                return ()
            builds = "builds" in plan.allowed
            return (
                self.site.fill_stage(plan.pylock, stage, staged, allow_builds=builds, cancel=self.cancel),
            )

        movement = Movement(
            leaving=frozenset(change.name for change in plan.changes if change.action != "install"),
            packs_out=planned.replaced,
            packs_in=tuple((each.tree, self._place(each, planned, target)) for each in arriving),
            expected=_expected(plan),
            touched=frozenset(staged),
        )
        applier = Applier(site=self.site, operation=planned.operation, report=self.report, cancel=self.cancel)
        applied = applier.apply(
            seen=plan.environment,
            summary={
                "fingerprint": plan.fingerprint,
                "changes": [change.to_dict() for change in plan.changes],
                "packs": [change.to_dict() for change in plan.pack_changes],
                "decisions": [decision.to_dict() for decision in plan.decisions],
            },
            fill=fill,
            movement=movement,
            trial_packs=[(each.name, each.tree) for each in planned.fetched] if changed or arriving else None,
            remove_after=(planned.aside,) if planned.aside else (),
        )
        write_record(self.site.state, applied, plan, planned.options.strategy)
        self.site.remember_artefacts([package for package in plan.lock if package.name in staged])
        return replace(applied, findings=self._run_scripts(planned))

    def write_lock(self, planned: Planned) -> Path:
        """The lock as `pylock.toml` (PEP 751) in the state folder; its path."""
        self.site.check_writable()
        path = self.site.state / "pylock.toml"
        path.write_text(planned.plan.full_pylock, encoding="utf-8")
        return path

    # --- inside --------------------------------------------------------------------------------------------------

    def _fetch(self, text: str, aside: Path) -> Fetched:
        if self.cancel is not None and self.cancel.is_set():
            raise CancelledError("cancelled", "Cancelled; nothing was changed.")
        return self.site.fetch(text, aside, self.cancel, self.report.log)

    def _plan_fetched(
        self, fetched: tuple[Fetched, ...], options: Options, aside: Path, operation: str
    ) -> Planned:
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
            if not (finding.code == "install-script" and "install-py" in options.allowed)
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
            findings=tuple(scripts),
            policy=options.policy,
            allowed=options.allowed,
        )
        plan = self._plan(inputs, options, order=[each.name for each in fetched])
        return Planned(
            plan=plan, operation=operation, options=options, fetched=fetched, replaced=replaced, aside=aside
        )

    def _plan(self, inputs: PlanInputs, options: Options, order: Sequence[str] = ()) -> Plan:
        allow_builds = "builds" in options.allowed

        def open_solver(pins: Collection[str], absent: Collection[str]) -> SolverPorts:
            solver, artefacts = self.site.open_solver(
                inputs.environment, pins, absent, allow_builds=allow_builds, repair=inputs.repair
            )
            return SolverPorts(solver=solver, artefacts=artefacts)

        if options.strategy == ONE_BY_ONE:
            return plan_one_by_one(inputs, open_solver, order, self.report, self.cancel)
        return Planner(
            inputs=inputs, open_solver=open_solver, probe=self.probe, report=self.report, cancel=self.cancel
        ).plan()

    def _place(self, fetched: Fetched, planned: Planned, target: Path) -> Path:
        old = next((pack for pack in planned.replaced if pack.name == fetched.name), None)
        return Path(old.path) if old else target / fetched.name

    def _brought_by_us(self) -> frozenset[str]:
        """Distributions that transactions of ours installed anew, as far as the history reaches."""
        names = set()
        for record in read_transactions(self.site.state):
            changes = record.summary.get("changes")
            if record.state is None or record.state.value != "committed" or not isinstance(changes, list):
                continue
            names |= {
                str(change.get("name"))
                for change in changes
                if isinstance(change, dict) and change.get("action") == "install"
            }
        return frozenset(names)

    def _run_scripts(self, planned: Planned) -> tuple[Finding, ...]:
        """Run install.py of the new packs where the user consented, and say what it did to the environment."""
        if "install-py" not in planned.options.allowed:
            return ()
        findings = []
        for each in planned.fetched:
            place = each.tree if each.in_place else self._place(each, planned, self.site.new_packs_folder)
            if not (place / "install.py").is_file():
                continue
            self.report.stage("install-py", f"Running install.py of {each.name}")
            before = self.site.environment()
            code = self.site.run_install_script(place, self.cancel, self.report.log)
            after = self.site.environment()
            changes = changes_between(before, after.versions, ())
            words = ", ".join(
                f"{change.name} {change.before or '-'} -> {change.after or '-'}" for change in changes
            )
            findings.append(
                Finding(
                    code="install-script-ran" if code == 0 else "install-script-failed",
                    message=f"install.py of {each.name} ended with {code} and changed: {words or 'no distribution'}.",
                    pack=each.name,
                    file="install.py",
                    hints=(Hint("roll-back", "`safe-install rollback` goes back to before this install."),),
                )
            )
        return tuple(findings)


def refused(refusals: Sequence[Finding]) -> RefusedError:
    """The error for a plan that must not be applied, with all its reasons."""
    hints = tuple(dict.fromkeys(hint for finding in refusals for hint in finding.hints))
    return RefusedError(
        refusals[0].code,
        " ".join(finding.message for finding in refusals[:3]) + " Nothing was changed.",
        context={"refusals": len(refusals)},
        hints=hints[:4],
    )


def _expected(plan: Plan) -> dict[str, str]:
    after = dict(plan.environment.versions)
    for change in plan.changes:
        if change.action == "remove":
            after.pop(change.name, None)
        else:
            after[change.name] = change.after
    return after


def _refuse_twice(fetched: Sequence[Fetched]) -> None:
    names = [each.name.casefold() for each in fetched]
    for each in fetched:
        if names.count(each.name.casefold()) > 1:
            raise UsageError(
                "source-twice",
                f"Two sources give the pack {each.name}.",
                hints=(Hint("name-once", "Name each pack once."),),
            )
