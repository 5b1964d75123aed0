"""Every request and every response, as the OpenAPI document describes them.

Requests are strict: a field nobody knows, or a value of another type, is refused rather than passed over.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

Consent = Literal["builds", "indexes", "urls", "install-py", "flagged"]
Restart = Literal["none", "reload", "restart"]
PackState = Literal["loaded", "failed", "not-loaded", "disabled"]
WishOutcome = Literal["met", "overruled", "broken"]
JobState = Literal["queued", "running", "cancelling", "done", "failed", "refused", "cancelled", "interrupted"]

Words = Annotated[str, Field(max_length=4096)]
Name = Annotated[str, Field(max_length=200)]


class Body(BaseModel):
    """What a client sends as JSON."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """What stands behind the question mark; text that is read as the type it is to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What a client gets."""

    # A key of the engine that is not described here is left out; a test holds the two to each other.
    # Nothing is left out of an answer, so that whoever reads it need not ask whether it is there.
    model_config = ConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, json_schema_serialization_defaults_required=True
    )


# --- shared -------------------------------------------------------------------------------------------------


class Nothing(Body):
    """An empty object."""


class Page(Query):
    """Which part of a list."""

    limit: int = Field(default=50, ge=1, le=500)
    offset: int = Field(default=0, ge=0)


class Pagination(Answer):
    """Which part of how much this is."""

    total: int
    limit: int
    offset: int
    has_more: bool


class HintWords(Answer):
    """One thing the user can do."""

    code: str
    text: str


class Fault(Answer):
    """What went wrong."""

    code: str
    message: str
    context: dict[str, str] = {}
    hints: list[HintWords] = []


class Failure(Answer):
    """The answer to a request that failed."""

    error: Fault
    status: int


class Finding(Answer):
    """Something the user should know, that did not stop the work."""

    code: str
    pack: str = ""
    file: str = ""
    line: int = 0
    message: str
    hints: list[HintWords] = []


class PackChange(Answer):
    """One pack that comes, goes, is replaced, enabled or disabled."""

    name: str
    action: str
    before: str = Field(default="", alias="from")
    after: str = Field(default="", alias="to")
    sha256: str = ""
    """Of the Registry's archive it comes from; empty for what comes from elsewhere."""


class Change(Answer):
    """One distribution that changes."""

    name: str
    action: str
    before: str = Field(default="", alias="from")
    after: str = Field(default="", alias="to")
    wanted_by: list[str] = []


class Wish(Answer):
    """Who wants what."""

    pack: str
    requirement: str


class Decision(Answer):
    """A conflict settled on the user's behalf."""

    package: str
    rule: str
    chosen: str
    wanted: list[Wish] = []
    violates: list[Wish] = []
    reason: str = ""
    alternatives: list[str] = []
    """Packs whose wish could be followed instead, by `prefer`; empty where ComfyUI or a rule decides."""
    follows: dict[str, str] = {}
    """{package: pack} that was chosen to be followed, and that brought this about."""


class OpenApi(Answer):
    """The OpenAPI document itself."""

    model_config = ConfigDict(extra="allow", frozen=True)

    openapi: str


# --- the guard's token ----------------------------------------------------------------------------------------


class Token(Answer):
    """What a page sends along with everything that changes something."""

    token: str
    header: str


# --- status, packs, why ---------------------------------------------------------------------------------------


class StatusQuery(Query):
    """How closely to look."""

    drift: bool = False
    """Also look whether others changed something, which may take seconds."""


class Drifted(Answer):
    """What others changed since we last looked."""

    since: str
    reason: str
    items: list[dict[str, JsonValue]]
    snapshot: str
    left: str
    new: bool
    hints: list[HintWords]


class WaitingChange(Answer):
    """A change that is carried out at the next start."""

    id: str
    operation: str
    since: str
    tries: int
    """How often it was tried in vain."""
    why: str
    """`asked`, or `files-locked`."""
    said: str


class StartSeen(Answer):
    """One start of ComfyUI, and what became of it."""

    id: str
    began: str
    pid: int
    transaction: str
    """The change made last when packs began to load."""
    outcome: str
    """`starting`, `up`, `died`, `stopped`, `replaced` or `unwatched`."""
    at: str
    note: str


class TakenBack(Answer):
    """A change after which starts died, and what was done about it without asking."""

    transaction: str
    operation: str
    deaths: list[str]
    outcome: str
    """`done`, `waits`, `needless`, `refused`, `failed`, or `begun` where it was interrupted."""
    tries: int
    at: str
    by: str
    """The change that took it back."""
    code: str
    message: str
    how: str


