"""The state to which one can return, and what differs between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import SafeInstallError, redact
from .diff import Build, diff_distributions
from .plain import PlainError, from_plain, to_plain
from .types import Change, Decision, Distribution, Environment, Pack

FORMAT = 1
"""Version of the JSON form. A file of another format is refused, never guessed at."""

_LONGEST_ID = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class UnownedFile:
    """A file in the environment that no distribution owns."""

    path: str
    """Relative to the environment's prefix, with `/`."""
    size: int
    """Bytes."""
    digest: str = ""
    """sha256, hexadecimal; empty for large files, which nobody rewrites in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDistribution:
    """One distribution as it was."""

    name: str
    version: str
    record_digest: str = ""
    """Which payload brings it back byte for byte; empty where it has no RECORD."""
    origin: str = ""
    installer: str = ""
    editable: bool = False
    conda: bool = False
    url: str = ""
    """Where the installed artefact came from, when our own lock says so; redacted."""
    hashes: tuple[str, ...] = ()
    """Hashes of that artefact, as `algorithm:hexdigest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPack:
    """One pack as it was, with the digest of its content."""

    pack: Pack
    digest: str
    """As `io.listing.digest_pack` gives it; empty where it could not be read."""
    source: str = ""
    """What brings this very version again, as `install` takes it; for packs of the Registry (`id@1.2.0#sha256=...`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The environment and the packs at one moment."""

    id: str
    """Sorts by time; unique."""
    created: str
    """UTC, as `2026-01-31T12:00:00.000Z`."""
    reason: str
    """Why it was taken, such as `before install`, `drift` or `by hand`."""
    transaction: str = ""
    """Id of the transaction it was taken for, right before anything moved; empty for any other."""
    label: str = ""
    """The user's own name for it; a labelled snapshot is kept for ever."""
    pinned: bool = False
    comfyui_version: str = ""
    comfyui_commit: str = ""
    python: str = ""
    platform: str = ""
    prefix: str = ""
    """The environment it was taken of."""
    freeze: str = ""
    distributions: tuple[SnapshotDistribution, ...] = ()
    unowned: tuple[UnownedFile, ...] = ()
    packs: tuple[SnapshotPack, ...] = ()
    lock: str = ""
    """Id of the lock in force, empty without one."""
    decisions: tuple[Decision, ...] = ()

    def get(self, name: str) -> SnapshotDistribution | None:
        """The distribution of that canonical name, or None."""
        return next((each for each in self.distributions if each.name == name), None)

    @property
    def payload_keys(self) -> frozenset[tuple[str, str, str]]:
        """(name, version, digest) of everything a payload may be kept for, packs included."""
        distributions = {(each.name, each.version, each.record_digest) for each in self.distributions}
        packs = {(each.pack.name, each.pack.version, each.digest) for each in self.packs}
        return frozenset(distributions | packs)

    @property
    def named(self) -> frozenset[tuple[str, str, str]]:
        """Of which no payload may be thrown away: `payload_keys`, files nobody owns, and its whole transaction."""
        files = {(each.path, "", each.digest) for each in self.unowned}
        return self.payload_keys | files | ({("", "", self.transaction)} if self.transaction else set())


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """What our lock knows of an installed distribution."""

    url: str = ""
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackChange:
    """One pack that differs."""

    name: str
    action: str
    """added, removed or changed."""
    before: str = ""
    """Version and commit, for people."""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One unowned file that differs."""

    path: str
    action: str
    """added, removed or changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotDiff:
    """What leads from one snapshot to another."""

    changes: tuple[Change, ...] = ()
    packs: tuple[PackChange, ...] = ()
    unowned: tuple[FileChange, ...] = ()
    python: tuple[str, str] | None = None
    """(before, after) where the Python version differs; then payloads of the one do not suit the other."""
    comfyui: tuple[str, str] | None = None
    """(before, after) where ComfyUI's own version or commit differs."""

    @property
    def is_empty(self) -> bool:
        """Whether the two are the same state."""
        return not (self.changes or self.packs or self.unowned or self.python or self.comfyui)


def take_snapshot(
    environment: Environment,
    packs: tuple[SnapshotPack, ...],
    *,
    id: str,  # noqa: A002 - the field's name
    created: str,
    reason: str,
    freeze: str,
    unowned: tuple[UnownedFile, ...] = (),
    label: str = "",
    comfyui_version: str = "",
    comfyui_commit: str = "",
    lock: str = "",
    decisions: tuple[Decision, ...] = (),
    artefacts: Mapping[str, Artefact] | None = None,
) -> Snapshot:
    """The snapshot of what was read. `artefacts` maps canonical names to what the lock knows of them."""
    known = artefacts or {}
    return Snapshot(
        id=id,
        created=created,
        reason=reason,
        label=label,
        comfyui_version=comfyui_version,
        comfyui_commit=comfyui_commit,
        python=environment.python.version,
        platform=environment.python.platform,
        prefix=environment.python.prefix,
        freeze=freeze,
        distributions=tuple(
            _remember(each, known.get(each.name, Artefact())) for each in environment.distributions
        ),
        unowned=unowned,
        packs=tuple(sorted(packs, key=lambda each: (each.pack.name, each.pack.path))),
        lock=lock,
        decisions=decisions,
    )


