"""Which packs bring a node type: by the workflow's own words, the Registry, and ComfyUI-Manager's map."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ..core.missing import Candidate, CandidateKind, Why
from ..core.missing_port import KnowsNodes
from ..core.node_map import LIKENESS, LISTED, PREEMPTED
from ..core.pack_names import fold_name
from ..core.pack_origin import same_repository
from ..core.registry import ACTIVE, NIGHTLY, RegistryPack
from ..core.types import Finding
from ..core.workflow import CORE_ID, PackHint, UsedType
from ..errors import CancelledError, Hint, SafeInstallError
from ..registry_port import Registry

_Value = TypeVar("_Value")

GITHUB = "https://github.com"

_REGISTRY_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._\-]{0,98}[A-Za-z0-9])?")
_REPOSITORY = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9_.\-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9_.][A-Za-z0-9_.\-]{0,99}")
_NOT_FOUND = "registry-pack-not-found"
_MOST_QUESTIONS = 300
"""Of one search. A workflow is made by anybody, and the Registry is not to be asked ten thousand times for it."""
_OFTEN = 2
_DRAWN = {"SetNode": "kijai/ComfyUI-KJNodes", "GetNode": "kijai/ComfyUI-KJNodes"}
"""Types that a pack's web page alone draws, so that neither the Registry nor Manager's map has them; the workflow says
nothing of their pack either. Only what is in very many workflows."""
_HOW = {PREEMPTED: Why.MANAGER_PREEMPTED, LISTED: Why.MANAGER_LISTED, LIKENESS: Why.MANAGER_LIKENESS}


@dataclass(slots=True)
class Candidates:
    """Looks packs up, each question asked once. Blocks while the Registry answers."""

    sight: KnowsNodes
    registry: Registry | None
    cancel: threading.Event | None = None
    on_question: Callable[[str], None] | None = None
    findings: list[Finding] = field(default_factory=list)
    _packs: dict[str, RegistryPack | None] = field(default_factory=dict)
    _owners: dict[str, RegistryPack | None] = field(default_factory=dict)
    _met: Counter[str] = field(default_factory=Counter)
    """How often each pack was the owner of a type."""
    _listed: dict[str, RegistryPack] = field(default_factory=dict)
    """{node type: pack} by the lists of nodes of packs."""
    _questions: int = 0
    _silent: bool = False

    def of_hints(self, used: UsedType) -> tuple[Candidate, ...]:
        """The packs the workflow itself names; () where it names none that there is."""
        return _merged(candidate for hint in used.hints for candidate in self._of_hint(hint))

    def of_name(self, name: str) -> tuple[Candidate, ...]:
        """The packs the Registry and Manager's map know for a type."""
        owner = self._owner(name)
        mapped = self.sight.node_map().packs_of(name)
        found: list[Candidate] = []
        if core := next((pack for pack, _ in mapped if pack.is_core), None):
            return (
                Candidate(
                    kind=CandidateKind.CORE, subject=CORE_ID, name=core.title, why=(Why.MANAGER_LISTED,)
                ),
            )
        if owner is not None:
            found.append(self._from_registry(owner, (Why.REGISTRY,)))
            if name in owner.preempted_nodes:
                # The type is this pack's, whoever else has a node of that name.
                return tuple(found)
        for pack, how in mapped:
            found.append(
                Candidate(
                    kind=CandidateKind.FILE if pack.is_file else CandidateKind.GIT,
                    subject=self.address(pack.url),
                    name=pack.title or pack.url,
                    why=(_HOW.get(how, Why.MANAGER_PATTERN),),
                    repository=pack.url,
                )
            )
        if not found and name in _DRAWN:
            url = f"{GITHUB}/{_DRAWN[name]}"
            found.append(
                Candidate(
                    kind=CandidateKind.GIT,
                    subject=self.address(url),
                    name=_DRAWN[name],
                    why=(Why.WELL_KNOWN,),
                    repository=url,
                )
            )
        return _merged(found)

    def address(self, url: str) -> str:
        """Where git fetches from: the mirror of GitHub that is set in the environment, if one is."""
        mirror, path = self.sight.github, url.removeprefix(GITHUB)
        return f"{mirror}{path}" if path != url and mirror != GITHUB else url

    def repository_of(self, aux_id: str) -> str:
        """The address that an `aux_id` means; empty where it is none."""
        return f"{GITHUB}/{aux_id.removesuffix('.git')}" if _REPOSITORY.fullmatch(aux_id) else ""

    def _of_hint(self, hint: PackHint) -> Iterator[Candidate]:
        if hint.cnr_id == CORE_ID:
            yield Candidate(
                kind=CandidateKind.CORE,
                subject=CORE_ID,
                name="ComfyUI",
                why=(Why.WORKFLOW_ID,),
                version=hint.version,
            )
            return
        if _REGISTRY_ID.fullmatch(hint.cnr_id):
            pack, known = self._pack(hint.cnr_id)
            if pack is not None:
                yield replace(self._from_registry(pack, (Why.WORKFLOW_ID,)), version=hint.version)
                return
            if not known:
                yield Candidate(
                    kind=CandidateKind.REGISTRY,
                    subject=hint.cnr_id,
                    name=hint.cnr_id,
                    why=(Why.WORKFLOW_ID,),
                    version=hint.version,
                    repository=self.repository_of(hint.aux_id),
                )
                return
        if url := self.repository_of(hint.aux_id):
            listed = (Why.MANAGER_KNOWN,) if self.sight.node_map().knows(url) else ()
            yield Candidate(
                kind=CandidateKind.GIT,
                subject=self.address(url),
                name=hint.aux_id,
                why=(Why.WORKFLOW_REPOSITORY, *listed),
                version=hint.version,
                repository=url,
            )

    def _from_registry(self, pack: RegistryPack, why: tuple[Why, ...]) -> Candidate:
        no_version = pack.latest is None or pack.unclaimed
        kind = CandidateKind.REGISTRY
        if pack.status != ACTIVE:
            kind = CandidateKind.FILE
            self._say(
                Finding(
                    code="registry-pack-withdrawn",
                    message=f"The Registry has the pack {pack.id} as {pack.status}"
                    f"{f': {pack.status_detail}' if pack.status_detail else ''}. It is not installed from there.",
                    pack=pack.id,
                    hints=(Hint("ask-the-author", "See the pack's repository for what its author says."),),
                )
            )
        return Candidate(
            kind=kind,
            subject=f"{pack.id}@{NIGHTLY}" if no_version else pack.id,
            name=pack.name or pack.id,
            why=why,
            repository=pack.repository,
        )

    # --- asking -----------------------------------------------------------------------------------------------

    def _pack(self, identifier: str) -> tuple[RegistryPack | None, bool]:
        """The pack of that id, and whether the Registry could tell."""
        if identifier not in self._packs:
            answer, told = self._ask(identifier, lambda registry: registry.pack(identifier).value)
            if not told:
                return None, False
            self._packs[identifier] = answer
            if answer is None:
                self._say(
                    Finding(
                        code="pack-id-unknown",
                        message=f"The workflow names the pack {identifier}, which the Registry does not have.",
                        pack=identifier,
                    )
                )
        return self._packs[identifier], True

    def _owner(self, name: str) -> RegistryPack | None:
        if name not in self._owners:
            owner = self._listed.get(name)
            if owner is None:
                owner, _ = self._ask(name, lambda registry: registry.pack_of_node(name).value)
                if owner is not None:
                    self._learn(owner)
            self._owners[name] = owner
        return self._owners[name]

    def _learn(self, pack: RegistryPack) -> None:
        """A pack that is met with twice is asked for all its nodes: workflows use many of the same pack."""
        self._met[pack.id] += 1
        if self._met[pack.id] == _OFTEN and pack.latest is not None:
            version = pack.latest.version
            nodes, _ = self._ask(pack.id, lambda registry: registry.nodes(pack.id, version).value)
            for node in nodes or ():
                self._listed.setdefault(node.name, pack)

    def _ask(self, what: str, question: Callable[[Registry], _Value]) -> tuple[_Value | None, bool]:
        """The answer, and whether there was one. After one failure nothing more is asked."""
        if self.cancel is not None and self.cancel.is_set():
            raise CancelledError("cancelled", "Cancelled; nothing was changed.")
        if self.registry is None or self._silent:
            return None, False
        if self._questions >= _MOST_QUESTIONS:
            self._fall_silent(f"More than {_MOST_QUESTIONS} questions would be needed.")
            return None, False
        self._questions += 1
        if self.on_question is not None:
            self.on_question(what)
        try:
            return question(self.registry), True
        except CancelledError:
            raise
        except SafeInstallError as error:
            if error.code == _NOT_FOUND:
                return None, True
            if error.code != "registry-offline":  # Then others may be remembered.
                self._fall_silent(error.message)
            else:
                self._say(_not_asked(error.message))
            return None, False

    def _fall_silent(self, why: str) -> None:
        self._silent = True
        self._say(_not_asked(why))

    def _say(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)


def _not_asked(why: str) -> Finding:
    return Finding(
        code="registry-not-asked",
        message=f"Not everything could be asked of the Registry. {why} The answer may lack packs.",
        hints=(Hint("try-again", "Try again when the Registry can be reached."),),
    )


def _merged(candidates: Iterator[Candidate] | Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Each pack once, with all the reasons; the Registry's form of it first, as it is the safer to install."""
    found: list[Candidate] = []
    for each in candidates:
        for number, other in enumerate(found):
            if fold_name(each.subject) == fold_name(other.subject) or same_repository(
                each.repository, other.repository
            ):
                safer = each.kind is CandidateKind.REGISTRY and other.kind is CandidateKind.GIT
                better, worse = (each, other) if safer else (other, each)
                why = tuple(dict.fromkeys((*other.why, *each.why)))
                found[number] = replace(better, why=why, version=better.version or worse.version)
                break
        else:
            found.append(each)
    return tuple(found)