class Starts(Answer):
    """What became of the last starts."""

    starts: list[StartSeen]
    """Newest first."""
    healings: list[TakenBack]
    """Newest first."""
    notice: Finding | None
    """What to show until another change is made."""


class WorkElsewhere(Answer):
    """Another process that is at work here: the command line, another ComfyUI."""

    pid: int
    """0 where nobody knows; on another machine or in a container it means nothing here."""
    operation: str
    """What it does, in words."""
    since: str
    """ISO time, UTC; `unknown` where nobody knows."""


class Status(Answer):
    """How things stand, for a page that has just connected."""

    version: str
    comfyui: str
    python: str
    state: str
    custom_nodes: list[str]
    busy: bool
    """Whether a job runs or waits."""
    jobs: list[JobSummary]
    """Those that run or wait, oldest first."""
    tasks_remaining: int
    """Prompts of the host that run or wait."""
    restart: Restart
    """The least that is still to happen before every change of this process counts."""
    unfinished: list[str]
    """Transactions that were interrupted: `safe-install recover` or a restart settles them."""
    waiting: list[WaitingChange]
    starts: Starts | None
    """None where it could not be told."""
    drift: Drifted | None = None
    """None where it was not asked for, or could not be told."""
    owner: WorkElsewhere | None = None
    """Who else is at work here now, if anybody; work of this ComfyUI's own is in `jobs`."""
    permits: dict[str, str] = {}
    """{deed: why} of what may not be asked for over HTTP here; what is not named may be."""
    registry_offline: bool = False
    """Whether the settings say that the Registry is not asked."""
    trouble: list[Fault]
    """What could not be told, and why: a damaged journal, settings that make no sense."""


class PackFailure(Answer):
    """Why a pack did not load."""

    message: str
    """In one sentence, as ComfyUI's log has it."""
    log: list[str]
    """The lines of ComfyUI's log about it, its traceback too; empty where they were not kept."""


class BroughtBy(Answer):
    """The last change that added or replaced a pack."""

    transaction: str
    operation: str
    at: str
    """When it was committed."""
    snapshot: str
    """The one taken before it; empty where it is gone."""


class InstalledPack(Answer):
    """One custom node package."""

    name: str
    path: str
    is_file: bool
    disabled: bool
    version: str
    remote: str
    commit: str
    dirty: bool | None
    loaded: bool
    """Whether the running ComfyUI has loaded it."""
    state: PackState
    """`not-loaded`: it came, or was replaced or enabled, after ComfyUI started."""
    failure: PackFailure | None
    """Where its state is `failed`."""
    brought_by: BroughtBy | None
    """None where no change of ours did."""
    node_types: list[str]


class Packs(Answer):
    """What is installed."""

    packs: list[InstalledPack]


class WishNow(Answer):
    """Somebody's wish for a package, and whether it holds now."""

    pack: str
    requirement: str
    file: str
    line: int
    met: bool


class WishStanding(Answer):
    """One requirement line, and how it stands now."""

    pack: str
    """`ComfyUI` for its own lines."""
    requirement: str
    file: str
    line: int
    outcome: WishOutcome
    """`overruled`: it is not met, and a decision in force says so; `broken`: not met, and nobody decided that."""
    rule: str
    """Code of the rule that decided about it, or gave it another name; empty where none did."""
    reason: str
    """That rule, or what is wrong, in words; empty where it is simply met."""


class WantedPackage(Answer):
    """A package somebody asks for, and everybody's lines about it."""

    name: str
    installed: str
    """Its version; empty where it is not installed."""
    provided_by: str
    """What stands for it, name and version: another one of its family. Empty without."""
    wishes: list[WishStanding]
    """ComfyUI's own first, then by pack."""


class Wishes(Answer):
    """Every requirement line that counts here, by package."""

    packages: list[WantedPackage]
    findings: list[Finding]
    """Lines that cannot be read, and what else is to be told of them."""


class RuleWords(Answer):
    """A rule that speaks of a package."""

    code: str
    says: str


class Why(Answer):
    """Everything known about one package here."""

    package: str
    installed: str
    provided_by: str
    wishes: list[WishNow]
    rules: list[RuleWords]
    decisions: list[dict[str, JsonValue]]


# --- work -----------------------------------------------------------------------------------------------------


