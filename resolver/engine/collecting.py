"""Letting the past go: old snapshots, the payloads nobody goes back with, old transactions, what kills left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.retention import (
    ASKED,
    FOR_SPACE,
    Departure,
    Key,
    RetentionPolicy,
    StoredPayload,
    departures,
    snapshots_damaged,
)
from ..core.snapshot import Snapshot
from ..core.types import Finding
from ..errors import Hint, RefusedError, SafeInstallError
from ..ports import Site
from ..transaction import archive
from ..transaction.folder import unsettled
from ..transaction.history import last_committed
from .in_force import in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What went, or would go."""

    dry_run: bool = False
    snapshots: tuple[Departure, ...] = ()
    payloads: tuple[StoredPayload, ...] = ()
    transactions: tuple[str, ...] = ()
    full_copies: int = 0
    """Bytes freed in the store of full snapshots."""
    findings: tuple[Finding, ...] = ()
    """Why something stays that could go."""

    @property
    def freed(self) -> int:
        """Bytes."""
        return sum(payload.bytes for payload in self.payloads) + self.full_copies

    def to_dict(self) -> dict[str, object]:
        """The outcome as a JSON object."""
        return {
            "dry_run": self.dry_run,
            "snapshots": [
                {"id": each.snapshot.id, "created": each.snapshot.created, "why": each.why}
                for each in self.snapshots
            ],
            "payloads": [payload_dict(payload) for payload in self.payloads],
            "transactions": list(self.transactions),
            "full_copies_bytes": self.full_copies,
            "freed_bytes": self.freed,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def payload_dict(payload: StoredPayload) -> dict[str, object]:
    """A payload as a JSON object."""
    return {
        "name": payload.name,
        "kind": payload.kind,
        "bytes": payload.bytes,
        "linked_bytes": payload.linked,
        "folder": payload.folder,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What may be judged by, read once."""

    snapshots: tuple[Snapshot, ...]
    """Newest first."""
    damaged: bool
    """Whether there are snapshots that cannot be read, and so may name anything."""
    payloads: tuple[StoredPayload, ...]
    elsewhere: frozenset[Key]
    """What the snapshots of other state folders name."""
    blocked: tuple[Finding, ...] = ()
    """Why no payload may go."""
    findings: tuple[Finding, ...] = ()


def collect(site: Site, policy: RetentionPolicy, *, dry_run: bool = False) -> Collected:
    """Carry the policy out. The caller is `exclusion.alone`, unless it is only a `dry_run`. Blocks.

    Where anything is unknown, what it may need stays, and a finding says so: a snapshot that cannot be read,
    another ComfyUI of this environment that is at work or away. May be killed at any instant: first the
    snapshots go, durably, then the payloads, each by one rename. Raises RefusedError `transaction-open`, OSError.
    """
    refuse_open(site.state)
    ground = _look(site)
    gone = departures(
        ground.snapshots,
        () if ground.blocked else ground.payloads,
        policy,
        spare=_way_back(site.state),
        named_elsewhere=ground.elsewhere,
    )
    return _carry_out(site, ground, gone, policy.transactions, dry_run=dry_run)


def room_made(gone: Collected) -> tuple[Finding, ...]:
    """What is to be said of snapshots that went though there were not too many of them."""
    count = sum(each.why == FOR_SPACE for each in gone.snapshots)
    if not count:
        return ()
    return (
        Finding(
            code="snapshots-removed-for-room",
            message=f"Old snapshots were removed ({count}), since what is kept took more room than it may.",
            hints=(
                Hint(
                    "keep-more",
                    "Pin or label what must stay (`safe-install snapshot pin ID`), or set gigabytes in [keep] of "
                    "settings.toml in the state folder.",
                ),
            ),
        ),
    )


def remove_snapshot(site: Site, identifier: str) -> Collected:
    """The snapshot of that id, readable or not, is gone, and what only it kept. As `collect` otherwise."""
    refuse_open(site.state)
    known = [each for each in site.snapshots.list().snapshots if each.id == identifier]
    site.snapshots.discard([identifier])
    done = _carry_out(site, _look(site), (), None, dry_run=False)
    return replace(done, snapshots=tuple(Departure(snapshot=each, why=ASKED) for each in known))


def refuse_open(state: Path) -> None:
    """Raise RefusedError `transaction-open` while a change waits or is unfinished: it may need anything."""
    for identifier, progress in unsettled(state):
        if not progress.is_open:
            continue
        hint = Hint("recover", "Run `safe-install recover`, then try again.")
        if progress.deferred:
            hint = Hint("restart", "Start ComfyUI, which carries it out, then try again.")
        raise RefusedError(
            "transaction-open",
            f"The change {identifier} ({progress.operation}) is not over yet and may need anything that is kept.",
            context={"transaction": identifier},
            hints=(hint,),
        )


def _look(site: Site) -> _Ground:
    """What to judge by."""
    storage = site.storage
    listed = site.snapshots.list()
    payloads: tuple[StoredPayload, ...] = ()
    elsewhere: frozenset[Key] = frozenset()
    findings: tuple[Finding, ...] = ()
    blocked: tuple[Finding, ...] = ()
    try:
        others = storage.others()
        for state in others:
            refuse_open(state)
        payloads, findings = storage.payloads()
        elsewhere = storage.named_by(others)
        if listed.findings:
            raise snapshots_damaged(listed.findings)
    except SafeInstallError as error:
        text = f"Payloads are not thrown away now: {error.message}"
        blocked = (Finding(code=error.code, message=text, hints=error.hints),)
    return _Ground(
        snapshots=listed.snapshots,
        damaged=bool(listed.findings),
        payloads=payloads,
        elsewhere=elsewhere,
        blocked=blocked,
        findings=findings,
    )


def _carry_out(
    site: Site, ground: _Ground, gone: Sequence[Departure], transactions: int | None, *, dry_run: bool
) -> Collected:
    """First what names, then what is named. Without a number of `transactions` all of those stay."""
    storage, ids = site.storage, {each.snapshot.id for each in gone}
    left = [each for each in ground.snapshots if each.id not in ids]
    keep = ground.elsewhere.union(*(each.named for each in left))
    folders: frozenset[str] = frozenset()
    pruned: tuple[str, ...] = ()
    copies = 0
    if not dry_run:
        site.snapshots.discard(sorted(ids))
    if not ground.blocked:
        if dry_run:
            sizes = storage.full_copy_sizes() if ids else {}
            folders, copies = storage.unnamed(keep), sum(sizes.get(each, 0) for each in ids)
        else:
            folders = storage.collect(keep)
            copies = storage.collect_full_copies([each.id for each in left])
            storage.sweep()
    if transactions is not None and not ground.damaged:
        prune = archive.prunable if dry_run else archive.prune
        pruned = prune(site.state, transactions, _named_transactions(site.state, left))
    return Collected(
        dry_run=dry_run,
        snapshots=tuple(gone),
        payloads=tuple(payload for payload in ground.payloads if payload.folder in folders),
        transactions=pruned,
        full_copies=copies,
        findings=(*ground.blocked, *ground.findings),
    )


def _way_back(state: Path) -> frozenset[str]:
    """The snapshot that `rollback` goes back to when it is told nothing more."""
    last = last_committed(state)
    return frozenset({str(last.summary.get("snapshot") or "")} - {""} if last else ())


def _named_transactions(state: Path, snapshots: Iterable[Snapshot]) -> frozenset[str]:
    """Those whose lock is in force, or named by a snapshot that stays."""
    named = {name for each in snapshots for name in (each.lock, each.transaction)}
    return frozenset({*named, in_force(state).lock} - {""})
