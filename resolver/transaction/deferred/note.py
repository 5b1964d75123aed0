"""What a waiting transaction waits for, relies on and brings: the file `waiting.json` beside its journal.

Written by the engine, which can look at everything; read at a start by the standard library alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from ...errors import Hint, SafeInstallError
from .. import folder, fs
from ..state_errors import explained

FORMAT = 1

ASKED, LOCKED = "asked", "files-locked"

_NAME = re.compile(r"[A-Za-z0-9-]{0,64}")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The premises of a waiting transaction, how its outcome is verified, and what follows its commit."""

    why: str
    """ASKED or LOCKED."""
    said: str = ""
    """Why it waits, in words."""
    locked: tuple[str, ...] = ()
    """The paths that were in use, each with who used it, in words."""
    python: str = ""
    """`3.12` of the interpreter it was planned for."""
    prefix: str = ""
    sites: tuple[str, ...] = ()
    """The site directories."""
    known: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{metadata path: sha256 of its RECORD} of every distribution there was; empty without a RECORD."""
    relied: tuple[str, ...] = ()
    """Those of them that must be as they were: what is displaced, and what the new ones require."""
    absent: tuple[str, ...] = ()
    """Canonical names that must not be installed."""
    changed: tuple[str, ...] = ()
    """Canonical names of everything that comes or goes."""
    core: str = ""
    """ComfyUI's own requirements file."""
    packs: tuple[str, ...] = ()
    """The custom_nodes folders."""
    wishes: tuple[str, ...] = ()
    """Who asked for one of the changed ones, as `wishes` gives it; somebody new may not."""
    moved: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{path: mark} of everything the steps move, and of what was copied already; see `content.mark_of`."""
    arriving: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{live metadata path: sha256 of RECORD} of what comes."""
    leaving: tuple[str, ...] = ()
    """Metadata paths of what goes."""
    accepted: tuple[str, ...] = ()
    """Live paths of files that need not be what their RECORD says."""
    snapshot: str = ""
    """Id of the snapshot of the state before."""
    full: str = ""
    """What makes that snapshot a full one, where it is one: of no use any more once something else has changed."""
    pack_marks: Mapping[str, str] = field(default_factory=dict, hash=False)
    """{path: mark} of every pack that snapshot names."""
    last: str = ""
    """Id of the transaction that was committed last then."""
    record: tuple[Mapping[str, object], ...] = field(default=(), hash=False)
    """What is appended to record.jsonl after the commit."""
    artefacts: Mapping[str, object] = field(default_factory=dict, hash=False)
    """What is remembered of installed files after the commit."""

    def to_dict(self) -> dict[str, object]:
        """The note as a JSON object."""
        return {"format": FORMAT, **{each.name: _plain(getattr(self, each.name)) for each in fields(self)}}


def note_of(value: Mapping[str, object]) -> Note:
    """The note in a JSON object. SafeInstallError `note-damaged` for anything else."""
    known = {each.name for each in fields(Note)}
    if value.get("format") != FORMAT or {*value} != {"format", *known}:
        raise _damaged("it has another format")
    return Note(
        why=_text(value["why"]),
        said=_text(value["said"]),
        locked=_texts(value["locked"]),
        python=_text(value["python"]),
        prefix=_text(value["prefix"]),
        sites=_texts(value["sites"]),
        known=_mapping(value["known"]),
        relied=_texts(value["relied"]),
        absent=_texts(value["absent"]),
        changed=_texts(value["changed"]),
        core=_text(value["core"]),
        packs=_texts(value["packs"]),
        wishes=_texts(value["wishes"]),
        moved=_mapping(value["moved"]),
        arriving=_mapping(value["arriving"]),
        leaving=_texts(value["leaving"]),
        accepted=_texts(value["accepted"]),
        snapshot=_name(value["snapshot"]),
        full=_text(value["full"]),
        pack_marks=_mapping(value["pack_marks"]),
        last=_text(value["last"]),
        record=tuple(_object(each) for each in _kind(list, value["record"])),
        artefacts=_object(value["artefacts"]),
    )


def save_note(directory: Path, note: Mapping[str, object]) -> str:
    """The note of a transaction that is to wait, durable; the sha256 of its file."""
    with explained(directory):
        fs.write_json(folder.note_path(directory), note)
        return hashlib.sha256(fs.read_regular(folder.note_path(directory))).hexdigest()


def load_note(directory: Path, digest: str = "") -> Note:
    """The note of a transaction that waits, or did. SafeInstallError `note-damaged`: it is not what was written.

    Without a digest (of the journal) it is taken as it is.
    """
    try:
        data = fs.read_regular(folder.note_path(directory))
        value = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise _not_readable(directory, str(error) or type(error).__name__) from error
    if not isinstance(value, dict) or (digest and hashlib.sha256(data).hexdigest() != digest):
        raise _not_readable(directory, "it is not the file that was written")
    return note_of(value)


def _not_readable(directory: Path, why: str) -> SafeInstallError:
    return SafeInstallError(
        "note-damaged",
        f"What the transaction {directory.name} waits for cannot be read: {why}.",
        context={"path": folder.note_path(directory), "reason": why},
        hints=(Hint("cancel-deferred", f"Cancel it: `safe-install deferred cancel {directory.name}`."),),
    )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _kind(kind: type[_Value], value: object) -> _Value:
    if not isinstance(value, kind):
        raise _damaged(f"it holds something else where a {kind.__name__} should be")
    return value


def _text(value: object) -> str:
    return _kind(str, value)


def _name(value: object) -> str:
    text = _text(value)
    # It becomes the name of a file that is written.
    if not _NAME.fullmatch(text):
        raise _damaged("the name of its snapshot is none")
    return text


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(each) for each in _kind(list, value))


def _object(value: object) -> dict[str, object]:
    return {str(key): each for key, each in _kind(dict, value).items()}


def _mapping(value: object) -> dict[str, str]:
    return {key: _text(each) for key, each in _object(value).items()}


def _damaged(why: str) -> SafeInstallError:
    return SafeInstallError(
        "note-damaged", f"What a transaction waits for cannot be read: {why}.", context={"reason": why}
    )
