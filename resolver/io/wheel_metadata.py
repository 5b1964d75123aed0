"""The METADATA of a wheel wherever it lies: beside it (PEP 658), or inside it, on the disk or a server."""

from __future__ import annotations

import io
import struct
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from ..transaction.fs import open_regular
from .downloads import ask

LARGEST = 8 * 1024 * 1024
"""Bytes of a metadata file; a larger one is not read."""

_MOST_QUESTIONS = 32
"""Ranges of one wheel; directory and metadata take two or three."""

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    LookupError,
)
"""What zipfile raises for a broken wheel, beside ValueError and OSError."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_TAIL = 128 * 1024
"""Bytes to ask for first: a zip's directory lies at its end, and wheels put metadata last (PEP 427)."""


def read_wheel_metadata(url: str) -> str:
    """The text of a wheel's METADATA. `url` is http, https, file, or a path. Blocks.

    Raises OSError (network, no such file) or ValueError (not a wheel).
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme in ("http", "https"):
        try:
            return _read_beside(
                urllib.parse.urlunsplit(parts._replace(path=f"{parts.path}.metadata", fragment=""))
            )
        except (urllib.error.HTTPError, ValueError):
            # Not every index serves PEP 658; what uv does then is what we do: read the wheel's own end.
            with RemoteFile(urllib.parse.urlunsplit(parts._replace(fragment=""))) as file:
                return _read_inside(file)
    path = Path(urllib.request.url2pathname(parts.path)) if parts.scheme == "file" else Path(url)
    with open_regular(path) as local:
        return _read_inside(local)


class RemoteFile(io.RawIOBase):
    """A file on a server, read by ranges (RFC 9110, section 14). OSError where those are refused."""

    def __init__(self, url: str) -> None:
        """Asks for the end of the file, which also tells its size."""
        super().__init__()
        self._url = url
        self._position = 0
        self._left = _MOST_QUESTIONS
        body, content_range = self._ask(f"bytes=-{_TAIL}")
        total = content_range.rpartition("/")[2]
        self._size = int(total) if total.isdecimal() else len(body)
        if self._size < len(body):
            raise OSError(f"{self._url} is shorter than what was sent of it")
        self._start, self._known = self._size - len(body), body

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move without asking the server."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Bytes from the known end, or from the server."""
        end = self._size if size < 0 else min(self._size, self._position + size)
        if self._position < self._start:
            first = max(0, self._position)
            body, _ = self._ask(
                f"bytes={first}-{self._start - 1}"
                if self._start - first < _TAIL
                else f"bytes={first}-{end - 1}"
            )
            if len(body) == self._start - first:
                self._start, self._known = first, body + self._known
            else:
                self._position += len(body)
                return body
        found = self._known[self._position - self._start : end - self._start]
        self._position += len(found)
        return found

    def _ask(self, span: str) -> tuple[bytes, str]:
        self._left -= 1
        if self._left < 0:
            raise OSError(f"{self._url} would have to be asked too often")
        with ask(self._url, {"Range": span}) as answer:
            if answer.status != 206:  # noqa: PLR2004 - Partial Content
                raise OSError(f"{self._url} cannot be read by ranges")
            return answer.read(LARGEST), answer.content_range


def _read_beside(address: str) -> str:
    with ask(address) as answer:
        text = answer.read(LARGEST).decode("utf-8", "replace")
    if not text.lstrip("\ufeff").startswith(("Metadata-Version", "Name")):
        raise ValueError("not a metadata file")
    return str(text)


def _read_inside(file: io.RawIOBase | BinaryIO) -> str:
    try:
        with zipfile.ZipFile(file) as wheel:
            names = [
                name
                for name in wheel.namelist()
                if name.endswith(".dist-info/METADATA") and name.count("/") == 1
            ]
            found = wheel.getinfo(names[0]) if names else None
            if found is None or found.file_size > LARGEST or found.compress_type not in _METHODS:
                raise ValueError("no metadata in the wheel")
            return wheel.read(names[0]).decode("utf-8", "replace")
    except _BROKEN as error:
        raise ValueError(str(error)) from error
