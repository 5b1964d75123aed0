"""The state as we left it, against which changes of others are noticed; durable, in the state folder.

Snapshots are taken before transactions, so none of them is that state. The baseline is stored after each
commit, under the same lock. Should the process die in between, the journals say what the commit did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.drift import Expected, Seen, Watched
from ..core.plain import PlainError, from_plain
from ..core.snapshot import Snapshot, from_dict, to_dict
from ..core.types import PythonInfo
from ..errors import SafeInstallError
from ..transaction import fs
from ..transaction.folder import steps_path, transactions_dir
from ..transaction.history import committed_since
from ..transaction.watch import BASELINE, FORMAT, Watch, look_at_everything, read_object, walk_pack, watch_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Everything as it was when we last looked and found it in order."""

    seen: Seen
    watch: Watch
    heads: Mapping[str, str] = field(default_factory=dict, hash=False)
    transaction: str = ""
    """Id of the newest transaction whose result it has; empty before the first."""


def read_baseline(state: Path, prefix: str) -> Baseline | None:
    """The baseline of the environment with that prefix; None where there is none that can be used."""
    value = read_object(state / BASELINE)
    seen, heads = value.get("seen"), value.get("heads")
    try:
        if not isinstance(seen, dict) or not isinstance(heads, dict):
            return None
        known = {key: each for key, each in seen.items() if key != "snapshot"}
        found = Baseline(
            seen=from_plain(_SeenRest, known).with_snapshot(from_dict(seen.get("snapshot"))),
            watch=watch_of(value.get("watch")),
            heads={str(folder): str(commit) for folder, commit in heads.items()},
            transaction=str(value.get("transaction", "")),
        )
    except (PlainError, SafeInstallError, ValueError):
        return None  # Of another version, or damaged: nothing is known then, and nothing is claimed.
    return found if found.watch.prefix == prefix else None


def write_baseline(state: Path, baseline: Baseline) -> None:
    """Keep it, durable when this returns. The caller holds the lock. Raises OSError."""
    seen = baseline.seen
    value = {
        "format": FORMAT,
        "transaction": baseline.transaction,
        "seen": {
            "snapshot": to_dict(seen.snapshot),
            "torn": list(seen.torn),
            "edited": dict(seen.edited),
            "pack_code": dict(seen.pack_code),
        },
        "heads": dict(baseline.heads),
        "watch": baseline.watch.to_dict(),
    }
    # Not by `write_json`, whose indents take longer than all the rest for thousands of folders.
    fs.write_bytes(state / BASELINE, json.dumps(value, sort_keys=True).encode("ascii"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _SeenRest:
    """`Seen` without its snapshot, as it is stored."""

    torn: tuple[str, ...] = ()
    edited: Mapping[str, str] = field(default_factory=dict, hash=False)
    pack_code: Mapping[str, str] = field(default_factory=dict, hash=False)

    def with_snapshot(self, snapshot: Snapshot) -> Seen:
        """The whole."""
        return Seen(snapshot=snapshot, torn=self.torn, edited=self.edited, pack_code=self.pack_code)


def watch_now(watched: Watched, python: PythonInfo) -> Watch:
    """What the folders look like now. Blocks; see `look_at_everything`."""
    return look_at_everything(
        Watch(
            sites=watched.sites,
            scripts=watched.scripts,
            packs=watched.packs,
            prefix=python.prefix,
            python=python.version,
        )
    )


def pack_code(snapshot: Snapshot) -> dict[str, str]:
    """{path of the pack: sha256 of its code alone}; see `is_pack_code`. Blocks; reads that code."""
    return {each.pack.path: _code_digest(each.pack.path, each.digest) for each in snapshot.packs}


def _code_digest(path: str, whole: str) -> str:
    if not Path(path).is_dir():
        return whole
    total = hashlib.sha256()
    for name, place in walk_pack(path):
        try:
            content = hashlib.sha256(fs.read_regular(place)).hexdigest()
        except OSError:
            content = "unreadable"
        total.update(f"{len(name)} {name} {content}\n".encode("utf-8", errors="surrogateescape"))
    return total.hexdigest()


def done_since(state: Path, transaction: str) -> Expected:
    """What was committed after that transaction: the process died before it could store the baseline."""
    versions: dict[str, str] = {}
    packs: set[str] = set()
    moved: list[str] = []
    for record in committed_since(state, transaction):
        for change in _objects(record.summary.get("changes")):
            gone = change.get("action") == "remove"
            if change.get("action") not in ("keep", "not-restorable"):
                versions[str(change.get("name"))] = "" if gone else str(change.get("to", ""))
        packs |= {str(change.get("name")) for change in _objects(record.summary.get("packs"))}
        moved += _places(transactions_dir(state) / record.id)
    return Expected(versions=versions, packs=frozenset(packs), moved=tuple(moved))


def _places(directory: Path) -> list[str]:
    try:
        value = fs.read_json(steps_path(directory))
    except SafeInstallError:
        return []
    steps = value.get("steps") if isinstance(value, dict) else None
    moves = [step for step in _objects(steps) if step.get("kind") == "move"]
    return [Path(str(step.get(side, ""))).as_posix() for step in moves for side in ("source", "target")]


def _objects(value: object) -> Sequence[dict[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