class QueueTaskItem(Body):
    """One task, as ComfyUI-Manager's queue takes it."""

    ui_id: Name
    client_id: Name
    kind: Name
    params: dict[str, JsonValue]


LegacyRow = dict[str, JsonValue]


class TaskRequest(Body):
    """One task, or several that are one transaction, or the rows of Manager's legacy batch.

    Exactly one of the three: `kind` with `params`; `tasks`; or lists of rows by kind.
    """

    ui_id: Name | None = None
    client_id: Name | None = None
    kind: Name | None = None
    params: dict[str, JsonValue] | None = None
    tasks: Annotated[list[QueueTaskItem], Field(min_length=1, max_length=200)] | None = None
    # Manager's legacy batch (queue/batch of 4.3).
    batch_id: Name | None = None
    install: list[LegacyRow] | None = None
    reinstall: list[LegacyRow] | None = None
    uninstall: list[LegacyRow] | None = None
    update: list[LegacyRow] | None = None
    fix: list[LegacyRow] | None = None
    disable: list[LegacyRow] | None = None
    enable: list[LegacyRow] | None = None
    install_model: list[LegacyRow] | None = None
    update_all: JsonValue = None
    update_comfyui: JsonValue = None
    # Ours.
    allow: Annotated[list[Consent], Field(max_length=5)] = []
    policy: Literal["newest", "fewest-broken"] = "newest"
    prefer: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=200)], Name], Field(max_length=200)
    ] = {}
    """{package: pack} where packs clash, that pack's wish is followed; an empty pack takes an earlier choice back."""
    strategy: Literal["merged", "one-by-one"] = "merged"
    agree: Name = ""
    """The fingerprint of the plan that was shown, where it needs a yes."""
    at_next_start: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> TaskRequest:
        single = self.kind is not None or self.params is not None
        rows = any(getattr(self, name) is not None for name in LEGACY_KINDS)
        if [single, self.tasks is not None, rows].count(True) != 1:
            raise ValueError("name one task by kind and params, or several as tasks, or rows by their kinds")
        if single and (self.kind is None or self.params is None):
            raise ValueError("a task has a kind and params")
        return self


class InstallParams(Body):
    """A pack from wherever it comes."""

    source: Annotated[str, Field(min_length=1, max_length=2000)]
    """As on the command line: a git URL, a folder, an archive, or `id[@version]` of the Registry."""


class RollbackParams(Body):
    """Going back: to a snapshot, or, without one, to before the last change."""

    snapshot: Name = ""


class ApplyParams(Body):
    """Applying a plan that was shown."""

    plan_id: Name


class SnapshotParams(Body):
    """Taking a snapshot."""

    label: Name = ""
    full: bool | None = None


class RepairParams(Body):
    """Making broken distributions whole; all of them where none is named."""

    names: Annotated[list[Name], Field(max_length=500)] = []


LEGACY_KINDS = (
    "install",
    "reinstall",
    "uninstall",
    "update",
    "fix",
    "disable",
    "enable",
    "install_model",
    "update_all",
    "update_comfyui",
)


class Stage(Answer):
    """What a job is at."""

    name: str
    text: str


class Progress(Answer):
    """How far the stage is."""

    done: int
    total: int
    """0 when unknown."""
    unit: str
    under_way: int = 0
    """Bytes on the disk of files that are still being downloaded and unpacked: not among those done."""


class TaskStatus(Answer):
    """How it ended, as Manager says it."""

    status_str: Literal["success", "error", "skip"]
    completed: bool
    messages: list[str]


class JobSummary(Answer):
    """A job as every page hears of it."""

    id: str
    kind: str
    state: JobState
    stage: Stage | None = None
    progress: Progress | None = None


class Job(JobSummary):
    """One piece of work, from being asked for to its end."""

    ui_ids: list[str] = []
    client_id: str = ""
    operation: str = ""
    """What it is, in words."""
    cancellable: bool
    created: str
    """Times are ISO, UTC."""
    started: str = ""
    ended: str = ""
    log: list[str] = []
    """The last lines, at most 200."""
    plan_id: str | None = None
    transaction_id: str | None = None
    restart: Restart | None = None
    result: dict[str, JsonValue] | None = None
    error: Fault | None = None
    status: TaskStatus | None = None
    """None while it is not over."""


class Accepted(Answer):
    """What was asked for is in the queue."""

    id: str
    """Of the job."""
    job: Job


class Jobs(Answer):
    """Jobs, newest first."""

    jobs: list[Job]
    pagination: Pagination


