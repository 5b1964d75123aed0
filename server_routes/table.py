"""Every route at a glance. Strings only, so that the host can register them before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "/safe_install/v1"
"""The host serves everything a second time below `/api`."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route: `handler` is `module:function` in `handlers`, `body` and `answer` are models of `wire`."""

    method: str
    path: str
    handler: str
    answer: str
    body: str = ""
    """Empty for a route that takes none."""
    query: str = ""
    status: int = 200
    takes: tuple[str, ...] = ()
    """Media types of a body that its handler reads by itself, piece by piece; for every other route it is JSON."""

    @property
    def changes(self) -> bool:
        """Whether the guard must let the caller pass: everything but GET."""
        return self.method != "GET"


ROUTES = (
    Route("GET", "/token", "token:get_token", "Token"),
    Route("GET", "/status", "status:get_status", "Status", query="StatusQuery"),
    Route("GET", "/openapi.json", "openapi:get_document", "OpenApi"),
    Route("GET", "/packs", "packs:list_packs", "Packs"),
    Route("GET", "/wishes", "packs:wishes", "Wishes"),
    Route("GET", "/why/{package}", "packs:explain", "Why"),
    # Work in a job: the answer comes at once, the outcome by events and by the job.
    Route("POST", "/plan", "tasks:plan", "Accepted", body="TaskRequest", status=202),
    Route("GET", "/plan/{id}", "tasks:get_plan", "Plan"),
    Route("POST", "/tasks", "tasks:run", "Accepted", body="TaskRequest", status=202),
    Route("GET", "/jobs", "jobs:list_jobs", "Jobs", query="Page"),
    Route("GET", "/jobs/{id}", "jobs:get_job", "Job", query="Wait"),
    Route("POST", "/jobs/{id}/cancel", "jobs:cancel", "Job", body="Nothing"),
    # What waits for the next start is named in the status.
    Route("POST", "/waiting/{id}/cancel", "waiting:cancel", "Status", body="Nothing"),
    Route(
        "POST",
        "/uploads",
        "uploads:upload",
        "Upload",
        query="UploadQuery",
        status=201,
        takes=("application/zip", "application/octet-stream"),
    ),
    Route("GET", "/transactions", "transactions:list_transactions", "Transactions", query="Page"),
    Route("GET", "/transactions/{id}", "transactions:get_transaction", "Transaction"),
    Route("GET", "/snapshots", "snapshots:list_snapshots", "Snapshots", query="Page"),
    Route("POST", "/snapshots", "snapshots:create", "Accepted", body="NewSnapshot", status=202),
    Route("GET", "/snapshots/{id}", "snapshots:get_snapshot", "Snapshot"),
    Route("PATCH", "/snapshots/{id}", "snapshots:change", "Snapshot", body="SnapshotChange"),
    Route("DELETE", "/snapshots/{id}", "snapshots:remove", "Removed", body="Nothing"),
    Route("GET", "/snapshots/{id}/export", "snapshots:export", "SnapshotDocument"),
    Route("GET", "/snapshots/{id}/diff/{other}", "snapshots:compare", "SnapshotDiff"),
    Route(
        "POST", "/snapshots/{id}/restore", "snapshots:restore", "Accepted", body="RestoreRequest", status=202
    ),
    Route("POST", "/workflow/missing", "workflow:missing", "Missing", body="WorkflowRequest"),
    Route("GET", "/registry/search", "registry:search", "RegistryPacks", query="RegistrySearch"),
    Route("GET", "/registry/packs/{id}", "registry:get_pack", "RegistryPackDetail"),
    # What of ComfyUI-Manager's API tells of tasks, in its own shapes; and its snapshots.
    Route("GET", "/manager/queue/status", "manager:queue_status", "QueueStatus", query="QueueQuery"),
    Route("GET", "/manager/queue/history", "manager:queue_history", "QueueHistory", query="QueueQuery"),
    Route(
        "POST",
        "/manager/snapshot",
        "manager:restore_snapshot",
        "ManagerSnapshotAccepted",
        body="ManagerSnapshotRequest",
        status=202,
    ),
    Route("POST", "/restart", "restart:restart", "Restarting", body="RestartRequest", status=202),
)
