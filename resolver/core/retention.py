"""How much of the past is kept: which snapshots go, and what goes with each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..errors import Hint, SafeInstallError
from .settings import invalid_settings
from .snapshot import Snapshot
from .types import Finding

Key = tuple[str, str, str]
"""(name, version, digest) of something a payload brings back; ("", "", id) of all that a transaction put aside."""

GIGABYTE = 10**9

OLD, FOR_SPACE, ASKED = "old", "space", "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """What is kept without anybody asking. Pinned and labelled snapshots are kept beside it, for ever."""

    snapshots: int = 50
    """Plain snapshots, the newest."""
    transactions: int = 100
    """Folders of finished transactions, the newest; what the history needs of older ones is one line each."""
    gigabytes: float = 20.0
    """10^9 bytes that payloads may take before older snapshots go; 0 for no limit."""
    at_least: int = 5
    """Plain snapshots that are kept however much they take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayload:
    """A payload, as far as keeping it is concerned."""

    folder: str
    kind: str
    """distribution, pack or unowned."""
    keys: frozenset[Key]
    bytes: int
    """What removing it frees."""
    linked: int = 0
    """Bytes of its files that have another name elsewhere (in uv's cache, say), which removing does not free."""

    @property
    def name(self) -> str:
        """What it holds, for people."""
        names = sorted(" ".join(part for part in key[:2] if part) for key in self.keys if key[0])
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedSpace:
    """What some folders of ours take."""

    name: str
    count: int
    bytes: int
    linked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A snapshot that goes."""

    snapshot: Snapshot
    why: str
    """`old`: there are enough newer ones; `space`: payloads take more than they may; `asked`: somebody said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one snapshot keeps on the disk, in bytes."""

    own: int = 0
    """Freed when it is removed: payloads that no other snapshot names."""
    shared: int = 0
    """Payloads that others name as well."""


def parse_policy(table: Mapping[str, object]) -> RetentionPolicy:
    """The policy in the table `[keep]` of settings.toml. Raises UsageError `settings-invalid`."""
    unknown = sorted(table.keys() - {"snapshots", "transactions", "gigabytes"})
    if unknown:
        raise invalid_settings(f"[keep] has no setting {unknown[0]}")
    counts = {}
    for name in ("snapshots", "transactions"):
        value = table.get(name, getattr(RetentionPolicy(), name))
        if type(value) is not int or value < 0:
            raise invalid_settings(f"{name} in [keep] must be a whole number, 0 or more")
        counts[name] = value
    size = table.get("gigabytes", RetentionPolicy().gigabytes)
    if isinstance(size, bool) or not isinstance(size, (int, float)) or not 0 <= size < float("inf"):
        raise invalid_settings("gigabytes in [keep] must be a number, 0 or more")
    return RetentionPolicy(
        snapshots=counts["snapshots"], transactions=counts["transactions"], gigabytes=float(size)
    )


def snapshots_damaged(findings: Sequence[Finding]) -> SafeInstallError:
    """The error for snapshots that cannot be read, and so may name anything."""
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return SafeInstallError(
        "snapshot-damaged",
        f"{findings[0].message}{more}",
        context={"file": findings[0].file},
        hints=(
            Hint(
                "remove-snapshot",
                "Bring the file back from a backup, or take it away with `safe-install snapshot remove ID`.",
            ),
        ),
    )


def departures(
    snapshots: Sequence[Snapshot],
    payloads: Sequence[StoredPayload],
    policy: RetentionPolicy,
    *,
    spare: Collection[str] = (),
    named_elsewhere: Collection[Key] = (),
) -> tuple[Departure, ...]:
    """The snapshots that go by this policy, oldest first. `snapshots` are newest first.

    Never a pinned or labelled one, nor one whose id is in `spare`. For space only such go as free some:
    `named_elsewhere` are the keys that other state folders name.
    """
    plain = [each for each in snapshots if not (each.pinned or each.label)]
    old = [each for each in plain[policy.snapshots :] if each.id not in spare]
    gone = [Departure(snapshot=each, why=OLD) for each in reversed(old)]
    if not policy.gigabytes:
        return tuple(gone)
    named = _naming([each for each in snapshots if each not in old], payloads, named_elsewhere)
    taken = sum(payload.bytes for payload in payloads if named[payload.folder])
    going: list[Snapshot] = []
    for each in reversed(plain[policy.at_least : policy.snapshots]):
        if taken <= policy.gigabytes * GIGABYTE:
            break
        if each.id in spare:
            continue
        going.append(each)
        for payload in payloads:
            if each.id in named[payload.folder]:
                named[payload.folder].remove(each.id)
                taken -= 0 if named[payload.folder] else payload.bytes
    # What a newer one still names is not freed, and a snapshot of which nothing is freed need not go.
    freed = {key for payload in payloads if not named[payload.folder] for key in payload.keys}
    return (*gone, *(Departure(snapshot=each, why=FOR_SPACE) for each in going if each.named & freed))


def shares(
    snapshots: Sequence[Snapshot], payloads: Sequence[StoredPayload], named_elsewhere: Collection[Key] = ()
) -> dict[str, Share]:
    """{id of a snapshot: what it keeps}."""
    named = _naming(snapshots, payloads, named_elsewhere)
    own: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    for payload in payloads:
        names = named[payload.folder]
        for each in names:
            (own if len(names) == 1 else shared)[each] += payload.bytes
    return {each.id: Share(own=own[each.id], shared=shared[each.id]) for each in snapshots}


_ELSEWHERE = ""
"""Stands for the snapshots of other state folders; no id is empty."""


def _naming(
    snapshots: Sequence[Snapshot], payloads: Sequence[StoredPayload], elsewhere: Collection[Key]
) -> dict[str, set[str]]:
    """{folder of a payload: the ids that name it}."""
    folders: dict[Key, list[str]] = {}
    for payload in payloads:
        for key in payload.keys:
            folders.setdefault(key, []).append(payload.folder)
    found: dict[str, set[str]] = {payload.folder: set() for payload in payloads}
    named = [(each.id, each.named) for each in snapshots] + [(_ELSEWHERE, frozenset(elsewhere))]
    for identifier, keys in named:
        for key in keys & folders.keys():
            for folder in folders[key]:
                found[folder].add(identifier)
    return found
