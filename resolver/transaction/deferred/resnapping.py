"""Bringing the snapshot of a waiting transaction up to the moment in which it is applied.

It was taken when the transaction began to wait. What changed since (an earlier waiting one was applied, somebody
used pip) belongs to the state before as well, or going back would undo that too. The standard library alone
tells it: names, versions, RECORD digests, content of packs; what it cannot tell stays as it was.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...errors import SafeInstallError, redact
from .. import fs
from ..history import last_committed
from ..standing import in_force_after
from ..steps import Move, Step
from .content import digest_pack, mark_of
from .installed import Listed, canonical, describe, headers, metadata_text
from .note import Note

_PACK_FILES = ("__init__.py", "requirements.txt", "pyproject.toml", "install.py")
"""As `io.pack_tree` has them."""
_DISABLED = ".disabled"
_VERSION = re.compile(r"""^version\s*=\s*["']([^"'\n]*)["']""", re.MULTILINE)
_LARGEST = 1024 * 1024

_Entry = dict[str, object]


def refresh_snapshot(state_dir: Path, note: Note, now: Mapping[str, Listed]) -> tuple[str, ...]:
    """What has changed since the snapshot was taken, in words; the stored snapshot says so as well then.

    `now` is the listing of this moment. Raises SafeInstallError where the snapshot cannot be read or
    written, OSError. Can be killed and called again: it compares with what is stored.
    """
    path = state_dir / "snapshots" / f"{note.snapshot}.json"
    value = fs.read_json(path)
    if not isinstance(value, dict):
        raise SafeInstallError("snapshot-damaged", f"{path} is no snapshot.")
    said = [*_distributions(value, note, now), *_packs(value, note), *_in_force(value, note, state_dir)]
    if said:
        fs.write_json(path, value)
    return tuple(said)


def follow_packs(state_dir: Path, note: Note, steps: Iterable[Step]) -> None:
    """The payloads of packs that are to be put aside say what the snapshot says of them now.

    A pack may have written files of its own since; a payload is found again by the digest of its content.
    """
    value = _object(fs.read_json(state_dir / "snapshots" / f"{note.snapshot}.json"))
    digests = {
        str(_object(each.get("pack")).get("path")): str(each.get("digest"))
        for each in _objects(value.get("packs"))
    }
    for step in steps:
        if not isinstance(step, Move) or str(step.source) not in digests:
            continue
        # <payload>/tree/pack/<name>, see `io.payload`; one that is enabled or disabled goes to no payload.
        if step.target.parts[-3:-1] != ("tree", "pack"):
            continue
        path = step.target.parents[2] / "payload.json"
        payload = _object(fs.read_json(path))
        members = _objects(payload.get("members"))
        digest = digests[str(step.source)]
        if payload.get("kind") == "pack" and len(members) == 1 and members[0].get("digest") != digest:
            fs.write_json(path, {**payload, "members": [{**members[0], "digest": digest}]})


def _distributions(value: _Entry, note: Note, now: Mapping[str, Listed]) -> Iterator[str]:
    gone = {path for path, digest in note.known.items() if path not in now or now[path].digest != digest}
    came = [each for path, each in now.items() if note.known.get(path) != each.digest]
    entries = _objects(value.get("distributions"))
    keys = {(str(each.get("name")), each.get("record_digest")) for each in entries}
    lost = {(describe(path)[0], note.known[path]) for path in gone} & keys
    fresh = [each for each in came if (each.name, each.digest) not in keys]
    if not lost and not fresh:
        return
    lines = str(value.get("freeze") or "").splitlines()
    if len(lines) != len(entries):  # Not as we write it: then it is left out rather than wrong.
        lines = [f"{each.get('name')}=={each.get('version')}" for each in entries]
    pairs = [
        (entry, line)
        for entry, line in zip(entries, lines, strict=True)
        if (str(entry.get("name")), entry.get("record_digest")) not in lost
    ]
    pairs += [_described(each) for each in fresh]
    pairs.sort(key=lambda pair: str(pair[0].get("name")))
    value["distributions"] = [entry for entry, _ in pairs]
    value["freeze"] = "".join(f"{line}\n" for _, line in pairs)
    yield from (f"{each.words} was installed" for each in fresh)
    names = {each.name for each in fresh}
    yield from (f"{name} was removed" for name, _ in sorted(lost, key=str) if name not in names)


def _described(each: Listed) -> tuple[_Entry, str]:
    """A distribution as a snapshot has it, and its line of the freeze."""
    text = metadata_text(each.path)
    name = canonical(next(iter(headers(text, "Name")), each.name))
    version = next(iter(headers(text, "Version")), each.version)
    installer = _small(Path(each.path) / "INSTALLER").strip()
    origin, editable = _origin(_small(Path(each.path) / "direct_url.json"))
    entry: _Entry = {
        "name": name,
        "version": version,
        "record_digest": each.digest,
        "origin": origin,
        "installer": installer,
        "editable": editable,
        "conda": installer == "conda",
        "url": "",
        "hashes": [],
    }
    line = f"-e {origin}" if editable else f"{name} @ {origin}" if origin else f"{name}=={version}"
    return entry, line


def _origin(text: str) -> tuple[str, bool]:
    """(direct reference, whether editable) of a direct_url.json (PEP 610)."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "", False
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        return "", False
    url, vcs, folder_info = value["url"], value.get("vcs_info"), value.get("dir_info")
    if isinstance(vcs, dict):
        url = f"{vcs.get('vcs', '')}+{url}@{vcs.get('commit_id', '')}"
    return redact(url), isinstance(folder_info, dict) and folder_info.get("editable") is True