class Wait(Query):
    """How long to wait for a job to end."""

    wait: float = Field(default=0.0, ge=0.0, le=60.0, allow_inf_nan=False)
    """Seconds; the answer comes when it is over, or when they are."""


# --- plans ----------------------------------------------------------------------------------------------------


class PackStatus(Answer):
    """How a pack came through the solve."""

    name: str
    status: str
    reason: str


class LineOutcome(Answer):
    """How one line of a pack's files ended."""

    pack: str
    file: str
    line: int
    text: str
    outcome: str
    detail: str


class LibraryLine(Answer):
    """A requirement of a distribution that does not hold after the plan."""

    package: str
    pack: str
    requirement: str
    already: bool


class ChangePlan(Answer):
    """What an install, an uninstall or a sync changes (`plan --json` of the command line)."""

    ok: bool
    fingerprint: str
    policy: str
    prefer: dict[str, str] = {}
    """{package: pack} whose wish is followed where packs clash, as chosen now or earlier."""
    lock: dict[str, str]
    changes: list[Change]
    pack_changes: list[PackChange]
    decisions: list[Decision]
    findings: list[Finding]
    refusals: list[Finding]
    packs: list[PackStatus]
    lines: list[LineOutcome]
    library_lines_broken: list[LibraryLine]
    restart: Restart
    download_bytes: int


class Restoration(Answer):
    """How one distribution, pack or file comes back."""

    kind: str
    name: str
    how: str
    before: str = Field(default="", alias="from")
    after: str = Field(default="", alias="to")
    reason: str = ""


class RollbackPlan(Answer):
    """What going back to a snapshot takes."""

    ok: bool
    fingerprint: str
    snapshot: str
    created: str
    reason: str
    label: str
    exact: bool
    full: bool
    kept: int
    items: list[Restoration]
    findings: list[Finding]
    restart: Restart


class Mending(Answer):
    """How one broken distribution becomes whole."""

    name: str
    before: list[str] = Field(alias="from")
    after: str = Field(alias="to")
    faults: list[str]
    why: str
    how: str
    """exact (the very bytes), or same-version."""


class RepairPlan(Answer):
    """What is broken, and how it becomes whole."""

    ok: bool
    fingerprint: str
    items: list[Mending]
    findings: list[Finding]
    restart: Restart


class Plan(Answer):
    """A plan that was made; one of its three parts is there."""

    id: str
    kind: str
    made: str
    operation: str
    fingerprint: str
    """To be named as `agree` where it needs a yes."""
    empty: bool
    needs_consent: list[str]
    """Why it needs a yes; empty where it needs none."""
    refused: bool
    """Whether it cannot be applied as it is."""
    restart: Restart
    """The least that has to happen until it counts in this ComfyUI."""
    restart_reasons: list[str] = []
    """Why, in words."""
    download_bytes: int
    change: ChangePlan | None = None
    rollback: RollbackPlan | None = None
    repair: RepairPlan | None = None


# --- the past -------------------------------------------------------------------------------------------------


class Transaction(Answer):
    """One transaction, as its journal tells."""

    id: str
    operation: str
    state: str
    started: str
    ended: str
    summary: dict[str, JsonValue]
    deferred: bool
    tries: int
    reason: str
    problem: str
    snapshot: str = ""
    """Id of the snapshot taken before it; empty where there is none, or none any more."""


class Transactions(Answer):
    """Transactions, newest first."""

    transactions: list[Transaction]
    pagination: Pagination


class SnapshotSummary(Answer):
    """A snapshot in a list."""

    id: str
    created: str
    reason: str
    label: str
    pinned: bool
    python: str
    comfyui_version: str
    distributions: int
    packs: int
    own_bytes: int = 0
    """What goes with it alone."""
    full: bool = False
    """Whether a full copy is kept."""
    transaction: str = ""
    """Id of the change it was taken before; empty for any other."""


class Snapshots(Answer):
    """Snapshots, newest first."""

    snapshots: list[SnapshotSummary]
    findings: list[Finding]
    pagination: Pagination


class SnapshotDistribution(Answer):
    """One distribution as it was."""

    name: str
    version: str
    origin: str
    editable: bool


class SnapshotPack(Answer):
    """One pack as it was."""

    name: str
    version: str
    commit: str
    dirty: bool | None
    disabled: bool
    digest: str
    source: str = ""
    """What installs this very version again, for packs of the Registry: `id@version#sha256=...`."""


