"""Taking the inventory of an environment and its packs, and keeping it on the disk."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..core.inventory import FILE, FOLDER, LINK, OTHER, PACKS, Entry, Inventory, from_columns, to_columns
from ..core.layout import Layout
from ..core.types import PythonInfo
from ..errors import Hint, SafeInstallError
from ..transaction import fs
from .records import slashed

OURS = frozenset({".safe-install", ".safe-install.disabled"})
"""Names of our own hidden folders; nothing in them belongs to the environment."""

_CHUNK = 1024 * 1024
_LARGEST = 512 * 1024 * 1024
"""Bytes an inventory may unpack to; one of 40,000 entries has 7 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Where an inventory is taken."""

    roots: Mapping[str, str]
    """{label: absolute folder}; see `core.inventory`."""
    walked: tuple[str, ...]
    """The folders to search; what is found in them gets the label of the innermost root above it."""
    single: tuple[str, ...] = ()
    """Files to look at one by one, where the folder around them is shared with the whole system."""
    skipped: frozenset[str] = frozenset()
    """Absolute folders not to look into."""


def grounds_of(
    python: PythonInfo,
    custom_nodes: Iterable[Path],
    *,
    owned: Iterable[str] = (),
    skipped: Iterable[Path] = (),
) -> Grounds:
    """Where the environment and the packs lie.

    A virtual environment is searched whole. Elsewhere the prefix is shared with the system, so only the site
    directories are searched (on Windows the scripts too), and of the rest the files in `owned`, absolute
    paths that some RECORD names. `skipped` are folders that may lie inside but are no part: ComfyUI itself.
    """
    layout = Layout.of(python)
    roots = dict(layout.roots)
    if python.prefix != python.base_prefix:
        walked = [layout.data, layout.purelib, layout.platlib, layout.scripts]
    else:
        walked = [layout.purelib, layout.platlib, *([layout.scripts] if os.name == "nt" else [])]
    packs = [slashed(str(folder)) for folder in custom_nodes]
    roots |= {f"{PACKS}{number}": folder for number, folder in enumerate(packs)}
    return Grounds(
        roots=roots,
        walked=tuple(dict.fromkeys([*walked, *packs])),
        single=tuple(sorted({path for path in owned if not _below_any(path, walked)})),
        skipped=frozenset({*(slashed(str(folder)) for folder in skipped), *packs, layout.data}),
    )


def _below_any(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def take_inventory(grounds: Grounds, *, digests: bool = False, former: Inventory | None = None) -> Inventory:
    """Everything that lies there now. Blocks: half a second for 40,000 entries, without digests.

    `digests`: with the sha256 of every file. One that `former` has is taken over where size, times, inode
    and device are the same, so that only what changed is read. What `digests` cannot read has none. A folder
    that may not be listed is an entry of the kind `other`, without what is in it.
    """
    entries: dict[str, Entry] = {}
    labels = {root: label for label, root in grounds.roots.items()}
    seen: set[str] = set()
    for top in grounds.walked:
        if top not in seen and os.path.isdir(top):
            _walk(top, labels, grounds.skipped - {top}, seen, entries)
    _add_single(grounds, labels, entries)
    if digests:
        _add_digests(Inventory(roots=grounds.roots, entries=entries), former, entries)
    return Inventory(roots=dict(grounds.roots), entries=entries)


def _walk(
    top: str, labels: Mapping[str, str], skipped: frozenset[str], seen: set[str], entries: dict[str, Entry]
) -> None:
    waiting = [(top, _labelled(top, labels))]
    entries[waiting[0][1]] = read_entry(top)
    while waiting:
        folder, path = waiting.pop()
        seen.add(folder)
        try:
            found = list(_scan(folder))
        except (FileNotFoundError, NotADirectoryError):  # Gone since it was listed.
            entries.pop(path, None)
            continue
        except PermissionError:
            entries[path] = entries[path]._replace(kind=OTHER)
            continue
        for name, entry in found:
            if name in OURS or (name == ".lock" and path == "data"):  # uv's own lock file in a venv.
                continue
            place = f"{folder}/{name}"
            key = labels.get(place) or f"{path}/{name}"
            if entry.kind == FOLDER:
                if place in skipped or place in seen:
                    continue
                waiting.append((place, key))
            entries[key] = entry


def _scan(folder: str) -> Iterator[tuple[str, Entry]]:
    with os.scandir(folder) as found:
        for item in found:
            try:
                # On Windows a directory entry knows neither inode nor device.
                info = os.lstat(item.path) if os.name == "nt" else item.stat(follow_symlinks=False)
                yield item.name, entry_of(item.path, info)
            except FileNotFoundError:  # Gone since it was listed.
                continue


def _labelled(place: str, labels: Mapping[str, str]) -> str:
    """`<label>/<rest>` of a path by the innermost root that holds it."""
    folder, rest = place, ""
    while folder not in labels:
        folder, _, name = folder.rpartition("/")
        rest = f"/{name}{rest}"
        if not folder:
            raise ValueError(f"{place} lies below no root")
    return labels[folder] + rest


def _add_single(grounds: Grounds, labels: Mapping[str, str], entries: dict[str, Entry]) -> None:
    for single in grounds.single:
        place = single
        while place:  # The folders above it, up to the root, are entries too.
            try:
                key = _labelled(place, labels)
                if key in entries:
                    break
                entries[key] = read_entry(place)
            except (FileNotFoundError, NotADirectoryError):  # The folders above may still be there.
                pass
            except (OSError, ValueError):
                break
            if place in labels:
                break
            place = place.rpartition("/")[0]


def read_entry(place: str) -> Entry:
    """What lies at one path, without a digest. OSError where nothing does."""
    return entry_of(place, os.lstat(place))


def entry_of(place: str, info: os.stat_result) -> Entry:
    """The entry of a path whose `lstat` is known."""
    bits = info.st_mode
    kind, size, content = OTHER, 0, ""
    if stat.S_ISREG(bits):
        kind, size = FILE, info.st_size
    elif stat.S_ISLNK(bits) or getattr(info, "st_reparse_tag", 0) == 0xA0000003:  # noqa: PLR2004 - a junction
        kind, content = LINK, os.readlink(place)
    elif stat.S_ISDIR(bits):
        kind = FOLDER
    return Entry(
        kind, stat.S_IMODE(bits), size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino, info.st_dev, content
    )


def known_digest(path: str, entry: Entry, former: Inventory | None) -> str:
    """The sha256 `former` has of a file that nobody has written since; empty where it has none."""
    then = former.entries.get(path) if former else None
    return then.content if then and then.kind == FILE and then.identity == entry.identity else ""


def _add_digests(inventory: Inventory, former: Inventory | None, entries: dict[str, Entry]) -> None:
    unknown: list[str] = []
    for path, entry in inventory.entries.items():
        if entry.kind != FILE:
            continue
        digest = known_digest(path, entry, former)
        if digest:
            entries[path] = entry._replace(content=digest)
        else:
            unknown.append(path)
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for path, digest in zip(unknown, pool.map(digest_of, map(inventory.place, unknown)), strict=True):
            entries[path] = entries[path]._replace(content=digest)


def digest_of(place: str) -> str:
    """sha256 of a file, hexadecimal; empty where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(place, "rb", buffering=0) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


