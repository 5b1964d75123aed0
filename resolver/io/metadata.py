"""Reading the metadata folders of installed distributions, fast and without believing them.

importlib.metadata and email.parser need 50 ms for 80 distributions; this needs 5. It is done before each
plan, at each start and for each snapshot.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import Version

from ..errors import redact
from ..transaction.fs import open_regular, read_regular

_FIRST_BYTES = 8 * 1024
_CHUNK = 1024 * 1024
_LARGEST_SMALL = 1024 * 1024
"""Bytes of an INSTALLER, a direct_url.json, an .egg-link."""
LARGEST_RECORD = 64 * 1024 * 1024
"""Bytes of a RECORD that is read; that of the largest packages has one or two millions."""
_MOST_HEADER_BYTES = 4 * 1024 * 1024

_LONGEST_VERSION = 200
"""Letters; beyond, some parsers give up, and no file can be named by it."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
"""A project's name (PEP 508)."""
_NO_LETTERS = re.compile(r"[^A-Za-z0-9._]+")

_FIELD = re.compile(
    r"^(Name|Version|Requires-Dist|Provides-Extra):(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE
)
"""The fields we need, each with the lines that continue it (they begin with a blank, RFC 822)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What we need of a METADATA or PKG-INFO file (core metadata specification)."""

    name: str
    version: str
    requires: tuple[str, ...]
    provides_extras: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a direct_url.json says (PEP 610)."""

    url: str = ""
    """As a direct reference (PEP 440): `git+https://...@commit#subdirectory=x`; redacted."""
    editable: bool = False


def parse_headers(raw: bytes) -> Headers:
    """The headers of a metadata file; what comes after the first empty line is ignored. Never raises.

    A name that no project can have counts as none.
    """
    unified = raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw
    head = unified.partition(b"\n\n")[0].decode("utf-8", errors="replace")
    found: dict[str, list[str]] = {"name": [], "version": [], "requires-dist": [], "provides-extra": []}
    for key, value in _FIELD.findall(head):
        whole = " ".join(map(str.strip, value.split("\n"))) if "\n" in value else value
        found[key.lower()].append(whole.strip())
    return Headers(
        name=next((name for name in found["name"][:1] if _NAME.fullmatch(name)), ""),
        version=next(iter(found["version"]), ""),
        requires=tuple(found["requires-dist"]),
        provides_extras=tuple(found["provides-extra"]),
    )


def read_headers(path: str) -> Headers:
    """The headers of the file. OSError where it cannot be read; empty fields where it is no metadata."""
    with open_regular(path) as file:
        raw = file.read(_FIRST_BYTES)
        # The long description comes after the headers and is not needed.
        while b"\n\n" not in raw and b"\r\n\r\n" not in raw and len(raw) < _MOST_HEADER_BYTES:
            more = file.read(len(raw) or _FIRST_BYTES)
            if not more:
                break
            raw += more
    return parse_headers(raw)


def names_in_folder_name(folder: str) -> tuple[str, str]:
    """(canonical name, version) that a folder name tells: `Foo_Bar-1.0.dist-info` gives foo-bar, 1.0."""
    stem = folder.rpartition(".")[0]
    name, _, rest = stem.partition("-")
    # Any folder may be called anything; what is taken for a name is written into files for uv.
    safe = _NO_LETTERS.sub("-", name).strip("-")
    return canonicalize_name(safe or "unnamed"), normal_version(rest.partition("-")[0])


def normal_version(text: str) -> str:
    """The version as a lock writes it (PEP 440 normal form); any other text as it is."""
    text = text[:_LONGEST_VERSION]
    try:
        return str(Version(text))
    except ValueError:
        # Whatever it is, it is one line: it is shown, and written into files that are read by lines.
        return " ".join(redact(text).split())


def digest_of(path: str, limit: int = 0) -> str:
    """sha256 of the file, hexadecimal; empty where there is none, or where it has more than `limit` bytes, if any."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            if limit and os.fstat(file.fileno()).st_size > limit:
                return ""
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def read_small(path: str) -> bytes | None:
    """The bytes of the file, or None where it cannot be read or is far too large for what it should be."""
    try:
        return read_regular(path, _LARGEST_SMALL)
    except OSError:
        return None


def read_origin(folder: str) -> Origin:
    """What the direct_url.json in a metadata folder says; empty without one or where it is damaged."""
    raw = read_small(os.path.join(folder, "direct_url.json"))
    return Origin() if raw is None else parse_origin(raw)


def parse_origin(raw: bytes) -> Origin:
    """The content of a direct_url.json as a direct reference. Never raises."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return Origin()
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        return Origin()
    url: str = value["url"]
    vcs, folder_info = value.get("vcs_info"), value.get("dir_info")
    if isinstance(vcs, dict) and isinstance(vcs.get("vcs"), str):
        url = f"{vcs['vcs']}+{url}"
        if isinstance(vcs.get("commit_id"), str):
            url += f"@{vcs['commit_id']}"
    if isinstance(value.get("subdirectory"), str) and value["subdirectory"]:
        url += f"#subdirectory={value['subdirectory']}"
    editable = isinstance(folder_info, dict) and folder_info.get("editable") is True
    return Origin(url=redact(url), editable=editable)
