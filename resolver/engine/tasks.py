"""Tasks of any kinds as one plan: what comes is fetched, then everything is planned together."""

from __future__ import annotations

import functools
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.pack_names import fold_name
from ..core.plan import Plan
from ..core.types import Finding, Pack
from ..core.verdicts import changes_between, library_findings, library_lines
from ..errors import CancelledError, Hint, UsageError
from ..ports import Fetched, Reporter, Site
from .brought import Brought
from .in_force import in_force
from .install_scripts import CONSENT
from .left_over import left_over
from .pack_moves import arrival, relocation, removal
from .plan_inputs import PlanInputs
from .planned import Options
from .task_reading import Bring, Wanted, contradicting

_FEW = 5
_SMALL = 1024 * 1024
"""Bytes of a file of the user's that is code or settings, which may change what a plan says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What is planned from, and what moves."""

    inputs: PlanInputs
    replaced: tuple[Pack, ...]
    relocated: tuple[tuple[Path, Path], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """Brings here what tasks want. Blocks."""

    site: Site
    report: Reporter
    cancel: threading.Event | None
    allowed: Collection[str] = ()
    only_look: bool = False
    """Nothing of it will be installed: the user's large files need not be copied."""

    def bring(self, wanted: Wanted, aside: Path | None) -> tuple[tuple[Brought, ...], tuple[Finding, ...]]:
        """Everything that takes part in the solve with its requirements; and what was noticed.

        `aside` is where sources are fetched to; None where there are none. Raises what `Site.fetch` raises;
        UsageError `source-twice`, `tasks-contradict`.
        """
        if wanted.bring:
            self.report.stage("fetch", "Fetching sources")
        # Each in a folder of its own: two sources may have the same name.
        known = [each.instead for each in wanted.bring if each.instead is not None and self._is_newest(each)]
        fetched = [
            self._one(each, aside / str(number))
            for number, each in enumerate(wanted.bring)
            if aside and each.instead not in known
        ]
        # Compared with the user's own files in it: they are no reason to install the same again.
        complete = [each if _same_commit(each) else self._with_own_files(each) for each in fetched]
        current = [each for each in complete if each.instead is not None and self._is_current(each)]
        findings = [
            Finding(code="already-newest", message=f"{name} is up to date.", pack=name)
            for name in (*(pack.name for pack in known), *(each.name for each in current))
        ]
        coming = [each for each in complete if each not in current]
        there = [
            Brought(name=pack.name, tree=Path(pack.path), origin=pack.path, in_place=True)
            for pack in wanted.fix
        ]
        there += [
            Brought(
                name=each.name,
                tree=Path(each.pack.path),
                origin=each.pack.path,
                in_place=True,
                moves_to=each.target,
            )
            for each in wanted.relocate
            if each.enable
        ]
        everything = (*coming, *there)
        _refuse_twice(everything, wanted)
        return everything, tuple(findings)

    def _one(self, bring: Bring, aside: Path) -> Brought:
        if self.cancel is not None and self.cancel.is_set():
            raise CancelledError("cancelled", "Cancelled; nothing was changed.")
        aside.mkdir()
        fetched: Fetched = self.site.fetch(
            bring.text,
            aside,
            self.cancel,
            self.report.log,
            allowed=self.allowed,
            on_bytes=lambda done, total: self.report.progress(done, total, "bytes"),
        )
        # Of the Registry's packs only it knows under which folder's name they lie here.
        instead = bring.instead or fetched.replaces
        return Brought(
            name=instead.name if instead else fetched.name,
            tree=fetched.tree,
            origin=fetched.origin,
            commit=fetched.commit,
            in_place=fetched.in_place,
            findings=fetched.findings,
            instead=instead,
            registry_id=fetched.registry_id,
            version=fetched.version,
            sha256=fetched.sha256,
        )

    def _is_newest(self, bring: Bring) -> bool:
        """Whether an update would bring what is there, by a look that fetches nothing."""
        if bring.instead is None or bring.newest_of is None:
            return False
        newest = self.site.newest(bring.newest_of, self.cancel)
        return bool(newest) and newest in {bring.instead.commit, bring.instead.version}

    def _is_current(self, each: Brought) -> bool:
        assert each.instead is not None  # noqa: S101 - the caller looked
        if each.commit and each.instead.commit:
            return _same_commit(each)
        return not each.commit and self.site.is_same_version(each.instead, each.tree)

    def _with_own_files(self, each: Brought) -> Brought:
        """The new version with what the user keeps in the pack's folder, and what is said of local changes."""
        pack = each.instead
        if pack is None:
            return each
        digest = self.site.pack_digest(each.tree)
        carried = self.site.carry_over(pack, each.tree, _SMALL if self.only_look else None)
        findings = []
        if carried:
            some = ", ".join(carried[:_FEW]) + (" ..." if len(carried) > _FEW else "")
            findings.append(
                Finding(
                    code="own-files-kept",
                    message=f"{len(carried)} files in {pack.name} that are no part of it stay: {some}",
                    pack=pack.name,
                )
            )
        if self.site.has_local_changes(pack):
            findings.append(
                Finding(
                    code="local-changes-put-aside",
                    message=f"{pack.name} has local changes, which its new version does not have. They are kept "
                    "with the version that goes.",
                    pack=pack.name,
                    hints=(Hint("roll-back", "`safe-install rollback` brings the changed version back."),),
                )
            )
        return replace(each, findings=(*each.findings, *findings), digest=digest)


def _same_commit(each: Brought) -> bool:
    return each.instead is not None and bool(each.commit) and each.commit == each.instead.commit


def compose(
    site: Site,
    wanted: Wanted,
    brought: Sequence[Brought],
    options: Options,
    findings: Sequence[Finding],
) -> Composed:
    """What the tasks are planned from, as everything is now. Reads only.

    Raises UsageError `pack-not-found` where a pack went away meanwhile.
    """
    environment, core = site.environment(), site.core()
    every = site.every_pack()
    there = {pack.path for pack in every}
    for pack in (*wanted.remove, *wanted.fix, *(each.pack for each in wanted.relocate)):
        if pack.path not in there:
            raise UsageError("pack-not-found", f"{pack.name} is not at {pack.path} any more.")
    installed = {pack.name: pack for pack in every if not pack.disabled}
    new = {each.name: each for each in brought}
    going = {pack.path for pack in wanted.remove}
    silent = {each.pack.path for each in wanted.relocate if not each.enable}
    # Each read once, and only those that count.
    gather = functools.cache(lambda pack: site.gather(pack.name, Path(pack.path)))
    staying = [
        gather(pack)
        for name, pack in installed.items()
        if name not in new and pack.path not in going | silent
    ]
    staying += [site.gather(name, each.tree) for name, each in new.items()]
    # What is disabled may be enabled again: it keeps what it needs.
    asleep = [
        gather(pack) for pack in every if (pack.disabled or pack.path in silent) and pack.path not in going
    ]
    leaving = [gather(pack) for pack in installed.values() if pack.path in going]
    replaced = [installed[name] for name, each in new.items() if name in installed and not each.in_place]
    inputs = PlanInputs(
        environment=environment,
        core=core,
        packs=tuple(sorted(staying, key=lambda each: each.pack)),
        rules=site.rules,
        focus=frozenset(new),
        remove=left_over(site, environment, core, (*staying, *asleep), leaving),
        pack_changes=(
            *(
                arrival(site, each, installed, runs_script=CONSENT in options.allowed)
                for each in brought
                if not each.in_place
            ),
            *(relocation(site, each) for each in wanted.relocate),
            *(removal(pack) for pack in wanted.remove),
        ),
        findings=(*findings, *wanted.findings, *_said_of(site, brought, options)),
        policy=options.policy,
        prefer=options.prefer,
        earlier=in_force(site.state).choices,
        allowed=options.allowed,
    )
    moves = tuple((Path(each.pack.path), each.target) for each in wanted.relocate)
    return Composed(inputs=inputs, replaced=(*replaced, *wanted.remove), relocated=moves)


def plan_without_solving(inputs: PlanInputs) -> Plan:
    """The plan where nothing new is asked for: packs go or fall silent, and what only they brought. No network."""
    environment = inputs.environment
    after = {name: each for name, each in environment.versions.items() if name not in inputs.remove}
    requires = {dist.name: dist.requires for dist in environment.distributions}
    library = library_lines(environment, after, requires, {})
    broken = library_findings([line for line in library if not line.was_broken], {})
    return Plan(
        environment=environment,
        lock=(),
        pylock="",
        changes=changes_between(environment, after, ()),
        pack_changes=inputs.pack_changes,
        findings=(*inputs.findings, *broken),
        library_lines=library,
    )


def operation_of(wanted: Wanted, brought: Sequence[Brought]) -> str:
    """The tasks in words, for the journal and the history; names of things that turned out current are left out."""
    kinds = {
        "install": [each.name for each in brought if not each.in_place and each.instead is None]
        + [each.name for each in brought if each.in_place and _is_source(each, wanted)],
        "update": [each.name for each in brought if each.instead is not None],
        "fix": [pack.name for pack in wanted.fix],
        "enable": [each.name for each in wanted.relocate if each.enable],
        "disable": [each.name for each in wanted.relocate if not each.enable],
        "uninstall": list(dict.fromkeys(pack.name for pack in wanted.remove)),
    }
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names) or "nothing"


