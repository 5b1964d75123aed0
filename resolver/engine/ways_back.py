"""How each distribution, pack and file of a snapshot comes back: looked up, nothing touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.snapshot import Snapshot, SnapshotDistribution, SnapshotPack
from ..core.types import Distribution, Environment, Pack
from ..ports import Kept, Site
from ..transaction.history import read_transaction
from .movement import in_order
from .restoration import EXACT, KEEP, NOT_RESTORABLE, REMOVE, SAME_VERSION, Restoration


def distributions_back(site: Site, environment: Environment, snapshot: Snapshot) -> list[Restoration]:
    """One restoration for each distribution of the snapshot, and for each that came since."""
    then = {wanted.name for wanted in snapshot.distributions}
    doubled_then = _doubled(wanted.name for wanted in snapshot.distributions)
    doubled = _doubled(dist.name for dist in environment.distributions)
    moved = _moved_by(site.state, snapshot.transaction)
    items = [
        _distribution_back(
            site,
            wanted,
            environment,
            snapshot,
            doubled=wanted.name in doubled,
            moved=wanted.name in moved,
        )
        for wanted in snapshot.distributions
        if wanted.name not in doubled_then
    ]
    items += [_doubled_back(name, environment, snapshot) for name in sorted(doubled_then)]
    return items + [_removal(dist) for dist in environment.distributions if dist.name not in then]


def _doubled(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def _doubled_back(name: str, environment: Environment, snapshot: Snapshot) -> Restoration:
    """What was listed more than once then: nobody can say which files were whose, and nobody wants it back."""
    then = sorted((each.version, each.record_digest) for each in snapshot.distributions if each.name == name)
    now = sorted(
        (each.version, each.record_digest) for each in environment.distributions if each.name == name
    )
    return Restoration(
        kind="distribution",
        name=name,
        how=KEEP if then == now else NOT_RESTORABLE,
        before=" and ".join(version for version, _ in now),
        after=" and ".join(version for version, _ in then),
        reason="" if then == now else "it was listed more than once then; it stays as it is now",
    )


def _distribution_back(
    site: Site,
    wanted: SnapshotDistribution,
    environment: Environment,
    snapshot: Snapshot,
    *,
    doubled: bool,
    moved: bool,
) -> Restoration:
    now = environment.get(wanted.name)
    how, reason, payload = _way_back(site, wanted, now, snapshot, doubled=doubled)
    if how == KEEP and moved and not doubled:
        payload = _as_put_aside(site, wanted, snapshot)
        how, reason = (EXACT, "its files were kept as they were") if payload else (KEEP, "")
    return Restoration(
        kind="distribution",
        name=wanted.name,
        how=how,
        before=now.version if now else "",
        after=wanted.version,
        reason=reason,
        payload=payload,
    )


def _way_back(
    site: Site, wanted: SnapshotDistribution, now: Distribution | None, snapshot: Snapshot, *, doubled: bool
) -> tuple[str, str, Kept | None]:
    if now and now.version == wanted.version and now.record_digest == wanted.record_digest:
        return KEEP, "", None
    if now and doubled:
        words = f"it is listed more than once now; `safe-install repair {wanted.name}` mends that first"
        return NOT_RESTORABLE, words, None
    if now and _is_foreign(now):
        return NOT_RESTORABLE, "what is there now was not installed as a wheel and stays", None
    payload = site.find_distribution(wanted, snapshot.created, snapshot.transaction)
    if payload is not None:
        return EXACT, "its files were kept", payload
    if wanted.conda or wanted.editable or wanted.origin or "+" in wanted.version or not wanted.record_digest:
        return NOT_RESTORABLE, "its files were not kept, and no index has this build", None
    return SAME_VERSION, "its files were not kept; the same version comes from uv's cache or the index", None


def _moved_by(state: Path, transaction: str) -> set[str]:
    """The names of the distributions the transaction changed; a repair leaves them in the same version."""
    changes = read_transaction(state, transaction).summary.get("changes") if transaction else None
    listed = changes if isinstance(changes, list) else []
    return {str(change.get("name")) for change in listed if isinstance(change, dict)}


def _as_put_aside(site: Site, wanted: SnapshotDistribution, snapshot: Snapshot) -> Kept | None:
    """The same build as the snapshot's own transaction put it aside, with files that somebody had edited."""
    payload = site.find_distribution(wanted, snapshot.created, snapshot.transaction)
    return payload if payload and payload.folder.name == snapshot.transaction else None


def _removal(dist: Distribution) -> Restoration:
    kept = _is_foreign(dist)
    return Restoration(
        kind="distribution",
        name=dist.name,
        how=NOT_RESTORABLE if kept else REMOVE,
        before=dist.version,
        reason="it was not installed as a wheel, so its files are unknown; it stays" if kept else "",
    )


