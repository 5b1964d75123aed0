"""The payload areas: where displaced files are kept, and how they are found again."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.layout import LABELS, Layout
from ..core.ownership import Holding, RecordedFile
from ..core.swap_types import Arrival
from ..core.types import Distribution, Finding, PythonInfo
from ..errors import SafeInstallError
from .listing import describe_unowned, digest_pack, list_tree
from .metadata import digest_of
from .mounts import reached_by_rename
from .payload import NOTE, Payload, PayloadMember, read_payload
from .records import check_files, read_record, slashed
from .trash import Trash

AREA = ".safe-install"
"""Folder name no scanner takes for a distribution (it lies beside site-packages) or for a pack."""

PACK_AREA_INSIDE = ".safe-install.disabled"
"""The same inside custom_nodes: hosts skip names that end in `.disabled`, other hidden ones they load."""


def area_for(python: PythonInfo) -> Path:
    """The area for distributions: beside site-packages, so that renames stay on one volume."""
    return Path(python.purelib).parent / AREA


def pack_areas(custom_nodes: Path) -> tuple[Path, Path]:
    """Where the area for packs can lie: beside custom_nodes, or inside where no rename reaches it."""
    return custom_nodes.parent / AREA, custom_nodes / PACK_AREA_INSIDE


def pack_area(custom_nodes: Path) -> Path:
    """The area for packs: beside custom_nodes where a rename can reach it and we may write, else inside."""
    beside, inside = pack_areas(custom_nodes)
    above = beside.parent
    try:
        reached = reached_by_rename(custom_nodes, beside if beside.is_dir() else above)
    except OSError:  # There are no packs yet, and nothing to move.
        reached = True
    return beside if reached and os.access(beside if beside.is_dir() else above, os.W_OK) else inside


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadList:
    """What an area holds."""

    payloads: tuple[Payload, ...]
    """Earliest displaced first."""
    findings: tuple[Finding, ...]
    """`payload-damaged`, one for each that cannot be used."""


class PayloadStore:
    """The payloads of one area. Every method blocks; writers hold the transaction lock."""

    def __init__(self, area: Path) -> None:
        """`area` need not exist yet."""
        self.area = area
        self._payloads = area / "payloads"

    def list(self) -> PayloadList:
        """Every payload there is."""
        payloads: list[Payload] = []
        findings: list[Finding] = []
        for folder in self._folders():
            try:
                payloads.append(read_payload(folder))
            except SafeInstallError as error:
                if not os.path.lexists(folder):
                    continue  # Another process threw it away just now.
                findings.append(Finding(code=error.code, message=error.message, file=str(folder)))
        payloads.sort(key=lambda each: (each.note.displaced, str(each.folder)))
        return PayloadList(payloads=tuple(payloads), findings=tuple(findings))

    def find(self, name: str, version: str, digest: str) -> tuple[Payload, ...]:
        """The payloads with that content, earliest displaced first; none without a digest.

        One whose files have all gone back to where they lay is none any more.
        """
        if not digest and version:
            return ()
        key = (name, version, digest)
        return tuple(
            each
            for each in self.list().payloads
            if any(member.key == key for member in each.note.members) and not each.is_used_up
        )

    def choose(self, name: str, version: str, digest: str, *, since: str = "") -> Payload | None:
        """The payload that is nearest to how things were at `since` (UTC); None where there is none."""
        return next(self._by_nearness(name, version, digest, since), None)

    def choose_whole(
        self,
        name: str,
        version: str,
        digest: str,
        layout: Layout,
        *,
        since: str = "",
        displaced_by: str = "",
        accepted: Collection[str] = (),
        hashes: bool = True,
    ) -> Payload | None:
        """The nearest payload from which a member comes back byte for byte (see `check`), or None.

        What the transaction `displaced_by` put aside counts as it was then, changed by hand or not: the state
        to go back to is that of its own beginning.
        """
        key = (name, version, digest)
        for payload in self._by_nearness(*key, since):
            member = next(each for each in payload.note.members if each.key == key)
            own = member.changed if payload.note.transaction == displaced_by else ()
            if not self.check(payload, member, layout, accepted={*accepted, *own}, hashes=hashes):
                return payload
        return None

    def _by_nearness(self, name: str, version: str, digest: str, since: str) -> Iterator[Payload]:
        """First what was displaced after that moment, then what was before, whose content is the same."""
        found = self.find(name, version, digest)
        yield from (each for each in found if each.note.displaced >= since)
        yield from (each for each in reversed(found) if each.note.displaced < since)

    def check(
        self,
        payload: Payload,
        member: PayloadMember,
        layout: Layout,
        *,
        accepted: Collection[str] = (),
        hashes: bool = True,
    ) -> tuple[Finding, ...]:
        """What keeps a member from coming back byte for byte; empty when nothing does.

        For a distribution: the digest of its RECORD, and every file against it, less those at the places
        `accepted`. For a pack or a file nobody owns: the digest of its content.
        """
        if not member.metadata:
            return _check_content(payload, member, layout)
        folder = payload.tree.joinpath(*member.metadata.split("/"))
        if digest_of(str(folder / "RECORD")) != member.digest:
            return (_unusable(payload, member, "its RECORD is another one"),)
        aside = Layout.labelled(slashed(str(payload.tree)))
        try:
            files = [
                replace(file, path=aside.place(layout.label(file.path)))
                for file in _recorded(payload, member, layout)
            ]
        except SafeInstallError as error:
            return (_unusable(payload, member, error.message),)
        damaged = {aside.label(each.path): each.kind for each in check_files(files, hashes=hashes)}
        damaged = {**dict.fromkeys(member.changed, "changed"), **damaged}
        wrong = sorted(damaged.keys() - set(accepted))
        if not wrong:
            return ()
        return (_unusable(payload, member, f"{len(wrong)} files are {damaged[wrong[0]]}: {wrong[0]} ..."),)

    def arrival(self, payload: Payload, layout: Layout, members: Sequence[PayloadMember] = ()) -> Arrival:
        """The distributions of a payload as something `plan_swap` brings in: these members, or all.

        Raises SafeInstallError `record-missing` and the like.
        """
        wanted = tuple(members) or payload.note.members
        tree = slashed(str(payload.tree))
        return Arrival(
            layout=Layout.labelled(tree),
            tree=list_tree(f"{tree}/{label}" for label in LABELS),
            holdings=tuple(_holding(payload, member, layout) for member in wanted),
            everything=len(wanted) == len(payload.note.members),
            flawed=frozenset(layout.place(label) for member in wanted for label in member.changed),
        )

    def discard(self, payload: Payload) -> None:
        """The payload is no longer there: renamed away in one act, then deleted as far as possible."""
        self.throw_away([payload])

    def collect(self, keep: Collection[tuple[str, str, str]]) -> tuple[Payload, ...]:
        """Remove the payloads that no snapshot names (see `unnamed`); what was removed."""
        return self.throw_away(self.unnamed(keep))

    def unnamed(self, keep: Collection[tuple[str, str, str]]) -> tuple[Payload, ...]:
        """The payloads nobody goes back with. Not to be asked while a transaction is under way or waits.

        `keep` holds what all snapshots name (`Snapshot.named`). A payload whose files all went back is among
        them as well. Damaged ones are not: they are left for a person to look at.
        """
        return tuple(
            payload for payload in self.list().payloads if payload.keys.isdisjoint(keep) or payload.is_used_up
        )

    def throw_away(self, payloads: Sequence[Payload]) -> tuple[Payload, ...]:
        """Those of the payloads that are gone, durably; their bytes are deleted as far as possible."""
        trash = Trash(self.area)
        gone = set(trash.take(payload.folder for payload in payloads))
        trash.empty()
        return tuple(payload for payload in payloads if payload.folder in gone)

    def _folders(self) -> Sequence[Path]:
        if self.area.is_symlink() or self._payloads.is_symlink():
            return ()  # Whatever lies there, it was not put there by us.
        # By their notes: a folder without one was being made when the process was killed.
        return sorted(path.parent for path in self._payloads.glob(f"*/*/{NOTE}"))


def _recorded(payload: Payload, member: PayloadMember, layout: Layout) -> tuple[RecordedFile, ...]:
    """The files of a member with their live places."""
    site, _, name = layout.place(member.metadata).rpartition("/")
    return read_record(layout, site, name, folder=str(payload.tree.joinpath(*member.metadata.split("/"))))


def _holding(payload: Payload, member: PayloadMember, layout: Layout) -> Holding:
    metadata_path = layout.place(member.metadata)
    site, _, name = metadata_path.rpartition("/")
    return Holding(
        distribution=Distribution(
            name=member.name,
            version=member.version,
            site=site,
            metadata_dir=name,
            record_digest=member.digest,
        ),
        files=_recorded(payload, member, layout),
        metadata_path=metadata_path,
    )


def _check_content(payload: Payload, member: PayloadMember, layout: Layout) -> tuple[Finding, ...]:
    for entry in payload.note.entries:
        place = payload.place(entry)
        if payload.note.kind == "pack":
            digest = _digest_of_pack(place)
        elif slashed(os.path.relpath(entry.live_path, layout.data)) == member.name:
            file = describe_unowned(layout, slashed(str(place)))
            digest = file.digest if file is not None else None
        else:
            continue
        if digest == member.digest:
            return ()
    return (_unusable(payload, member, "its content is another one, or gone"),)


def _digest_of_pack(place: Path) -> str | None:
    try:
        return digest_pack(place)
    except OSError:
        return None


def _unusable(payload: Payload, member: PayloadMember, why: str) -> Finding:
    return Finding(
        code="payload-unusable",
        message=f"{member.name} {member.version} cannot be brought back from {payload.folder}: {why}.",
        file=str(payload.folder),
    )
