"""What others changed since Safe Install last looked: compared, nothing read here. Who did it: see `blame`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ..errors import Hint, redact
from .drift_files import EditedFile, edited_items, unowned_items
from .drift_items import DriftItem, item
from .snapshot import PackChange, Snapshot, SnapshotDistribution, diff_snapshots
from .types import Change, Finding

TORN, DOUBLED = "torn-distribution", "duplicate-metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The environment and the packs at one moment, as far as drift needs them."""

    snapshot: Snapshot
    torn: tuple[str, ...] = ()
    """Names of torn distributions."""
    edited: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{path: sha256} of owned files known not to be what their RECORD says."""
    pack_code: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{path of the pack: sha256 of its code alone}."""

    @property
    def doubled(self) -> frozenset[str]:
        """Names with more than one metadata folder."""
        names = [each.name for each in self.snapshot.distributions]
        return frozenset(name for name in names if names.count(name) > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Where changes of others are looked for."""

    sites: tuple[str, ...]
    """Site directories."""
    scripts: str
    """The scripts folder; empty where other programs' scripts lie there too."""
    packs: tuple[str, ...]
    """The custom_nodes folders."""
    heads: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{folder: commit} of ComfyUI and of each pack that is a repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What transactions of ours did after the baseline was stored: that is nobody's drift."""

    versions: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{name: version afterwards}, empty for what was removed."""
    packs: frozenset[str] = frozenset()
    """Names of packs that came, went or were replaced."""
    moved: tuple[str, ...] = ()
    """Places a step moved something from or to."""

    def covers(self, path: str) -> bool:
        """Whether a step of ours moved what lies there."""
        return any(path == place or path.startswith(f"{place}/") for place in self.moved)


NOTHING_EXPECTED = Expected()


def find_drift(
    before: Seen,
    after: Seen,
    edited: tuple[EditedFile, ...] = (),
    *,
    expected: Expected = NOTHING_EXPECTED,
    owned_folders: Collection[str] = (),
) -> tuple[DriftItem, ...]:
    """What differs, gravest first. `edited` are files found now that are not what their RECORD says.

    `owned_folders` are the folders (relative to the prefix) in which distributions have files.
    """
    diff = diff_snapshots(before.snapshot, after.snapshot)
    # Of a file that is missing the digest is empty.
    fresh = [each for each in edited if before.edited.get(each.path) != each.digest]
    fresh = [each for each in fresh if each.owner not in expected.versions and not expected.covers(each.path)]
    torn = _torn(before, after, fresh)
    doubled = sorted(after.doubled - before.doubled)
    found = [_doubled_item(name, after.snapshot) for name in doubled]
    found += [_torn_item(name, after.snapshot, fresh, before.snapshot) for name in torn]
    for change in diff.changes:
        known = change.name in after.doubled or change.name in torn
        if not known and expected.versions.get(change.name) != change.after:
            found.append(_distribution_item(change, after.snapshot))
    found += _python_items(diff.python)
    # A distribution that is doubled or torn was said to be so; that its files are others goes without saying.
    rest = [each for each in fresh if each.owner not in torn and each.owner not in after.doubled]
    found += edited_items(rest)
    found += [_pack_item(change, before, after) for change in diff.packs if change.name not in expected.packs]
    prefix = after.snapshot.prefix.rstrip("/\\")
    files = [each for each in diff.unowned if not expected.covers(f"{prefix}/{each.path}")]
    found += unowned_items(files, owned_folders)
    if diff.comfyui:
        found.append(
            item(
                "drift-comfyui",
                "ComfyUI",
                diff.comfyui[0],
                diff.comfyui[1],
                "ComfyUI itself is another version",
            )
        )
    return tuple(found)


def fingerprint(after: Seen, items: tuple[DriftItem, ...]) -> str:
    """Digest of a drifted state: each is told and kept once. What counts little does not count here."""
    snapshot = after.snapshot
    body = [
        sorted((each.code, each.name, each.before, each.after) for each in items if not each.minor),
        sorted((each.name, each.version, each.record_digest) for each in snapshot.distributions),
        sorted(after.pack_code.items()),
        sorted(after.edited.items()),
        snapshot.python,
    ]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def note(items: tuple[DriftItem, ...], since: str) -> tuple[Finding, ...]:
    """The drift in one finding, for a plan; none where nothing of weight differs."""
    grave = [each for each in items if not each.minor]
    if not grave:
        return ()
    return (
        Finding(
            code="drift",
            message=f"Others changed {summary(items)} since {since[:19].replace('T', ' ')}.",
            hints=(
                Hint("see-drift", "Run `safe-install verify` to see who probably did it, and what helps."),
            ),
        ),
    )


def summary(items: tuple[DriftItem, ...], most: int = 3) -> str:
    """The weighty ones in a few words."""
    words = [_short(each) for each in items if not each.minor]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return f"{', '.join(words[:most])}{more}"


def _short(each: DriftItem) -> str:
    step = " -> ".join(redact(word) for word in (each.before, each.after) if word)
    what = {
        "drift-added": "new",
        "drift-removed": "removed",
        "drift-files": "installed again",
        "drift-torn": "torn",
        "drift-doubled": "listed twice",
        "drift-edited": "edited in place",
    }.get(each.code, "")
    return f"{redact(each.name)} {step} ({what})" if what else f"{redact(each.name)} {step}".strip()


def _torn(before: Seen, after: Seen, fresh: list[EditedFile]) -> list[str]:
    """Distributions that are torn now and were not, or were and are torn in another way."""
    missing = {each.owner for each in fresh if each.kind == "missing"}
    return sorted((set(after.torn) - set(before.torn)) | missing)


def _torn_item(name: str, after: Snapshot, fresh: list[EditedFile], before: Snapshot) -> DriftItem:
    now, then = after.get(name), before.get(name)
    missing = [each.path for each in fresh if each.owner == name and each.kind == "missing"]
    count = f"{len(missing)} of its files are missing" if missing else "it was never completed"
    return item(
        "drift-torn",
        name,
        then.version if then else "",
        now.version if now else "",
        f"{name} {now.version if now else ''} is only partly there: {count}",
        files=missing,
        hints=(_repair(name),),
    )


def _doubled_item(name: str, after: Snapshot) -> DriftItem:
    copies = [each for each in after.distributions if each.name == name]
    versions = ", ".join(each.version for each in copies)
    return item(
        "drift-doubled",
        name,
        "",
        versions,
        f"{name} is listed {len(copies)} times ({versions}); which one Python takes is chance",
        hints=(_repair(name),),
    )


def _distribution_item(change: Change, after: Snapshot) -> DriftItem:
    now = after.get(change.name)
    if change.action == "install":
        return item(
            "drift-added", change.name, "", change.after, f"{change.name} {change.after} was installed"
        )
    if change.action == "remove":
        text = f"{change.name} {change.before} was removed"
        return item("drift-removed", change.name, change.before, "", text)
    if change.before != change.after:
        text = f"{change.name} went from {change.before} to {change.after}"
        return item("drift-version", change.name, change.before, change.after, text)
    again = _words_of(now)
    text = f"{change.name} {change.after} was installed again{again}; its files may be others"
    return item("drift-files", change.name, change.before, change.after, text)


def _words_of(now: SnapshotDistribution | None) -> str:
    return f" from {now.origin}" if now and now.origin else ""


def _python_items(pair: tuple[str, str] | None) -> Iterator[DriftItem]:
    if pair:
        yield item(
            "drift-python",
            "Python",
            pair[0],
            pair[1],
            f"Python went from {pair[0]} to {pair[1]}; compiled packages of another Python do not work in it",
        )


def _pack_item(change: PackChange, before: Seen, after: Seen) -> DriftItem:
    was = next((each for each in before.snapshot.packs if each.pack.name == change.name), None)
    now = next((each for each in after.snapshot.packs if each.pack.name == change.name), None)
    hints: tuple[Hint, ...] = ()
    minor = False
    text = f"the pack {change.name} was {change.action}"
    if was and now:
        same_place = was.pack.commit == now.pack.commit and was.pack.disabled == now.pack.disabled
        code = before.pack_code.get(was.pack.path), after.pack_code.get(now.pack.path)
        minor = same_place and code[0] is not None and code[0] == code[1]
        if minor:
            text = f"files in the folder of the pack {change.name} changed, but none of its code"
        elif was.pack.disabled != now.pack.disabled:
            text = f"the pack {change.name} was {'disabled' if now.pack.disabled else 'enabled'}"
        elif was.pack.commit and was.pack.commit != now.pack.commit:
            text = f"the pack {change.name} went from {was.pack.commit[:10]} to {now.pack.commit[:10]}"
            back = f'To go back: `git -C "{now.pack.path}" checkout {was.pack.commit}`.'
            hints = (Hint("git-checkout", back),)
    place = (now or was).pack.path if (now or was) else ""  # type: ignore[union-attr]
    return item(
        "drift-pack",
        change.name,
        change.before,
        change.after,
        text,
        files=[place] if place else [],
        hints=hints,
        minor=minor,
    )


def _repair(name: str) -> Hint:
    return Hint("repair", f"`safe-install repair {name}` makes it whole again.")