def _is_foreign(dist: Distribution) -> bool:
    return dist.conda or dist.editable or not dist.record_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PackKept:
    """A pack's files, in a payload or at another place of its own, and the place they go back to."""

    folder: Path
    ways_back: tuple[tuple[Path, Path], ...]


def packs_back(
    site: Site, snapshot: Snapshot
) -> tuple[list[Restoration], tuple[Pack, ...], tuple[tuple[Path, Path], ...]]:
    """One restoration for each pack of the snapshot, and each that came since.

    With the packs that go, and the (place now, place then) of those that are there still and were enabled or
    disabled since: these are moved, so that what no digest counts (`.git`, bytecode) comes back as well.
    """
    now = {each.pack.path: each for each in site.snapshot_packs()}
    stays = {each.pack.path for each in snapshot.packs if _same(now.get(each.pack.path), each)}
    moved = _moved(snapshot, now, stays)
    items: list[Restoration] = []
    out: list[Pack] = []
    for wanted in snapshot.packs:
        path = wanted.pack.path
        if path in stays:
            items.append(Restoration(kind="pack", name=wanted.pack.name, how=KEEP))
            continue
        have = now.get(path)
        kept, reason = _kept(site, wanted, snapshot, moved.get(path))
        if kept is not None and have and path not in moved.values():
            out.append(have.pack)
        items.append(
            Restoration(
                kind="pack",
                name=wanted.pack.name,
                how=EXACT if kept else NOT_RESTORABLE,
                before=_words_of(have),
                after=_words_of(wanted),
                reason=reason,
                payload=kept,
            )
        )
    then = {each.pack.path for each in snapshot.packs}
    for path, have in now.items():
        if path not in then and path not in moved.values():
            out.append(have.pack)
            items.append(Restoration(kind="pack", name=have.pack.name, how=REMOVE, before=_words_of(have)))
    return items, tuple(out), tuple((Path(source), Path(target)) for target, source in moved.items())


def _same(have: SnapshotPack | None, wanted: SnapshotPack) -> bool:
    return have is not None and have.digest == wanted.digest


def _kept(
    site: Site, wanted: SnapshotPack, snapshot: Snapshot, elsewhere: str | None
) -> tuple[PackKept | None, str]:
    """Where a pack's files are, and that in words."""
    place = Path(wanted.pack.path)
    if elsewhere is not None:
        return PackKept(folder=Path(elsewhere), ways_back=((Path(elsewhere), place),)), "it is moved back"
    payload = site.find_pack(wanted, snapshot.created)
    if payload is None:
        again = f"; `safe-install install {wanted.source}` brings this version" if wanted.source else ""
        return None, f"its files were not kept{again}"
    # It may have been put aside from another place than where it lay then: disabled since, for instance.
    ways = tuple((source, place) for source, _ in payload.ways_back)
    return PackKept(folder=payload.folder, ways_back=ways), "its files were kept"


def _moved(snapshot: Snapshot, now: dict[str, SnapshotPack], stays: set[str]) -> dict[str, str]:
    """{place then: place now} of the packs that were enabled or disabled since."""
    moved: dict[str, str] = {}
    for wanted in snapshot.packs:
        if wanted.pack.path in stays or not wanted.digest:
            continue
        for path, have in now.items():
            free = path not in stays and path not in moved.values()
            if free and _same(have, wanted) and have.pack.disabled != wanted.pack.disabled:
                moved[wanted.pack.path] = path
                break
    try:
        in_order([(Path(source), Path(target)) for target, source in moved.items()])
    except ValueError:  # Each stands in the other's way: then what payloads have must do.
        return {}
    return moved


def _words_of(pack: SnapshotPack | None) -> str:
    return (pack.pack.version or pack.pack.commit[:10] or pack.digest[:10]) if pack else ""


def files_back(
    site: Site, environment: Environment, snapshot: Snapshot, items: Iterable[Restoration]
) -> list[Restoration]:
    """One restoration for each file no distribution owned that a transaction of ours put aside.

    `items` are those of the distributions: a file comes back only where nothing is in its place then.
    """
    going = {item.name for item in items if item.before and item.how in (EXACT, SAME_VERSION, REMOVE)}
    holdings, _ = site.holdings(environment)
    owners: dict[Path, list[str]] = {}
    for holding in holdings:
        for file in holding.files:
            owners.setdefault(Path(file.path), []).append(holding.distribution.name)
    found = []
    for wanted in snapshot.unowned:
        place = Path(environment.python.data, wanted.path)
        if not _is_free(place, owners.get(place, ()), going):
            continue
        payload = site.find_file(wanted, snapshot.created)
        if payload is not None:
            found.append(Restoration(kind="file", name=wanted.path, how=EXACT, payload=payload))
    return found


def _is_free(place: Path, owners: Sequence[str], going: set[str]) -> bool:
    """Whether nothing will lie at a place any more; what nobody owns stays there, whoever put it."""
    if not (place.exists() or place.is_symlink()):
        return True
    return bool(owners) and going.issuperset(owners)
