"""What others changed since we last looked: noticed, told with who probably did it, and kept in a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..core.blame import blame
from ..core.drift import (
    NOTHING_EXPECTED,
    TORN,
    Seen,
    Watched,
    find_drift,
    fingerprint,
)
from ..core.ownership import Holding
from ..core.snapshot import Snapshot
from ..core.types import Environment, Finding
from ..errors import BusyError, Hint, SafeInstallError
from ..ports import Silence, Site
from ..transaction import fs
from ..transaction.history import last_committed
from ..transaction.locks.lockfile import OwnerLock, lock_path
from ..transaction.watch import FORMAT, NOTICED, Look, Watch, changed_folders, read_object
from .baseline import Baseline, done_since, pack_code, read_baseline, watch_now, write_baseline
from .drift_report import NOTHING_KNOWN, DriftReport
from .exclusion import alone
from .guarding import keep_full
from .in_force import snapshot_now
from .stillness import Moment, is_midway, moment

_MOST_KEPT = 5
"""Snapshots of one drift that goes on and on."""


def check(site: Site, *, thorough: bool = False) -> DriftReport:
    """What others changed since the baseline. Blocks: 0.2 s where nothing differs, else as a snapshot takes.

    The drifted state is kept as a snapshot, once, and so is the state as we left it; where the state folder
    cannot be written, or somebody else is at work, that is left out. Changes nothing live. `thorough`: also
    what was found to be of no weight at an earlier look.
    """
    begun = moment(site)
    base = read_baseline(site.state, site.python.prefix)
    # What an interrupted transaction of ours has left is nobody's change: it is to be recovered first.
    if base is None or is_midway(begun):
        return NOTHING_KNOWN
    watched = site.watched()
    now = watch_now(watched, site.python)
    last = last_committed(site.state)
    stale = last is not None and last.id != base.transaction
    report = DriftReport(since=base.seen.snapshot.created, reason=base.seen.snapshot.reason)
    if not thorough and not stale and _is_same(base, now, watched):
        return report
    environment = site.environment()
    snapshot = snapshot_now(site, environment, "drift")
    holdings, _ = site.holdings(environment)
    expected = done_since(site.state, base.transaction) if stale else NOTHING_EXPECTED
    folders = changed_folders(base.watch.everything, now.everything)
    # What was installed by others is told as that; hashing all of it would only hold up a start.
    known = {(each.name, each.record_digest) for each in base.seen.snapshot.distributions}
    others = {each.name for each in snapshot.distributions if (each.name, each.record_digest) not in known}
    edited = site.edited_files(holdings, folders, unhashed=others)
    after = _seen(snapshot, environment, {each.path: each.digest for each in edited})
    owned = _owned_folders(holdings, snapshot.prefix)
    items = find_drift(base.seen, after, edited, expected=expected, owned_folders=owned)
    items = blame(items, site.clues(environment, items, base.seen.snapshot.created))
    report = replace(report, items=items)
    if not report.is_grave:
        if stale or not _is_same(base, now, watched):
            # What was absorbed need not be looked at again; a stale baseline gets what was committed since.
            seen = after if stale else base.seen
            fresh = Baseline(
                seen=replace(seen, edited={**base.seen.edited, **after.edited}),
                watch=now,
                heads=watched.heads,
                transaction=last.id if last else "",
            )
            _quietly(site, begun, lambda: write_baseline(site.state, fresh))
        return report
    noticed = replace(report, fingerprint=fingerprint(after, items))
    return _noticed(site, noticed, base, snapshot, code=now.code, begun=begun)


def remember(site: Site, transaction: str, reason: str, *, verified: Collection[str] = ()) -> None:
    """Everything as it is now is the baseline. The caller holds the lock. Blocks; raises OSError.

    `verified` are distributions whose every file was hashed a moment ago.
    """
    environment = site.environment()
    watched = site.watched()
    # Looked at before it is read: what is changed in between will be noticed.
    now = watch_now(watched, site.python)
    snapshot = snapshot_now(site, environment, reason)
    base = read_baseline(site.state, site.python.prefix)
    edited: dict[str, str] = {}
    if base is not None:
        holdings, _ = site.holdings(environment)
        folders = changed_folders(base.watch.everything, now.everything)
        edited = {path: each for path, each in base.seen.edited.items() if Path(path).exists() == bool(each)}
        found = site.edited_files(holdings, folders, skipped=verified)
        edited |= {each.path: each.digest for each in found}
    write_baseline(
        site.state,
        Baseline(
            seen=_seen(snapshot, environment, edited), watch=now, heads=watched.heads, transaction=transaction
        ),
    )
    with suppress(OSError):
        (site.state / NOTICED).unlink(missing_ok=True)


def accept(site: Site) -> None:
    """Everything as it is now is taken as wanted. Blocks; BusyError while somebody else is at work."""
    site.check_writable()
    with alone(site, "accept what others changed"):
        last = last_committed(site.state)
        remember(site, last.id if last else "", "as accepted")


def _is_same(base: Baseline, now: Watch, watched: Watched) -> bool:
    return (
        base.watch.python == now.python
        and base.watch.everything == now.everything
        and dict(base.heads) == dict(watched.heads)
    )


def _seen(snapshot: Snapshot, environment: Environment, edited: dict[str, str]) -> Seen:
    places = {each.file for each in environment.findings if each.code == TORN}
    torn = [
        dist.name
        for dist in environment.distributions
        if any(Path(place) == Path(dist.site, dist.metadata_dir) for place in places)
    ]
    return Seen(snapshot=snapshot, torn=tuple(torn), edited=edited, pack_code=pack_code(snapshot))


def _owned_folders(holdings: tuple[Holding, ...], prefix: str) -> frozenset[str]:
    """The folders below the site directories in which distributions have files, relative to the prefix."""
    start = prefix.replace("\\", "/").rstrip("/") + "/"
    tops = set()
    for holding in holdings:
        site = holding.metadata_path.rpartition("/")[0]
        for file in holding.files:
            if file.path.startswith(f"{site}/"):
                top, below, _ = file.path[len(site) + 1 :].partition("/")
                if below:
                    tops.add(f"{site}/{top}".removeprefix(start))
    return frozenset(tops)


def _noticed(
    site: Site,
    report: DriftReport,
    base: Baseline,
    snapshot: Snapshot,
    *,
    code: Look,
    begun: Moment,
) -> DriftReport:
    """The report with the snapshots of the two states; each state is kept once."""
    known = read_object(site.state / NOTICED)
    left = base.seen.snapshot
    if known.get("fingerprint") == report.fingerprint:
        kept = str(known.get("snapshot", ""))
        return replace(
            report,
            snapshot=kept if kept and site.snapshots.path(kept).is_file() else "",
            left=left.id if site.snapshots.path(left.id).is_file() else "",
        )

    def store() -> None:
        if not site.snapshots.path(left.id).is_file():
            site.snapshots.save(left)
        # A full copy only where guard mode is on and there is room; without it the snapshot is still of use.
        with suppress(SafeInstallError, OSError):
            keep_full(site, snapshot.id, Silence())
        site.snapshots.save(snapshot)
        value = {
            "format": FORMAT,
            "kept": _thinned(site, known, snapshot.id),
            "fingerprint": report.fingerprint,
            "snapshot": snapshot.id,
            "at": snapshot.created,
            "code": dict(code),
        }
        fs.write_json(site.state / NOTICED, value)

    stored = _quietly(site, begun, store)
    return replace(
        report, is_new=True, snapshot=snapshot.id if stored else "", left=left.id if stored else ""
    )


def _thinned(site: Site, known: Mapping[str, object], newest: str) -> list[str]:
    """The ids of the snapshots of one drift as it went on: the first and the last few; the others are removed.

    A pack that writes its own code at each start must not crowd out the snapshots before our changes.
    """
    former = known.get("kept")
    kept = [*(str(each) for each in former if each), newest] if isinstance(former, list) else [newest]
    while len(kept) > _MOST_KEPT:
        gone = kept.pop(1)
        with suppress(SafeInstallError, OSError):
            snapshot = site.snapshots.get(gone)
            if snapshot.id == gone and snapshot.reason == "drift" and not (snapshot.pinned or snapshot.label):
                site.snapshots.discard([gone])
    return kept


def _quietly(site: Site, begun: Moment, act: Callable[[], None]) -> bool:
    """Whether something could be written to the state folder, under the lock; a convenience at most.

    Not where a change of ours went on while the environment was read: then nobody knows what was seen.
    """
    try:
        with OwnerLock(lock_path(site.state), "note what others changed"):
            if moment(site) != begun or is_midway(begun):
                return False
            act()
    except (OSError, BusyError, SafeInstallError):
        return False
    return True


def check_calmly(site: Site) -> DriftReport:
    """`check`, whose failure is told in the report: it is no reason not to make a plan."""
    try:
        return check(site)
    except OSError as error:
        return DriftReport(since="", failure=str(error))


def look(site: Site) -> DriftReport:
    """A thorough `check`; where we never looked but were at work, what is there becomes the baseline."""
    begun = moment(site)
    report = check(site, thorough=True)
    if not report.since and (site.state / "transactions").is_dir():
        last = last_committed(site.state)
        _quietly(site, begun, lambda: remember(site, last.id if last else "", "as first seen"))
    return report


def left_as(
    site: Site, transaction: str, operation: str, verified: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Nothing, or why the state after a change could not be stored as the baseline. The caller holds the lock."""
    try:
        remember(site, transaction, f"as left by {operation}", verified=verified)
    except (OSError, SafeInstallError) as error:
        return (
            Finding(
                code="baseline-not-stored",
                message="The change is complete, but how everything was left could not be stored, so changes "
                f"of others may go unnoticed: {error}",
                hints=(Hint("accept", "`safe-install verify --accept` stores it."),),
            ),
        )
    return ()
