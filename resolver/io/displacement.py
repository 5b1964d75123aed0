"""Making ready the place where displaced files go. Nothing live is touched here."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.layout import Layout
from ..core.leaving import UNOWNED
from ..core.ownership import NO_RECORD, Holding
from ..core.swap_types import Swap, Unit
from ..core.types import Pack
from ..errors import SafeInstallError
from ..transaction import fs
from .listing import describe_unowned
from .payload import PACK_LABEL, Payload, PayloadEntry, PayloadMember, PayloadNote, write_note
from .records import check_files, slashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    """Payloads to be made by `prepare`, and the moves that fill them."""

    payloads: tuple[Payload, ...]
    moves: tuple[tuple[Path, Path], ...]
    """(live place, place in the payload), in the order of `Swap.outgoing`."""


def plan_displacement(
    area: Path,
    layout: Layout,
    swap: Swap,
    holdings: Sequence[Holding],
    *,
    transaction: str,
    displaced: str,
) -> Displacement:
    """One payload for each unit of the swap, named by the transaction that displaces it.

    `displaced` is the time in UTC as snapshots write it. Reads every file that leaves, to note those that
    are not what their RECORD says; blocks. Raises `displacement-failed` where one is missing.
    """
    by_key = {each.metadata_path: each for each in holdings}
    entries: dict[str, list[PayloadEntry]] = {unit.id: [] for unit in swap.units}
    for out in swap.outgoing:
        entries[out.unit].append(_entry(out.payload_path, out.live_path))
    for shared in swap.shared:
        entries[shared.unit].append(_entry(shared.payload_path, shared.live_path, copied=True))
    payloads: dict[str, Payload] = {}
    for unit in swap.units:
        if not entries[unit.id]:
            continue
        payloads[unit.id] = Payload(
            folder=area / "payloads" / unit.id / transaction,
            note=PayloadNote(
                kind="unowned" if unit.id == UNOWNED else "distribution",
                transaction=transaction,
                displaced=displaced,
                members=_members(unit, by_key, layout, entries[unit.id]),
                entries=tuple(entries[unit.id]),
            ),
        )
    return Displacement(
        payloads=tuple(payloads.values()),
        moves=tuple(
            (Path(out.live_path), payloads[out.unit].tree.joinpath(*out.payload_path.split("/")))
            for out in swap.outgoing
        ),
    )


def plan_pack_displacement(
    area: Path, pack: Pack, digest: str, *, transaction: str, displaced: str
) -> Displacement:
    """The payload for a pack that is replaced or removed. `digest` is what `digest_pack` says of it now."""
    live = slashed(pack.path)
    name = live.rpartition("/")[2]
    payload = Payload(
        folder=area / "payloads" / f"{name}-{digest[:12]}" / transaction,
        note=PayloadNote(
            kind="pack",
            transaction=transaction,
            displaced=displaced,
            members=(PayloadMember(name=pack.name, version=pack.version, digest=digest),),
            entries=(_entry(f"{PACK_LABEL}/{name}", live),),
        ),
    )
    return Displacement(payloads=(payload,), moves=((Path(live), payload.tree / PACK_LABEL / name),))


def prepare(displacement: Displacement) -> None:
    """Make the payload folders, copies and notes, durable when this returns; the moves may follow.

    Blocks. Raises SafeInstallError `displacement-failed`; then nothing live has changed, and what was
    made is removed again.
    """
    made: list[Path] = []
    folders: dict[Path, None] = {}
    try:
        for payload in displacement.payloads:
            payload.folder.mkdir(parents=True)  # One that is there already holds somebody's files.
            made.append(payload.folder)
            folders.update(dict.fromkeys(_fill(payload)))
            write_note(payload)
        # Last, and each once: after the first sync there is little left for the others.
        for folder in sorted(folders, key=lambda each: -len(each.parts)):
            fs.fsync_dir(folder)
    except OSError as error:
        for folder in made:
            fs.remove_tree(folder)
        raise SafeInstallError(
            "displacement-failed",
            f"The place for what is to be replaced could not be made: {error}.",
            context={"path": error.filename or ""},
        ) from error


def _fill(payload: Payload) -> list[Path]:
    """Make the folders and copies of one payload; the folders whose names are to be synced."""
    payload.tree.mkdir()
    made = [payload.tree, payload.folder, *list(payload.folder.parents)[:3]]
    for entry in payload.note.entries:
        made += _make_parents(payload, entry)
        if entry.copied:
            target = payload.place(entry)
            shutil.copy2(entry.live_path, target, follow_symlinks=False)
            if entry.kind == "file":
                fs.fsync_file(target)
    return made


def _make_parents(payload: Payload, entry: PayloadEntry) -> list[Path]:
    """The folders above an entry, with the permission bits of their live counterparts."""
    made = []
    parts = entry.path.split("/")
    live = Path(entry.live_path)
    for depth in range(1, len(parts)):
        folder = payload.tree.joinpath(*parts[:depth])
        if folder.is_dir():
            continue
        folder.mkdir()
        made.append(folder)
        if depth > 1:
            twin = live.parents[len(parts) - depth - 1]
            # Writable for us at least, or nothing could be moved in.
            folder.chmod(stat.S_IMODE(twin.stat().st_mode) | stat.S_IRWXU)
    return made


def _entry(path: str, live_path: str, *, copied: bool = False) -> PayloadEntry:
    try:
        mode = os.lstat(live_path).st_mode
    except OSError as error:
        raise SafeInstallError(
            "displacement-failed",
            f"{live_path} was to be moved aside but is not there: {error.strerror}.",
            context={"path": live_path},
        ) from error
    kind = "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "file"
    return PayloadEntry(path=path, live_path=live_path, kind=kind, mode=stat.S_IMODE(mode), copied=copied)


def _members(
    unit: Unit, by_key: dict[str, Holding], layout: Layout, entries: Sequence[PayloadEntry]
) -> tuple[PayloadMember, ...]:
    if unit.id == UNOWNED:
        files = (describe_unowned(layout, entry.live_path) for entry in entries)
        return tuple(
            PayloadMember(name=file.path, version="", digest=file.digest)
            for file in files
            if file is not None
        )
    return tuple(
        PayloadMember(
            name=holding.distribution.name,
            version=holding.distribution.version,
            digest=holding.distribution.record_digest.replace(NO_RECORD, ""),
            metadata=layout.label(holding.metadata_path),
            changed=tuple(layout.label(damage.path) for damage in check_files(holding.files)),
        )
        for holding in (by_key[key] for key in unit.members)
    )