# --- on the disk ------------------------------------------------------------------------------------------


def pack_inventory(inventory: Inventory) -> bytes:
    """The inventory as a file's content: gzip'd JSON, the same bytes for the same inventory."""
    text = json.dumps(to_columns(inventory), separators=(",", ":")).encode("ascii")
    return gzip.compress(text, compresslevel=1, mtime=0)


def unpack_inventory(data: bytes) -> Inventory:
    """The inventory in such bytes. Raises SafeInstallError `inventory-damaged`; never a guess."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            text = stream.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise ValueError("it is too large")
        value = json.loads(text)
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        raise SafeInstallError(
            "inventory-damaged", f"This is no usable inventory: {error}.", context={"reason": str(error)}
        ) from error
    return from_columns(value)


def write_inventory(path: Path, inventory: Inventory) -> None:
    """The inventory in a file, durable when this returns; a crash leaves the old file or the new one."""
    fs.write_bytes(path, pack_inventory(inventory))


def read_inventory(path: Path) -> Inventory:
    """The inventory in a file. SafeInstallError `state-unreadable` without one, `inventory-damaged`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SafeInstallError(
            "state-unreadable",
            f"The file {path} cannot be read: {error.strerror or error}",
            context={"path": path},
            hints=(Hint("restore-file", "Restore this file from a backup, or remove it."),),
        ) from error
    return unpack_inventory(data)