def _packs(value: _Entry, note: Note) -> Iterator[str]:
    entries = {str(_object(each.get("pack")).get("path")): each for each in _objects(value.get("packs"))}
    places = {str(path): rest for root in note.packs for path, *rest in _pack_places(Path(root))}
    for path in sorted(entries.keys() - places.keys()):
        del entries[path]
        yield f"the pack {Path(path).name} was removed"
    for path, (name, disabled) in places.items():
        if path in entries and note.pack_marks.get(path) == mark_of(Path(path)):
            continue
        digest = digest_pack(Path(path))
        if path in entries and entries[path].get("digest") == digest:
            continue
        known = _object(entries[path].get("pack")) if path in entries else {}
        entries[path] = {
            "pack": _pack(known, Path(path), str(name), disabled=bool(disabled)),
            "digest": digest,
        }
        yield f"the pack {name} was {'changed' if known else 'added'}"
    value["packs"] = [
        entries[path]
        for path in sorted(entries, key=lambda path: (str(_object(entries[path]["pack"]).get("name")), path))
    ]


def _pack(known: _Entry, path: Path, name: str, *, disabled: bool) -> _Entry:
    is_file = path.is_file()
    found = None if is_file else _VERSION.search(_small(path / "pyproject.toml"))
    fresh = {
        "name": name,
        "path": str(path),
        "is_file": is_file,
        "disabled": disabled,
        "version": found[1] if found else "",
        "remote": "",
        "commit": "",
        "dirty": None,
    }
    # What git knows of it is told by the engine alone; the old commit would be a lie.
    return {**fresh, "remote": known.get("remote", "")}


def _pack_places(root: Path) -> Iterator[tuple[Path, str, bool]]:
    """(path, name, whether disabled) of every pack below a custom_nodes folder; as `io.packs` finds them."""
    for path in _children(root):
        if path.name == _DISABLED and path.is_dir():
            for below in _children(path):
                if _is_pack(below, below.name.partition("@")[0]):
                    yield below, _pack_name(below, below.name.partition("@")[0]), True
        elif path.name.endswith(_DISABLED):
            if _is_pack(path, path.name.removesuffix(_DISABLED)):
                yield path, _pack_name(path, path.name.removesuffix(_DISABLED)), True
        elif _is_pack(path, path.name):
            yield path, _pack_name(path, path.name), False


def _is_pack(path: Path, name: str) -> bool:
    if name.startswith(".") or name in ("", "__pycache__"):
        return False
    if path.is_dir():
        return any((path / marker).is_file() for marker in _PACK_FILES)
    return name.endswith(".py") and path.is_file()


def _pack_name(path: Path, name: str) -> str:
    return name if path.is_dir() else name.removesuffix(".py")


def _in_force(value: _Entry, note: Note, state_dir: Path) -> Iterator[str]:
    last = last_committed(state_dir)
    if last is None or last.id == note.last:
        return
    lock, decisions = in_force_after(last, state_dir)
    if (lock, decisions) != (value.get("lock"), value.get("decisions")):
        value["lock"], value["decisions"] = lock, decisions
        yield f"{last.operation} was applied"


def _children(folder_path: Path) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder_path))
    except OSError:
        return []


def _small(path: Path) -> str:
    try:
        return fs.read_regular(path, _LARGEST).decode("utf-8", errors="replace")
    except OSError:
        return ""


def _objects(value: object) -> list[_Entry]:
    return [_object(each) for each in value] if isinstance(value, list) else []


def _object(value: object) -> _Entry:
    return value if isinstance(value, dict) else {}
