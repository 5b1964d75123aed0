"""Going back to a snapshot: from payloads, byte for byte and offline; else from uv's cache; else from the index."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from ..core.plan import environment_fingerprint
from ..core.snapshot import Snapshot, SnapshotDistribution, SnapshotPack
from ..core.swap_types import Arrival
from ..core.types import Environment, Finding, Pack
from ..errors import Hint, RefusedError, SafeInstallError
from ..ports import Kept
from ..transaction.history import read_transactions
from ..transaction.runner import Transaction
from .applying import Applied, Applier, Movement
from .session import Session

KEEP, EXACT, SAME_VERSION, NOT_RESTORABLE, REMOVE = (
    "keep",
    "exact",
    "same-version",
    "not-restorable",
    "remove",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """How one distribution, pack or file comes back; said before anything starts."""

    kind: str
    """distribution, pack or file."""
    name: str
    how: str
    """keep, exact (the very bytes), same-version (from uv's cache or the index), not-restorable, remove."""
    before: str = ""
    """What is there now: a version, or empty."""
    after: str = ""
    reason: str = ""
    payload: Kept | None = None

    def to_dict(self) -> dict[str, str]:
        """The restoration as a JSON object."""
        return {
            "kind": self.kind,
            "name": self.name,
            "how": self.how,
            "from": self.before,
            "to": self.after,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPlan:
    """What going back to a snapshot takes. `keep` entries are left out of `items`."""

    snapshot: Snapshot
    environment: Environment
    items: tuple[Restoration, ...]
    kept: int
    packs_out: tuple[Pack, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when everything is as in the snapshot, or nothing of it can be restored."""
        return not any(item.how != NOT_RESTORABLE for item in self.items)

    @property
    def is_exact(self) -> bool:
        """True when every distribution, pack and file comes back byte for byte."""
        return all(item.how in (EXACT, REMOVE) for item in self.items)

    @property
    def fingerprint(self) -> str:
        """Digest of the snapshot, the environment now and the ways back."""
        body = [
            self.snapshot.id,
            environment_fingerprint(self.environment.distributions),
            [i.to_dict() for i in self.items],
        ]
        return hashlib.sha256(json.dumps(body).encode()).hexdigest()

    def to_dict(self) -> dict[str, object]:
        """The plan as a JSON object."""
        return {
            "ok": True,
            "fingerprint": self.fingerprint,
            "snapshot": self.snapshot.id,
            "created": self.snapshot.created,
            "reason": self.snapshot.reason,
            "label": self.snapshot.label,
            "exact": self.is_exact,
            "kept": self.kept,
            "items": [item.to_dict() for item in self.items],
            "findings": [finding.to_dict() for finding in self.findings],
            "restart": "none" if self.is_empty else "restart",
        }


@dataclass(slots=True)
class Rollback:
    """Goes back to snapshots of one session's site. Blocks; call from a thread."""

    session: Session
    _wanted: dict[str, str] = field(default_factory=dict)

    def find(self, name: str = "") -> Snapshot:
        """The snapshot of that id, unique prefix or label; without a name the one before the last transaction.

        Raises SafeInstallError `snapshot-not-found`, `snapshot-ambiguous`, `nothing-to-roll-back`.
        """
        if name:
            return self.session.site.snapshots.get(name)
        for record in reversed(read_transactions(self.session.site.state)):
            if (
                record.state is not None
                and record.state.value == "committed"
                and record.summary.get("snapshot")
            ):
                return self.session.site.snapshots.get(str(record.summary["snapshot"]))
        raise SafeInstallError(
            "nothing-to-roll-back",
            "No transaction of Safe Install is on record, so there is nothing to go back to.",
            hints=(Hint("list-snapshots", "See `safe-install snapshot list`."),),
        )

    def plan(self, snapshot: Snapshot) -> RollbackPlan:
        """What going back takes, for each distribution, pack and file. Touches nothing; needs no network."""
        site = self.session.site
        environment = site.environment()
        if snapshot.prefix and Path(snapshot.prefix) != Path(environment.python.prefix):
            raise RefusedError(
                "snapshot-of-other-environment",
                f"The snapshot is of {snapshot.prefix}, not of {environment.python.prefix}.",
                hints=(Hint("name-python", "Name the environment it was taken of with --python."),),
            )
        items = [self._distribution(wanted, environment, snapshot) for wanted in snapshot.distributions]
        then = {wanted.name for wanted in snapshot.distributions}
        items += [
            _removal(environment, name, version)
            for name, version in environment.versions.items()
            if name not in then
        ]
        pack_items, packs_out = self._packs(snapshot)
        items += [*pack_items, *self._files(snapshot, environment)]
        findings = []
        if snapshot.python and snapshot.python != environment.python.version:
            findings.append(
                Finding(
                    code="python-changed",
                    message=f"The snapshot was taken with Python {snapshot.python}; this is {environment.python.version}.",
                    hints=(Hint("check", "Compiled packages of another Python version do not work here."),),
                )
            )
        changing = tuple(item for item in items if item.how != KEEP)
        return RollbackPlan(
            snapshot=snapshot,
            environment=environment,
            items=changing,
            kept=len(items) - len(changing),
            packs_out=packs_out,
            findings=tuple(findings),
        )

    def apply(self, plan: RollbackPlan) -> Applied:
        """Carry it out; itself snapshotted, so it can be undone. What cannot be restored stays as it is now."""
        site = self.session.site
        moving = [item for item in plan.items if item.how in (EXACT, SAME_VERSION, REMOVE)]
        dists = [item for item in moving if item.kind == "distribution"]
        by_payload: dict[Path, tuple[Kept, list[str]]] = {}
        for item in dists:
            if item.payload is not None:
                by_payload.setdefault(item.payload.folder, (item.payload, []))[1].append(item.name)
        fetched = {item.name: item.after for item in dists if item.how == SAME_VERSION}

        def fill(transaction: Transaction, stage: Path) -> tuple[Arrival, ...]:
            arrivals = [site.payload_arrival(payload, names) for payload, names in by_payload.values()]
            if fetched:
                arrivals.append(self._fill(stage, fetched, plan.snapshot))
            return tuple(arrivals)

        ways = [
            way
            for item in moving
            if item.payload and item.kind != "distribution"
            for way in item.payload.ways_back
        ]
        expected = dict(plan.environment.versions)
        for item in dists:
            if item.how == REMOVE:
                expected.pop(item.name, None)
            else:
                expected[item.name] = item.after
        movement = Movement(
            leaving=frozenset(item.name for item in dists if item.before),
            packs_out=plan.packs_out,
            files_back=tuple(ways),
            expected=expected,
            touched=frozenset(item.name for item in dists if item.how != REMOVE),
        )
        applier = Applier(
            site=site,
            operation=f"rollback to {plan.snapshot.id}",
            report=self.session.report,
            cancel=self.session.cancel,
        )
        return applier.apply(
            seen=plan.environment,
            summary={
                "fingerprint": plan.fingerprint,
                "target": plan.snapshot.id,
                "changes": [
                    {"name": item.name, "action": item.how, "from": item.before, "to": item.after}
                    for item in dists
                ],
                "packs": [item.to_dict() for item in plan.items if item.kind == "pack"],
            },
            fill=fill,
            movement=movement,
            trial_packs=None,
        )

    # --- one by one ----------------------------------------------------------------------------------------------

    def _distribution(
        self, wanted: SnapshotDistribution, environment: Environment, snapshot: Snapshot
    ) -> Restoration:
        now = environment.get(wanted.name)
        have = now.version if now else ""
        if now and now.version == wanted.version and now.record_digest == wanted.record_digest:
            return Restoration(
                kind="distribution", name=wanted.name, how=KEEP, before=have, after=wanted.version
            )
        how, reason, payload = self._way_back(wanted, snapshot)
        if now is not None and (now.conda or now.editable or not now.record_digest):
            how, reason, payload = (
                NOT_RESTORABLE,
                "what is there now was not installed as a wheel and stays",
                None,
            )
        return Restoration(
            kind="distribution",
            name=wanted.name,
            how=how,
            before=have,
            after=wanted.version,
            reason=reason,
            payload=payload,
        )

    def _way_back(self, wanted: SnapshotDistribution, snapshot: Snapshot) -> tuple[str, str, Kept | None]:
        payload = self.session.site.find_distribution(wanted, snapshot.created)
        if payload is not None:
            return EXACT, "its files were kept", payload
        if (
            wanted.conda
            or wanted.editable
            or wanted.origin
            or "+" in wanted.version
            or not wanted.record_digest
        ):
            return NOT_RESTORABLE, "its files were not kept, and no index has this build", None
        return (
            SAME_VERSION,
            "its files were not kept; the same version comes from uv's cache or the index",
            None,
        )

    def _packs(self, snapshot: Snapshot) -> tuple[list[Restoration], tuple[Pack, ...]]:
        site = self.session.site
        now = {each.pack.path: each for each in site.snapshot_packs()}
        items, out = [], []
        for wanted in snapshot.packs:
            have = now.get(wanted.pack.path)
            if have and have.digest == wanted.digest:
                items.append(Restoration(kind="pack", name=wanted.pack.name, how=KEEP))
                continue
            payload = site.find_pack(wanted, snapshot.created)
            if payload is None:
                why = "its files were not kept"
                items.append(
                    Restoration(
                        kind="pack",
                        name=wanted.pack.name,
                        how=NOT_RESTORABLE,
                        after=_pack_words(wanted),
                        reason=why,
                    )
                )
                continue
            if have:
                out.append(have.pack)
            items.append(
                Restoration(
                    kind="pack",
                    name=wanted.pack.name,
                    how=EXACT,
                    before=_pack_words(have) if have else "",
                    after=_pack_words(wanted),
                    reason="its files were kept",
                    payload=payload,
                )
            )
        then = {each.pack.path for each in snapshot.packs}
        for path, have in now.items():
            if path not in then:
                out.append(have.pack)
                items.append(
                    Restoration(kind="pack", name=have.pack.name, how=REMOVE, before=_pack_words(have))
                )
        return items, tuple(out)

    def _files(self, snapshot: Snapshot, environment: Environment) -> list[Restoration]:
        """Files no distribution owns that a transaction of ours put aside."""
        items = []
        for wanted in snapshot.unowned:
            place = Path(environment.python.prefix) / wanted.path
            if place.exists() or not wanted.digest:
                continue
            payload = self.session.site.find_file(wanted, snapshot.created)
            if payload is not None:
                items.append(Restoration(kind="file", name=wanted.path, how=EXACT, payload=payload))
        return items

    def _fill(self, stage: Path, fetched: dict[str, str], snapshot: Snapshot) -> Arrival:
        """The same versions, from uv's cache where it has them, else from the index."""
        site = self.session.site
        hashes = {
            each.name: each.hashes for each in snapshot.distributions if each.name in fetched and each.hashes
        }
        failure: SafeInstallError | None = None
        for offline in (True, False):
            try:
                lock = site.lock_pins(fetched, hashes, offline=offline, cancel=self.session.cancel)
                return site.fill_stage(
                    lock,
                    stage / str(int(offline)),
                    fetched,
                    allow_builds=False,
                    offline=offline,
                    cancel=self.session.cancel,
                )
            except SafeInstallError as error:
                failure = error
        raise failure or SafeInstallError("stage-failed", "The stage could not be filled.")


def _removal(environment: Environment, name: str, version: str) -> Restoration:
    dist = environment.get(name)
    if dist is not None and (dist.conda or dist.editable or not dist.record_digest):
        reason = "it was not installed as a wheel, so its files are unknown; it stays"
        return Restoration(kind="distribution", name=name, how=NOT_RESTORABLE, before=version, reason=reason)
    return Restoration(kind="distribution", name=name, how=REMOVE, before=version)


def _pack_words(pack: SnapshotPack | None) -> str:
    return (pack.pack.version or pack.pack.commit[:10] or pack.digest[:10]) if pack else ""
