"""Wheels that no build tool would write: each entry, flag and line of RECORD as a test wants it."""

from __future__ import annotations

import base64
import hashlib
import stat
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TEXT = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: rogue\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of an archive."""

    name: str
    content: bytes = b""
    kind: int = stat.S_IFREG
    """S_IFREG, S_IFLNK (the content is the target), S_IFIFO, S_IFCHR ..."""
    recorded: bool = True
    """Whether RECORD names it."""
    method: int = zipfile.ZIP_STORED


def rogue_wheel(
    folder: Path,
    *items: Item,
    name: str = "evil",
    version: str = "1.0",
    record: Sequence[str] = (),
    without: Sequence[str] = (),
    dist_info: str = "",
    metadata: str = "",
) -> Path:
    """A wheel of these items beside the usual ones; `record` are more lines, `without` usual files left out.

    `dist_info` is another name for its metadata folder, `metadata` the whole text of METADATA.
    """
    info = dist_info or f"{name}-{version}.dist-info"
    usual = [
        Item(f"{name}/__init__.py"),
        Item(f"{info}/METADATA", (metadata or _TEXT.format(name=name, version=version)).encode()),
        Item(f"{info}/WHEEL", _WHEEL.encode()),
    ]
    every = [*(each for each in usual if each.name.rpartition("/")[2] not in without), *items]
    lines = [
        f'"{each.name}",sha256={_digest(each.content)},{len(each.content)}' for each in every if each.recorded
    ]
    if "RECORD" not in without:
        every.append(Item(f"{info}/RECORD", "\n".join([*lines, *record, f"{info}/RECORD,,", ""]).encode()))
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    write_zip(wheel, *every)
    return wheel


def write_zip(path: Path, *items: Item) -> Path:
    """A zip of exactly these items, in this order, names unchanged, doubles allowed."""
    with zipfile.ZipFile(path, "w") as archive:
        for item in items:
            info = zipfile.ZipInfo("x", (2024, 1, 1, 0, 0, 0))
            # Set afterwards, because ZipInfo mends what it is given.
            info.filename = info.orig_filename = item.name
            info.create_system = 3  # Unix
            info.external_attr = (item.kind | 0o644) << 16
            info.compress_type = item.method
            archive.NameToInfo.pop(item.name, None)  # no warning about a double
            archive.writestr(info, item.content)
    return path


def patch_directory(path: Path, number: int, offset: int, value: bytes) -> None:
    """Overwrite bytes of the `number`th entry in the zip's directory (APPNOTE 4.3.12)."""
    data = bytearray(path.read_bytes())
    place = -1
    for _ in range(number + 1):
        place = data.index(b"PK\x01\x02", place + 1)
    data[place + offset : place + offset + len(value)] = value
    path.write_bytes(data)


def overlapping_bomb(path: Path, copies: int, size: int) -> Path:
    """A zip whose directory names one compressed file many times under many names, as Fifield's bomb does."""
    core = path.with_suffix(".core")
    write_zip(core, Item("0", b"\0" * size, method=zipfile.ZIP_DEFLATED))
    raw = core.read_bytes()
    core.unlink()
    start = raw.index(b"PK\x01\x02")
    end = raw.index(b"PK\x05\x06")
    entry = raw[start:end]
    directory = b"".join(
        entry[:28] + struct.pack("<H", len(each)) + entry[30:46] + each + entry[47:]
        for each in (str(number).encode() for number in range(copies))
    )
    path.write_bytes(
        raw[:start]
        + directory
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, copies, copies, len(directory), start, 0)
    )
    return path


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
