"""Which packs a workflow lacks, and what has to be done for it to run; see `core.missing` for the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.version import Version

from ..core.missing import Candidate, CandidateKind, Missing, TypeReport, TypeState, Why
from ..core.missing_port import KnowsNodes, ListsPacks
from ..core.pack_names import fold_name
from ..core.pack_origin import LOCAL, PackOrigin, matching, same_repository
from ..core.types import Finding, Pack
from ..core.workflow import CORE_ID, UsedType, Workflow
from .candidates import Candidates
from .missing_choices import choices, in_one_form, settled_by_choice, settled_by_need, wanted
from .missing_findings import (
    ABOUT_STATE,
    comfyui_older,
    finding_of,
    from_another_pack,
    looked_at_files,
    named_by_workflow_alone,
    pack_older,
)
from .versions import is_older

_CUSTOM_NODES = "custom_nodes."


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a running ComfyUI tells of itself."""

    types: Mapping[str, str]
    """{node type: python module}."""
    loaded: Mapping[str, Path]
    """{name: folder} of the packs that loaded; empty where the host does not tell."""


@dataclass(slots=True)
class MissingSearch:
    """One search. Blocks; asks the Registry only for what is not here."""

    packs: ListsPacks
    sight: KnowsNodes
    candidates: Candidates
    running: Running | None = None
    _installed: tuple[tuple[Pack, PackOrigin], ...] = ()
    _known: Mapping[str, str] = field(default_factory=dict)
    _unknown: frozenset[str] = frozenset()
    _loaded: frozenset[str] = frozenset()

    def look(self, workflow: Workflow, choose: Mapping[str, str] | None = None) -> Missing:
        """What that workflow lacks. `choose` is {node type: pack} for the choices the user has made.

        Raises UsageError `choice-unknown`, CancelledError. That the Registry cannot be asked is a finding.
        """
        self._look_around()
        self._unknown = frozenset(used.name for used in workflow.types if used.name not in self._known)
        reports = [self._report(used) for used in workflow.types]
        reports = settled_by_choice(in_one_form(reports), choose or {})
        reports = settled_by_need(reports)
        findings = [*workflow.findings, *self.candidates.findings, *self._remarks(workflow, reports)]
        if any(report.state.is_missing for report in reports):
            findings += self.sight.node_map().findings
        answer = Missing(
            exact=self.running is not None,
            types=tuple(reports),
            packs=tuple(wanted(reports)),
            choices=tuple(choices(reports)),
            findings=(),
        )
        findings += [named_by_workflow_alone(each) for each in answer.unvouched]
        return replace(answer, findings=tuple(dict.fromkeys(findings)))

    # --- what is here -----------------------------------------------------------------------------------------

    def _look_around(self) -> None:
        self._installed = tuple((pack, self.packs.origin_of(pack)) for pack in self.packs.every_pack())
        if self.running is not None:
            self._known = self.running.types
            modules = (module for module in self.running.types.values() if module.startswith(_CUSTOM_NODES))
            # A pack that has none of its names in a host's list may still have brought nodes.
            by_module = {module.removeprefix(_CUSTOM_NODES).partition(".")[0] for module in modules}
            folders = {Path(folder).name for folder in self.running.loaded.values()}
            # A single file is known by its path without `.py`.
            names = {Path(name).name for name in self.running.loaded}
            self._loaded = frozenset({*folders, *names, *by_module})
            return
        known = dict.fromkeys(self.sight.core_types(), "nodes")
        for pack, _ in self._installed:
            if not pack.disabled:
                known |= dict.fromkeys(self.sight.types_of(pack), f"{_CUSTOM_NODES}{pack.name}")
        self._known = known

    def _failed(self, pack: Pack) -> bool:
        """Whether the running host has tried to load the pack and could not."""
        if self.running is None or not self.running.loaded or pack.disabled:
            return False
        return not {pack.name, Path(pack.path).name, Path(pack.path).stem} & self._loaded

    # --- one type ---------------------------------------------------------------------------------------------

    def _report(self, used: UsedType) -> TypeReport:
        def report(state: TypeState, *candidates: Candidate) -> TypeReport:
            return TypeReport(name=used.name, count=used.count, state=state, candidates=candidates)

        if used.name in self._known:
            return report(TypeState.PRESENT)
        found = self._here(used) or self.candidates.of_hints(used)
        if not found:
            found = self._in_files(used.name) or self.candidates.of_name(used.name)
        if not found and used.also:
            found = self.candidates.of_name(used.also)
        options = tuple(self._judged(used, candidate) for candidate in found)
        if not options:
            drawn = any(self._draws(pack, used.name) for pack, _ in self._installed if not pack.disabled)
            return report(TypeState.FRONT_END if drawn else TypeState.UNKNOWN)
        if len(options) == 1 and options[0].why != (Why.MANAGER_LIKENESS,):
            return report(options[0].action, *options)
        here = next((each for each in options if not each.action.is_missing), None)
        return report(here.action, here) if here else report(TypeState.CHOICE, *options)

    def _here(self, used: UsedType) -> tuple[Candidate, ...]:
        """Installed packs the workflow names: then nobody needs to be asked. Only if all that it names are here."""
        found: dict[str, Candidate] = {}
        for hint in used.hints:
            url = self.candidates.repository_of(hint.aux_id)
            match = self._match(hint.cnr_id, url) if hint.cnr_id != CORE_ID else None
            if match is None:
                return ()
            pack, _ = match
            found.setdefault(
                pack.path,
                Candidate(
                    kind=CandidateKind.INSTALLED,
                    subject=pack.name,
                    name=pack.name,
                    why=(Why.WORKFLOW_ID if hint.cnr_id else Why.WORKFLOW_REPOSITORY,),
                    version=hint.version,
                    repository=url or pack.remote,
                    installed=pack.name,
                ),
            )
        return tuple(found.values())

    def _in_files(self, name: str) -> tuple[Candidate, ...]:
        """Packs that are installed and not at work, and whose files declare the type."""
        return tuple(
            Candidate(
                kind=CandidateKind.INSTALLED,
                subject=pack.name,
                name=pack.name,
                why=(Why.INSTALLED_FILES,),
                repository=pack.remote,
                installed=pack.name,
            )
            for pack, _ in self._installed
            if (pack.disabled or self._failed(pack)) and name in self.sight.types_of(pack)
        )

    def _judged(self, used: UsedType, candidate: Candidate) -> Candidate:
        """The candidate with what would have to be done."""
        if candidate.kind is CandidateKind.CORE:
            return replace(candidate, action=TypeState.CORE)
        found = self._match(candidate.installed or candidate.subject.partition("@")[0], candidate.repository)
        if found is None:
            by_hand = candidate.kind is CandidateKind.FILE
            return replace(candidate, action=TypeState.BY_HAND if by_hand else TypeState.INSTALL)
        return replace(candidate, installed=found[0].name, action=self._remedy(used, candidate, *found))

    def _remedy(self, used: UsedType, candidate: Candidate, pack: Pack, origin: PackOrigin) -> TypeState:
        if pack.disabled:
            return TypeState.ENABLE
        if self._failed(pack):
            return TypeState.FAILED
        if self._draws(pack, used.name):
            return TypeState.FRONT_END
        if origin.kind != LOCAL and is_older(pack.version, candidate.version):
            return TypeState.UPDATE
        return TypeState.ABSENT if self.running is not None else TypeState.ASSUMED

    def _draws(self, pack: Pack, name: str) -> bool:
        # All names at once, so that its scripts are read once.
        return name in self.sight.drawn_by(pack, self._unknown)

    def _match(self, subject: str, repository: str) -> tuple[Pack, PackOrigin] | None:
        """The installed pack that is meant; an enabled copy before a disabled one."""
        found = matching(self._installed, subject) if subject else ()
        if not found and repository:
            addresses = (repository, self.candidates.address(repository))
            name = fold_name(repository.rstrip("/").removesuffix(".git").rpartition("/")[2])
            found = tuple(
                (pack, origin)
                for pack, origin in self._installed
                if any(same_repository(origin.url, each) for each in addresses)
                # Unpacked from an archive it has no address, only the repository's name.
                or (not origin.url and fold_name(pack.name) == name)
            )
        return min(found, key=lambda each: each[0].disabled, default=None)

    # --- remarks ----------------------------------------------------------------------------------------------

    def _remarks(self, workflow: Workflow, reports: Sequence[TypeReport]) -> Iterator[Finding]:
        ours = self.sight.comfyui_version
        if self.running is None:
            yield looked_at_files()
        for report in reports:
            if report.state in ABOUT_STATE:
                yield finding_of(report, ours)
        core = [hint.version for used in workflow.types for hint in used.hints if hint.cnr_id == CORE_ID]
        newer = [version for version in core if is_older(ours, version)]
        if newer:
            yield comfyui_older(ours, max(newer, key=Version))
        for used in workflow.types:
            if used.name in self._known:
                yield from self._about_present(used)

    def _about_present(self, used: UsedType) -> Iterator[Finding]:
        """An older pack than the workflow was made with, and another pack than it names."""
        for hint in used.hints:
            if hint.cnr_id == CORE_ID:
                continue
            match = self._match(hint.cnr_id, self.candidates.repository_of(hint.aux_id))
            if match is not None and not match[0].disabled and is_older(match[0].version, hint.version):
                yield pack_older(match[0], hint.version)
            module = self._known[used.name]
            if match is None and len(used.hints) == 1 and module.startswith(_CUSTOM_NODES):
                folder = module.removeprefix(_CUSTOM_NODES).partition(".")[0]
                other = self._match(folder, "")
                # One that does not say which it is may well be the very pack under another name.
                if other is not None and hint.cnr_id and other[1].id:
                    yield from_another_pack(used.name, folder, hint.cnr_id or hint.aux_id)