class Snapshot(SnapshotSummary):
    """A snapshot with everything in it."""

    platform: str
    prefix: str
    comfyui_commit: str
    distribution_list: list[SnapshotDistribution]
    pack_list: list[SnapshotPack]
    decisions: list[Decision]
    freeze: str


class SnapshotDocument(Answer):
    """A snapshot as a file to share, which `safe-install snapshot import` takes."""

    model_config = ConfigDict(extra="allow", frozen=True)

    format: int
    id: str


class NewSnapshot(Body):
    """A snapshot to be taken by hand."""

    label: Name = ""
    full: bool | None = None
    """Whether to keep a full copy; left out: as guard mode has it."""
    client_id: Name = ""
    ui_id: Name = ""


class SnapshotChange(Body):
    """What is to be different about a snapshot; what is left out stays."""

    label: Name | None = None
    pinned: bool | None = None


class Removed(Answer):
    """What went."""

    id: str
    freed_bytes: int
    findings: list[Finding]


class PackDifference(Answer):
    """One pack that differs."""

    name: str
    action: str
    before: str = Field(default="", alias="from")
    after: str = Field(default="", alias="to")


class FileDifference(Answer):
    """One file nobody owns that differs."""

    path: str
    action: str


class SnapshotDiff(Answer):
    """What leads from one snapshot to another."""

    a: str
    b: str
    empty: bool
    changes: list[Change]
    packs: list[PackDifference]
    unowned: list[FileDifference]
    python: list[str] | None
    comfyui: list[str] | None


class RestoreRequest(Body):
    """Going back to the snapshot in the path."""

    agree: Name = ""
    """The fingerprint of the plan that was shown, where it needs a yes."""
    plan: bool = False
    """Only say what it takes."""
    at_next_start: bool = False
    client_id: Name = ""
    ui_id: Name = ""


# --- archives a page brings -----------------------------------------------------------------------------------


class UploadQuery(Query):
    """What the archive is called where it comes from."""

    name: str = Field(min_length=1, max_length=255)


class Upload(Answer):
    """An archive that is here now."""

    source: str
    """To be named by an install task, `{"source": ...}`, as it is."""
    name: str
    """What it is called here."""
    bytes: int


class Changed(Answer):
    """The event `safe_install.changed`: to be read anew. It goes to every page."""

    what: Literal["snapshots", "waiting"]


# --- beside ComfyUI-Manager -----------------------------------------------------------------------------------


class QueueQuery(Query):
    """Whose tasks, and which of them."""

    client_id: str = Field(default="", max_length=200)
    ui_id: str = Field(default="", max_length=200)
    max_items: int = Field(default=100, ge=1, le=1000)
    offset: int = Field(default=0, ge=0)


class QueueStatus(Answer):
    """How much there is to do, as Manager says it (4.3, `QueueStatus`)."""

    total_count: int
    done_count: int
    in_progress_count: int
    pending_count: int
    is_processing: bool
    client_id: str | None = None


class TaskHistoryItem(Answer):
    """How a task ended, as Manager says it (4.3, `TaskHistoryItem`)."""

    ui_id: str
    client_id: str
    kind: str
    timestamp: str
    result: str
    status: TaskStatus | None = None
    batch_id: str
    """The job it was a part of: all tasks of a job are one change."""
    end_time: str | None = None


class QueueHistory(Answer):
    """How tasks ended, by their `ui_id`, newest first."""

    history: dict[str, TaskHistoryItem]


class ManagerSnapshotRequest(Body):
    """Going back to what a snapshot of Manager names."""

    snapshot: dict[str, JsonValue]
    """What is in its file."""
    plan: bool = False
    """Only say what it takes."""
    allow: Annotated[list[Consent], Field(max_length=5)] = []
    agree: Name = ""
    at_next_start: bool = False
    client_id: Name = ""
    ui_id: Name = ""


class ManagerSnapshotAccepted(Answer):
    """What it asks for is in the queue, as far as it can be."""

    id: str
    """Of the job; empty where everything is so already."""
    job: Job | None
    left_out: list[str]
    """What of it is not done, in words."""


# --- restart --------------------------------------------------------------------------------------------------


class RestartRequest(Body):
    """Restarting ComfyUI."""

    force: bool = False
    """Also while prompts run or wait, or a job runs."""
    client_id: Name = ""


class Restarting(Answer):
    """The restart has been set going."""

    how: str


# --- packs a workflow misses ----------------------------------------------------------------------------------


