"""Snapshots on disk: one JSON file each, written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from ..core.snapshot import Snapshot, from_dict, to_dict
from ..core.types import Finding
from ..errors import Hint, RefusedError, SafeInstallError
from ..transaction import fs
from .snapshot_memory import REMEMBERED

_LARGEST_IMPORT = 64 * 1024 * 1024
"""Bytes of a file that may be imported; a snapshot of 200 distributions has about 50 kB."""

_MOST_NAMED = 5

_STAMP = re.compile(r"\d{8}-\d{6}-\d{3}")
"""What an id of ours begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotList:
    """What the store holds."""

    snapshots: tuple[Snapshot, ...]
    """Newest first."""
    findings: tuple[Finding, ...]
    """`snapshot-damaged`, one for each file that could not be read."""


def timestamp(moment: datetime | None = None) -> str:
    """Now (or that moment) in UTC as snapshots write it; sorts as text."""
    return (moment or datetime.now(timezone.utc)).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[
        :-3
    ] + "Z"


def new_id(created: str) -> str:
    """A new id for a snapshot taken then: its time, to the millisecond, and four random letters."""
    digits = "".join(letter for letter in created if letter.isdigit())
    return f"{digits[:8]}-{digits[8:14]}-{digits[14:17]}{secrets.token_hex(2)}"


def _stamp(snapshot_id: str) -> str:
    """The time in an id, to the millisecond; empty for an id of another making."""
    found = _STAMP.match(snapshot_id)
    return found[0] if found else ""