def _is_source(each: Brought, wanted: Wanted) -> bool:
    """Whether it lies in custom_nodes already and was named as a source."""
    fixed = {pack.path for pack in wanted.fix}
    return each.moves_to is None and str(each.tree) not in fixed


def _said_of(site: Site, brought: Sequence[Brought], options: Options) -> list[Finding]:
    """What was noticed of each pack; of those that were there before, install.py is no news."""
    return [
        finding
        for each in brought
        for finding in (
            *each.findings,
            *(site.script_findings(each.name, each.tree) if each.moves_to is None else ()),
        )
        if not (finding.code == "install-script" and CONSENT in options.allowed)
    ]


def _refuse_twice(brought: Sequence[Brought], wanted: Wanted) -> None:
    names = [fold_name(each.name) for each in brought]
    for each in brought:
        if names.count(fold_name(each.name)) > 1:
            raise UsageError(
                "source-twice",
                f"Two sources give the pack {each.name}.",
                hints=(Hint("name-once", "Name each pack once."),),
            )
    others: list[tuple[str, str]] = [(pack.name, "uninstall") for pack in wanted.remove]
    others += [(each.name, "disable") for each in wanted.relocate if not each.enable]
    for name, kind in others:
        if fold_name(name) in names:
            raise contradicting(name, "install", kind)
