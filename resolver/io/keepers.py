"""Who else goes back with what lies in an area: the state folders that use the same environment or packs.

Two ComfyUI can share one Python, and then the one's snapshots name what the other's changes put aside. So each
state folder leaves its name in every area before it keeps a snapshot, and collecting asks all of them.

<area>/keepers/<id>.json     {"id": ..., "state": "/path/of/the/state/folder"}
<state>/keeper.json          {"id": ...}
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from ..errors import SafeInstallError
from ..transaction import fs

KEEPERS = "keepers"
_OWN = "keeper.json"
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """A state folder that may name what lies in an area."""

    note: Path
    """Where it left its name."""
    state: Path
    present: bool
    """False where that folder is not there (any more), or is another one by now: what it names is unknown."""


def join(area: Path, state: Path) -> None:
    """The area knows of this state folder, durable when this returns. Cheap where it does already.

    The caller holds the lock of `state`. Raises OSError.
    """
    identifier = _identifier(state)
    note = area / KEEPERS / f"{identifier}.json" if identifier else None
    known = _read(note) if note else None
    if known is not None and known != state and _identifier(known) == identifier:
        note = known = None  # This state folder is a copy of one that is still in use.
    if note is None:
        identifier = secrets.token_hex(16)
        state.mkdir(parents=True, exist_ok=True)
        fs.write_json(state / _OWN, {"id": identifier})
        note = area / KEEPERS / f"{identifier}.json"
    if known == state:
        return
    missing = [folder for folder in (note.parent, area) if not folder.is_dir()]
    note.parent.mkdir(parents=True, exist_ok=True)
    fs.write_json(note, {"id": identifier, "state": str(state)})
    for folder in missing:
        fs.fsync_dir(folder.parent)


def leave(area: Path, state: Path) -> None:
    """The area knows nothing of this state folder, which keeps no snapshot. Raises OSError."""
    identifier = _identifier(state)
    if identifier:
        (area / KEEPERS / f"{identifier}.json").unlink(missing_ok=True)
    try:
        (area / KEEPERS).rmdir()
    except OSError:
        return


def others(area: Path, state: Path) -> tuple[Keeper, ...]:
    """Every other state folder that joined the area."""
    own = _identifier(state)
    found = []
    for note in _notes(area):
        place = _read(note)
        present = place is not None and _identifier(place) == note.stem
        if note.stem == own and (place == state or not present):
            continue  # Ourselves; the folder was moved, or the note is damaged, and the next `join` mends it.
        found.append(Keeper(note=note, state=place or Path(), present=present))
    return tuple(found)


def forget(keeper: Keeper) -> None:
    """What that state folder names counts no more: for one that is gone for good. Raises OSError."""
    keeper.note.unlink(missing_ok=True)


def _notes(area: Path) -> tuple[Path, ...]:
    try:
        return tuple(sorted(each for each in (area / KEEPERS).iterdir() if _ID.fullmatch(each.stem)))
    except FileNotFoundError:
        return ()


def _identifier(state: Path) -> str:
    """The id of a state folder; empty where it has none."""
    found = _object(state / _OWN).get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def _read(note: Path) -> Path | None:
    """The state folder a note names, or None where it names none."""
    found = _object(note).get("state")
    return Path(found) if isinstance(found, str) and found else None


def _object(path: Path) -> dict[str, object]:
    try:
        value = fs.read_json(path)
    except SafeInstallError:
        return {}
    return value if isinstance(value, dict) else {}