class SnapshotStore:
    """The snapshots in the state folder. Every method blocks; writers hold the transaction lock."""

    def __init__(self, state_dir: Path, *, before_save: Callable[[], None] = lambda: None) -> None:
        """`state_dir` is Safe Install's own folder; it need not exist yet.

        `before_save` is called before a snapshot is stored: whoever throws payloads away must know by then
        that this folder keeps some.
        """
        self._folder = state_dir / "snapshots"
        self._before_save = before_save

    def next_id(self, created: str) -> str:
        """An id for a snapshot taken then, greater than every other, also where the clock was set back.

        What was taken later must sort as later: the oldest are the first to go.
        """
        fresh = new_id(created)
        newest = max((_stamp(path.stem) for path in self._files()), default="")
        if _stamp(fresh) > newest:
            return fresh
        counted = f"{int(newest.replace('-', '')) + 1:017d}"
        return f"{counted[:8]}-{counted[8:14]}-{counted[14:]}{fresh[-4:]}"

    def save(self, snapshot: Snapshot) -> Snapshot:
        """Keep it; durable when this returns.

        Raises SafeInstallError `snapshot-refused` for one that names no distribution: such a list comes
        from a failed look, and going back to it would remove everything.
        """
        if not snapshot.distributions or any(not each.name for each in snapshot.distributions):
            raise SafeInstallError(
                "snapshot-refused",
                "The list of installed distributions is empty or broken, so no snapshot was stored.",
                context={"id": snapshot.id, "distributions": len(snapshot.distributions)},
                hints=(
                    Hint("check-environment", "Check that --python names the interpreter ComfyUI runs in."),
                ),
            )
        self._before_save()
        self._folder.mkdir(parents=True, exist_ok=True)
        fs.write_json(self.path(snapshot.id), to_dict(snapshot))
        return snapshot

    def list(self) -> SnapshotList:
        """All snapshots; a file that cannot be read is a finding and stays where it is."""
        snapshots: list[Snapshot] = []
        findings: list[Finding] = []
        for path in self._files():
            try:
                snapshots.append(self._read(path))
            except SafeInstallError as error:
                if not os.path.lexists(path):
                    continue  # Another process removed it just now.
                findings.append(
                    Finding(
                        code="snapshot-damaged",
                        message=f"The snapshot {path.stem} cannot be used: {error.message}",
                        file=str(path),
                    )
                )
        snapshots.sort(
            key=lambda each: (_stamp(each.id) or _stamp(new_id(each.created)), each.id), reverse=True
        )
        return SnapshotList(snapshots=tuple(snapshots), findings=tuple(findings))

    def get(self, name: str) -> Snapshot:
        """The snapshot with that id, that label, or the only one whose id begins so.

        Raises SafeInstallError `snapshot-not-found`, `snapshot-ambiguous`, or what is wrong with its file.
        """
        wanted = name.strip()
        if wanted in {path.stem for path in self._files()}:
            try:
                return self._read(self.path(wanted))
            except SafeInstallError:
                if os.path.lexists(self.path(wanted)):
                    raise  # Else another process removed it just now.
        snapshots = self.list().snapshots
        found = [each for each in snapshots if wanted and each.label == wanted]
        found = found or [each for each in snapshots if wanted and each.id.startswith(wanted)]
        if not found:
            raise SafeInstallError(
                "snapshot-not-found",
                f"There is no snapshot {name!r}.",
                context={"name": name},
                hints=(Hint("list-snapshots", "See `safe-install snapshot list`."),),
            )
        if len(found) > 1:
            ids = ", ".join(each.id for each in found[:_MOST_NAMED])
            raise SafeInstallError(
                "snapshot-ambiguous",
                f"{name!r} means {len(found)} snapshots: {ids}{' ...' if len(found) > _MOST_NAMED else ''}.",
                context={"name": name, "ids": ids},
                hints=(Hint("full-id", "Give more letters of the id."),),
            )
        return found[0]

    def label(self, name: str, text: str) -> Snapshot:
        """The snapshot with that label from now on; an empty text takes the label away."""
        return self.save(replace(self.get(name), label=text.strip()))

    def pin(self, name: str, *, pinned: bool = True) -> Snapshot:
        """The snapshot, kept for ever from now on (or no longer)."""
        return self.save(replace(self.get(name), pinned=pinned))

    def discard(self, ids: Iterable[str]) -> None:
        """The snapshots of these ids are no longer stored, durably. Raises OSError.

        It takes no reading: a damaged one goes as well. Payloads may be thrown away only after this returned.
        """
        paths = [self.path(each) for each in ids]
        try:
            for path in paths:
                path.unlink(missing_ok=True)
        finally:
            if paths and self._folder.is_dir():
                fs.fsync_dir(self._folder)

    @property
    def is_empty(self) -> bool:
        """Whether there is none, readable or not."""
        return not self._files()

    def has(self, identifier: str) -> bool:
        """Whether one of exactly that id is stored, readable or not."""
        try:
            return not identifier.startswith(".") and f"{identifier}.json" in os.listdir(self._folder)
        except FileNotFoundError:
            return False

    def export(self, name: str, path: Path) -> Path:
        """Write the snapshot to a file to share; the path. Raises RefusedError `file-exists`."""
        snapshot = self.get(name)
        if path.exists():
            raise RefusedError("file-exists", f"{path} exists already.", context={"path": path})
        fs.write_json(path, to_dict(snapshot))
        return path

    def import_(self, path: Path) -> Snapshot:
        """Keep the snapshot in a file somebody shared, checked; under a new id where its own is taken.

        It is pinned here: somebody brought it on purpose, and by its age it might be the first to go. A label
        that is in use here is dropped. Raises
        SafeInstallError `snapshot-damaged`, `snapshot-format`, `state-unreadable`.
        """
        try:
            too_large = path.stat().st_size > _LARGEST_IMPORT
        except OSError:
            too_large = False  # read_json says what is wrong.
        if too_large:
            raise SafeInstallError(
                "snapshot-damaged", f"{path} is too large to be a snapshot.", context={"path": path}
            )
        snapshot = from_dict(fs.read_json(path))
        known = self.list().snapshots
        same = next((each for each in known if each.id == snapshot.id), None)
        if same is not None:
            if replace(snapshot, label=same.label, pinned=same.pinned) == same:
                return same  # It came from here; a name or pin it was given since stays.
            snapshot = replace(snapshot, id=self.next_id(timestamp()))
        if any(each.label == snapshot.label and each.id != snapshot.id for each in known):
            snapshot = replace(snapshot, label="")
        return self.save(replace(snapshot, pinned=True))

    def _read(self, path: Path) -> Snapshot:
        try:
            info = path.lstat()
        except OSError:
            return self._read_anew(path)  # It says what is wrong.
        stamp = (info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)
        return REMEMBERED.get(str(path), stamp, lambda: self._read_anew(path))

    def _read_anew(self, path: Path) -> Snapshot:
        snapshot = from_dict(fs.read_json(path))
        if snapshot.id != path.stem:
            raise SafeInstallError(
                "snapshot-damaged", f"The file {path.name} holds the snapshot {snapshot.id}."
            )
        return snapshot

    def _files(self) -> tuple[Path, ...]:
        try:
            paths = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return ()
        # write_json's temporary files begin with a dot.
        return tuple(path for path in paths if path.suffix == ".json" and path.name[0] != ".")

    def path(self, snapshot_id: str) -> Path:
        """The file of the snapshot with that id, whether it exists or not."""
        return self._folder / f"{snapshot_id}.json"