class WorkflowRequest(Body):
    """A workflow as the page saves it, as it is queued (`prompt`), or both: together they say the most.

    A workflow may also be sent as it is, without anything round it.
    """

    workflow: dict[str, JsonValue] | None = None
    prompt: dict[str, JsonValue] | None = None
    choose: Annotated[dict[Name, Annotated[str, Field(max_length=2000)]], Field(max_length=200)] = {}
    """{node type: pack} for the choices the user has made: a `subject` or name of one of the options."""
    client_id: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _wrapped(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("nodes"), list):
            return {"workflow": value}
        if value and all(isinstance(node, dict) and "class_type" in node for node in value.values()):
            return {"prompt": value}
        return value


class MissingCandidate(Answer):
    """A pack that brings a node type."""

    kind: Literal["registry", "git", "installed", "file", "core"]
    subject: str
    """What a task takes: an id of the Registry, an address, or the name of an installed pack."""
    name: str
    why: list[str]
    """How that is known: workflow-id, workflow-repository, manager-known, installed-files, registry, manager-preempted,
    manager-listed, manager-pattern, manager-likeness, well-known, needed-anyway, chosen."""
    version: str = ""
    """What the workflow was made with: a version or a commit."""
    repository: str = ""
    installed: str = ""
    """Name of the installed pack it is."""
    action: str
    """What would have to be done: install, enable, update; or the state in which its types would stay."""


class MissingType(Answer):
    """One node type of the workflow."""

    name: str
    count: int
    """How many nodes are of it."""
    state: str
    """present, assumed, front-end; install, enable, update, choice; failed, absent, core, by-hand, unknown."""
    missing: bool
    candidates: list[MissingCandidate] = []


class MissingPack(MissingCandidate):
    """A pack with which something is to be done."""

    types: list[str]


class MissingChoice(Answer):
    """Node types that the same packs bring or may bring; the user says which it is to be, by `choose`."""

    types: list[str]
    options: list[MissingCandidate]


class Missing(Answer):
    """What a workflow needs and is not here."""

    exact: bool
    """True: ComfyUI itself told which types it has."""
    types: list[MissingType]
    packs: list[MissingPack]
    choices: list[MissingChoice]
    findings: list[Finding]
    tasks: list[QueueTaskItem]
    """What brings all that is settled: to be sent to `tasks` (or `plan`) as it is, as one change."""


# --- the Comfy Registry ---------------------------------------------------------------------------------------


class RegistrySearch(Query):
    """What to look for."""

    text: str = Field(default="", max_length=200)
    node: str = Field(default="", max_length=200)
    """A node type: packs that have one of that name, instead of packs that match `text`."""
    page: int = Field(default=1, ge=1, le=100_000)
    limit: int = Field(default=30, ge=1, le=100)


class RegistrySupport(Answer):
    """Where something runs by its author's account; empty where it is not said."""

    systems: list[str]
    accelerators: list[str]
    comfyui: str
    frontend: str


class RegistryJudgement(Answer):
    """What is to be told before installing, and what forbids it."""

    findings: list[Finding]
    refusals: list[Finding]


class RegistryVersion(RegistryJudgement):
    """One published version, judged for this ComfyUI."""

    version: str
    status: str
    status_reason: str
    created: str
    changelog: str
    deprecated: bool
    dependencies: list[str]
    """As the Registry tells; what the files say may differ, and counts."""
    support: RegistrySupport


class RegistryPack(Answer):
    """One pack of the Registry."""

    id: str
    name: str
    description: str
    author: str
    publisher: str
    repository: str
    license: str
    icon: str
    category: str
    tags: list[str]
    downloads: int
    github_stars: int
    created: str
    status: str
    unclaimed: bool
    """It has no version to install; `id@nightly` is its repository."""
    latest: str
    """The newest version; empty where there is none."""
    installed: str
    """The version that is installed here, `nightly` for a repository; empty where it is not."""


class RegistryPacks(Answer):
    """One page of packs."""

    packs: list[RegistryPack]
    total: int
    page: int
    pages: int
    limit: int
    """Packs to a page, as served."""
    age: int
    """Seconds since the Registry said so."""
    findings: list[Finding]


class RegistryPackDetail(RegistryPack):
    """One pack of the Registry with its versions."""

    status_detail: str
    support: RegistrySupport
    versions: list[RegistryVersion]
    """Newest first."""
    nightly: RegistryJudgement
    age: int
    """Seconds since the Registry said so."""
    findings: list[Finding]


Status.model_rebuild()