def _remember(distribution: Distribution, artefact: Artefact) -> SnapshotDistribution:
    return SnapshotDistribution(
        name=distribution.name,
        version=distribution.version,
        record_digest=distribution.record_digest,
        origin=distribution.origin,
        installer=distribution.installer,
        editable=distribution.editable,
        conda=distribution.conda,
        url=redact(artefact.url),
        hashes=artefact.hashes,
    )


def diff_snapshots(before: Snapshot, after: Snapshot) -> SnapshotDiff:
    """What leads from `before` to `after`. Labels, reasons and times do not count."""
    return SnapshotDiff(
        changes=diff_distributions(_builds(before), _builds(after)),
        packs=_diff_packs(before, after),
        unowned=_diff_unowned(before, after),
        python=_pair(before.python, after.python),
        comfyui=_pair(
            f"{before.comfyui_version} {before.comfyui_commit}".strip(),
            f"{after.comfyui_version} {after.comfyui_commit}".strip(),
        ),
    )


def _pair(before: str, after: str) -> tuple[str, str] | None:
    return None if before == after else (before, after)


def _builds(snapshot: Snapshot) -> dict[str, Build]:
    return {
        each.name: Build(version=each.version, identity=each.record_digest or each.origin)
        for each in snapshot.distributions
    }


def _diff_packs(before: Snapshot, after: Snapshot) -> tuple[PackChange, ...]:
    old = {each.pack.name: each for each in before.packs}
    new = {each.pack.name: each for each in after.packs}
    changes = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was and now and was.digest == now.digest and was.pack.disabled == now.pack.disabled:
            continue
        action = "changed" if was and now else "added" if now else "removed"
        changes.append(
            PackChange(name=name, action=action, before=_describe_pack(was), after=_describe_pack(now))
        )
    return tuple(changes)


def _describe_pack(each: SnapshotPack | None) -> str:
    if each is None:
        return ""
    pack = each.pack
    words = [
        pack.version,
        pack.commit[:12],
        "changed by hand" if pack.dirty else "",
        "disabled" if pack.disabled else "",
    ]
    return ", ".join(word for word in words if word) or each.digest[:12]


def _diff_unowned(before: Snapshot, after: Snapshot) -> tuple[FileChange, ...]:
    old = {each.path: each for each in before.unowned}
    new = {each.path: each for each in after.unowned}
    return tuple(
        FileChange(
            path=path, action="added" if path not in old else "removed" if path not in new else "changed"
        )
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def to_dict(snapshot: Snapshot) -> dict[str, object]:
    """The snapshot as a JSON object, with the version of the format."""
    plain = to_plain(snapshot)
    assert isinstance(plain, dict)  # noqa: S101 - a dataclass gives a dict
    return {"format": FORMAT, **plain}


def from_dict(value: object) -> Snapshot:
    """The snapshot in a JSON object. Strict, since it may come from somebody else.

    Raises SafeInstallError `snapshot-format` for another version of the format, `snapshot-damaged` for
    anything that is no snapshot, one without any distribution included.
    """
    if not isinstance(value, dict) or "format" not in value:
        raise _damaged("it is no snapshot")
    rest = {key: each for key, each in value.items() if key != "format"}
    if value["format"] != FORMAT or isinstance(value["format"], bool):
        raise SafeInstallError(
            "snapshot-format",
            f"This snapshot has the format {value['format']}; this version of Safe Install reads {FORMAT}.",
            context={"format": value["format"]},
        )
    try:
        snapshot = from_plain(Snapshot, rest)
    except PlainError as error:
        raise _damaged(str(error)) from error
    if not snapshot.distributions:
        raise _damaged("it names no distribution")
    if not _is_name(snapshot.id):
        raise _damaged("its id is no name")
    return snapshot


def _is_name(text: str) -> bool:
    """Whether the text can be a file name everywhere and leads nowhere."""
    return 0 < len(text) <= _LONGEST_ID and text.isascii() and text.replace("-", "").isalnum()


def _damaged(why: str) -> SafeInstallError:
    return SafeInstallError(
        "snapshot-damaged", f"This is no usable snapshot: {why}.", context={"reason": why}
    )
