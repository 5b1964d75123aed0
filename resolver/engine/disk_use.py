"""How much room everything takes that is kept so that one can go back, and what each snapshot keeps."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.retention import Key, Share, StoredPayload, UsedSpace, shares
from ..core.snapshot import Snapshot
from ..core.types import Finding
from ..errors import SafeInstallError
from ..ports import Site
from .collecting import payload_dict

PAYLOADS = {"distribution": "packages kept", "pack": "packs kept", "unowned": "other files kept"}
"""{kind of a payload: what the list of used space calls it}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse:
    """What our folders take."""

    snapshots: tuple[tuple[Snapshot, Share], ...]
    """Newest first."""
    payloads: tuple[StoredPayload, ...]
    unnamed: tuple[StoredPayload, ...]
    """Payloads nobody goes back with; they go with the next change, or with `prune`."""
    spaces: tuple[UsedSpace, ...]
    free: int
    """Bytes free on the environment's volume."""
    findings: tuple[Finding, ...] = ()

    @property
    def total(self) -> int:
        """Bytes that would be free without Safe Install."""
        return sum(space.bytes for space in self.spaces)

    def to_dict(self) -> dict[str, object]:
        """The use as a JSON object."""
        return {
            "total_bytes": self.total,
            "free_bytes": self.free,
            "spaces": [
                {"name": each.name, "count": each.count, "bytes": each.bytes, "linked_bytes": each.linked}
                for each in self.spaces
            ],
            "snapshots": [
                {
                    "id": snapshot.id,
                    "created": snapshot.created,
                    "label": snapshot.label,
                    "pinned": snapshot.pinned,
                    "own_bytes": share.own,
                    "shared_bytes": share.shared,
                }
                for snapshot, share in self.snapshots
            ],
            "unnamed": [payload_dict(payload) for payload in self.unnamed],
            "payloads": [payload_dict(payload) for payload in self.payloads],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def disk_use(site: Site) -> DiskUse:
    """What our folders take now, every file looked at. Blocks; reads only, but for a cache of its own."""
    storage = site.storage
    listed = site.snapshots.list()
    payloads, findings = storage.payloads(fresh=True)
    findings = (*listed.findings, *findings)
    elsewhere: frozenset[Key] = frozenset()
    known = True
    try:
        elsewhere = storage.named_by(storage.others())
    except SafeInstallError as error:
        findings = (*findings, Finding(code=error.code, message=error.message, hints=error.hints))
        known = False
    unnamed: frozenset[str] = frozenset()
    if known and not listed.findings:
        unnamed = storage.unnamed(elsewhere.union(*(each.named for each in listed.snapshots)))
    kept = shares(listed.snapshots, payloads, elsewhere)
    copies = storage.full_copy_sizes()
    return DiskUse(
        snapshots=tuple(
            (each, Share(own=kept[each.id].own + copies.get(each.id, 0), shared=kept[each.id].shared))
            for each in listed.snapshots
        ),
        payloads=payloads,
        unnamed=tuple(each for each in payloads if each.folder in unnamed),
        spaces=(*_payload_spaces(payloads), *storage.used_space()),
        free=site.free_bytes(),
        findings=findings,
    )


def own_bytes(site: Site) -> dict[str, int]:
    """{id of a snapshot: bytes freed when it is removed}, from remembered weights. Blocks."""
    storage = site.storage
    snapshots = site.snapshots.list().snapshots
    payloads, _ = storage.payloads()
    try:
        elsewhere = storage.named_by(storage.others())
    except SafeInstallError:  # What another ComfyUI needs is unknown, so nothing would be freed.
        return {each.id: 0 for each in snapshots}
    copies = storage.full_copy_sizes()
    kept = shares(snapshots, payloads, elsewhere)
    return {each.id: kept[each.id].own + copies.get(each.id, 0) for each in snapshots}


def _payload_spaces(payloads: tuple[StoredPayload, ...]) -> tuple[UsedSpace, ...]:
    spaces = []
    for kind, name in PAYLOADS.items():
        mine = [payload for payload in payloads if payload.kind == kind]
        spaces.append(
            UsedSpace(
                name=name,
                count=len(mine),
                bytes=sum(payload.bytes for payload in mine),
                linked=sum(payload.linked for payload in mine),
            )
        )
    return tuple(spaces)
