"""Workflows as ComfyUI's front end saves and queues them, from a few words; and pictures that hold them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

SUBGRAPH = "6007e698-2ebd-4917-84d8-299b35d7b7ab"
INNER = "a7d0f1c3-1111-4222-8333-944445555666"


def node(kind: str, *, cnr_id: str = "", aux_id: str = "", ver: str = "", **more: Any) -> Json:
    """One node of the saved form, with what ComfyUI-Manager writes into its properties."""
    said = {"Node name for S&R": kind, "cnr_id": cnr_id, "aux_id": aux_id, "ver": ver}
    return {
        "id": 1,
        "type": kind,
        "pos": [0, 0],
        "size": [210, 46],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {key: value for key, value in said.items() if value},
        "widgets_values": [],
        **more,
    }


def saved(
    *nodes: Json, subgraphs: Iterable[Json] = (), groups: Mapping[str, Sequence[Json]] | None = None
) -> Json:
    """The saved form (schema 0.4, as front ends 1.2x to 1.58 write it)."""
    workflow: Json = {
        "id": "00000000-0000-4000-8000-000000000000",
        "revision": 0,
        "last_node_id": len(nodes),
        "last_link_id": 0,
        "nodes": list(nodes),
        "links": [],
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }
    if subgraphs := list(subgraphs):
        workflow["definitions"] = {"subgraphs": subgraphs}
    if groups:
        workflow["extra"]["groupNodes"] = {
            name: {"nodes": list(inner), "links": [], "external": []} for name, inner in groups.items()
        }
    return workflow


def subgraph(identifier: str, *nodes: Json, name: str = "Group", inner: Iterable[Json] = ()) -> Json:
    """The definition of a subgraph."""
    definition: Json = {
        "id": identifier,
        "version": 1,
        "name": name,
        "inputNode": {"id": -10},
        "outputNode": {"id": -20},
        "inputs": [],
        "outputs": [],
        "widgets": [],
        "nodes": list(nodes),
        "links": [],
    }
    if inner := list(inner):
        definition["definitions"] = {"subgraphs": inner}
    return definition


def queued(*kinds: str) -> Json:
    """The queued form ("API format")."""
    return {
        str(number): {"class_type": kind, "inputs": {}, "_meta": {"title": kind}}
        for number, kind in enumerate(kinds, 1)
    }


def png(texts: Mapping[str, str], *, kind: bytes = b"tEXt") -> bytes:
    """A picture of one pixel with those texts, as `SaveImage` (tEXt) or other programs (iTXt, zTXt) write them."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    def text(name: str, value: str) -> bytes:
        raw = value.encode()
        if kind == b"zTXt":
            return name.encode() + b"\0\0" + zlib.compress(raw)
        if kind == b"iTXt":
            return name.encode() + b"\0\1\0\0\0" + zlib.compress(raw)
        return name.encode() + b"\0" + raw

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + b"".join(chunk(kind, text(name, value)) for name, value in texts.items())
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def webp(texts: Mapping[str, str]) -> bytes:
    """The frame of a WebP file with an Exif directory, as `SaveAnimatedWEBP` writes it."""
    fields, data = b"", b""
    start = 8 + 2 + 12 * len(texts) + 4
    for tag, (name, value) in zip(range(0x0110, 0, -1), texts.items(), strict=False):
        raw = f"{name}:{value}".encode() + b"\0"
        fields += struct.pack("<HHII", tag, 2, len(raw), start + len(data))
        data += raw
    exif = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(texts)) + fields + b"\0\0\0\0" + data
    body = b"WEBP" + b"VP8 " + struct.pack("<I", 3) + b"abc\0" + b"EXIF" + struct.pack("<I", len(exif)) + exif
    return b"RIFF" + struct.pack("<I", len(body)) + body


def text_of(workflow: Json) -> bytes:
    """The workflow as a file's content."""
    return json.dumps(workflow).encode()
