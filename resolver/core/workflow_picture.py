"""The texts ComfyUI leaves in the pictures it saves: PNG text chunks, and Exif fields of WebP. Pure.

What is read is what ComfyUI writes (`nodes.SaveImage`, `SaveAnimatedPNG`, `SaveAnimatedWEBP`) and what its front end
reads: `tEXt` and `iTXt` of the PNG specification, and `workflow:{...}` in ASCII fields of an Exif directory.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_NAMES = ("workflow", "prompt")
_MOST_CHUNKS = 100_000
_MOST_FIELDS = 100
_ASCII = 2
"""The type of a text field (TIFF 6.0, section 2)."""


def is_picture(raw: bytes) -> bool:
    """Whether the bytes are a PNG or WebP file."""
    return raw.startswith(_PNG) or _is_webp(raw)


def _is_webp(raw: bytes) -> bool:
    return raw[:4] == b"RIFF" and raw[8:12] == b"WEBP"


def embedded_texts(raw: bytes, limit: int) -> dict[str, bytes]:
    """What stands under `workflow` and `prompt` in the picture, at most `limit` bytes each; {} for none."""
    found = _png_texts(raw, limit) if raw.startswith(_PNG) else _webp_texts(raw)
    texts: dict[str, bytes] = {}
    for name, text in found:
        if name in _NAMES and len(text) <= limit:
            texts.setdefault(name, text)
    return texts


def _png_texts(raw: bytes, limit: int) -> Iterator[tuple[str, bytes]]:
    place = len(_PNG)
    for _ in range(_MOST_CHUNKS):
        head = raw[place : place + 8]
        if len(head) < 8:  # noqa: PLR2004 - length and type of a chunk
            return
        length, kind = struct.unpack(">I4s", head)
        body = raw[place + 8 : place + 8 + length] if kind in (b"tEXt", b"iTXt", b"zTXt", b"comf") else b""
        place += length + 12
        # Animated PNGs keep theirs in `comf`, a chunk of ComfyUI's own, laid out like tEXt.
        name, _, rest = body.partition(b"\0")
        text: bytes | None = None
        if kind in (b"tEXt", b"comf"):
            # Latin-1 by the specification; ComfyUI's JSON is ASCII, and others write UTF-8 there.
            text = rest
        elif kind == b"zTXt":
            text = _inflated(rest[1:], limit)
        elif kind == b"iTXt":
            compressed, rest = rest[:1] == b"\1", rest[2:]
            text = rest.partition(b"\0")[2].partition(b"\0")[2]
            text = _inflated(text, limit) if compressed else text
        if text:
            yield name.decode("latin-1"), text


def _inflated(packed: bytes, limit: int) -> bytes:
    """The unpacked bytes; none where they are damaged or more than `limit`."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, limit + 1)
    except zlib.error:
        return b""
    return text if len(text) <= limit else b""


def _webp_texts(raw: bytes) -> Iterator[tuple[str, bytes]]:
    place = 12
    for _ in range(_MOST_CHUNKS):
        head = raw[place : place + 8]
        if len(head) < 8:  # noqa: PLR2004 - type and length of a chunk
            return
        kind, length = struct.unpack("<4sI", head)
        if kind == b"EXIF":
            for field in _exif_fields(raw[place + 8 : place + 8 + length]):
                name, _, text = field.partition(b":")
                yield name.strip().decode("latin-1").lower(), text
        place += 8 + length + (length & 1)


def _exif_fields(exif: bytes) -> Iterator[bytes]:
    """The text fields of the first directory."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    try:
        if order is None:
            return
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for number in range(min(count, _MOST_FIELDS)):
            place = start + 2 + 12 * number
            _tag, kind, length, value = struct.unpack_from(f"{order}HHII", exif, place)
            if kind == _ASCII:
                yield exif[value : value + length].rstrip(b"\0")
    except struct.error:
        return
