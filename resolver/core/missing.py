"""What a workflow lacks, and what would bring it. Values alone; `engine.missing` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .tasks import Task
from .types import Finding


class TypeState(str, Enum):
    """How it stands with one node type."""

    PRESENT = "present"
    ASSUMED = "assumed"
    """Its pack is installed and enabled; the look at its files did not see the type, which proves nothing."""
    FRONT_END = "front-end"
    """An installed pack draws it on the page; no server knows it."""
    INSTALL = "install"
    ENABLE = "enable"
    UPDATE = "update"
    CHOICE = "choice"
    """Several packs bring it, or one may: it is the user's to say."""
    FAILED = "failed"
    """Its pack is installed and could not be loaded."""
    ABSENT = "absent"
    """Its pack is installed and loaded, and does not bring it."""
    CORE = "core"
    """ComfyUI's own, and not in this one."""
    BY_HAND = "by-hand"
    """What brings it cannot be installed by us."""
    UNKNOWN = "unknown"

    @property
    def is_missing(self) -> bool:
        """Whether the workflow will not run for it."""
        return self not in (TypeState.PRESENT, TypeState.ASSUMED, TypeState.FRONT_END)


class CandidateKind(str, Enum):
    """Where a pack would come from."""

    REGISTRY = "registry"
    GIT = "git"
    INSTALLED = "installed"
    FILE = "file"
    """A single file or an archive on some server: for the user to fetch."""
    CORE = "core"


class Why(str, Enum):
    """How we know that a pack brings a type."""

    WORKFLOW_ID = "workflow-id"
    """The node's own `cnr_id`."""
    WORKFLOW_REPOSITORY = "workflow-repository"
    """The node's own `aux_id`."""
    MANAGER_KNOWN = "manager-known"
    """Manager's list has the repository that the workflow names."""
    INSTALLED_FILES = "installed-files"
    """The files of a pack that is installed and not at work declare it."""
    REGISTRY = "registry"
    MANAGER_PREEMPTED = "manager-preempted"
    """Manager's map, where it says that the type is this pack's though others have it too."""
    MANAGER_LISTED = "manager-listed"
    MANAGER_PATTERN = "manager-pattern"
    """Manager's map, by how the name begins or ends."""
    MANAGER_LIKENESS = "manager-likeness"
    """Manager's map, by something in the name: a guess, so the user is asked."""
    WELL_KNOWN = "well-known"
    """A node that only the pack's web page draws, found in very many workflows."""
    NEEDED_ANYWAY = "needed-anyway"
    """One of several that bring it, and needed for another type in any case."""
    CHOSEN = "chosen"
    """The user said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A pack that brings a type."""

    kind: CandidateKind
    subject: str
    """What a task takes: an id of the Registry, an address, or the name of an installed pack."""
    name: str
    """What people call it."""
    why: tuple[Why, ...]
    version: str = ""
    """The version or commit the workflow was made with."""
    repository: str = ""
    installed: str = ""
    """Name of the installed pack it is; empty where it is not installed."""
    action: TypeState = TypeState.INSTALL
    """What would have to be done: install, enable, update; or why nothing can be."""

    def to_dict(self) -> dict[str, object]:
        """The candidate as a JSON object."""
        return {
            "kind": self.kind.value,
            "subject": self.subject,
            "name": self.name,
            "why": [each.value for each in self.why],
            "version": self.version,
            "repository": self.repository,
            "installed": self.installed,
            "action": self.action.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeReport:
    """One node type of the workflow, and how it stands with it."""

    name: str
    count: int
    state: TypeState
    candidates: tuple[Candidate, ...] = ()
    """One where it is settled, several where the user has to choose, else none."""

    def to_dict(self) -> dict[str, object]:
        """The report as a JSON object."""
        return {
            "name": self.name,
            "count": self.count,
            "state": self.state.value,
            "missing": self.state.is_missing,
            "candidates": [each.to_dict() for each in self.candidates],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PackWanted:
    """One pack with which something is to be done."""

    candidate: Candidate
    types: tuple[str, ...]
    task: Task

    def to_dict(self) -> dict[str, object]:
        """The pack as a JSON object."""
        task = {"kind": self.task.kind.value, "subject": self.task.subject, "version": self.task.version}
        return {**self.candidate.to_dict(), "types": list(self.types), "task": task}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Node types that the same packs bring or may bring."""

    types: tuple[str, ...]
    options: tuple[Candidate, ...]

    def to_dict(self) -> dict[str, object]:
        """The choice as a JSON object."""
        return {"types": list(self.types), "options": [each.to_dict() for each in self.options]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The answer for one workflow."""

    exact: bool
    """True where a running ComfyUI told which types it has; else files were looked at."""
    types: tuple[TypeReport, ...]
    packs: tuple[PackWanted, ...]
    choices: tuple[Choice, ...]
    findings: tuple[Finding, ...]

    @property
    def missing(self) -> tuple[TypeReport, ...]:
        """The types for which the workflow will not run."""
        return tuple(each for each in self.types if each.state.is_missing)

    @property
    def unvouched(self) -> tuple[PackWanted, ...]:
        """Packs to install that nobody knows but the workflow: code from wherever whoever made it says."""
        return tuple(
            each for each in self.packs if set(each.candidate.why) <= {Why.WORKFLOW_REPOSITORY, Why.CHOSEN}
        )

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What brings all that is settled, to be done as one change."""
        return tuple(each.task for each in self.packs)

    def to_dict(self) -> dict[str, object]:
        """The document of `missing --json`."""
        return {
            "exact": self.exact,
            "types": [each.to_dict() for each in self.types],
            "packs": [each.to_dict() for each in self.packs],
            "choices": [each.to_dict() for each in self.choices],
            "findings": [each.to_dict() for each in self.findings],
        }
