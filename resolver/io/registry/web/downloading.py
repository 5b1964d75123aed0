"""Bringing one file here: gone on with where it was cut off, as long as it is still the same file."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import aiohttp

from ....core.plain import PlainError, from_plain, to_plain
from ....errors import Hint, SafeInstallError, from_os_error
from ....registry_port import OnBytes
from ....transaction.fs import read_regular
from .asking import Web
from .failures import TryLaterError, refuse_failure, unreachable

_CHUNK = 256 * 1024
_CONTENT_RANGE = re.compile(r"^bytes (?P<first>\d{1,18})-(?P<last>\d{1,18})/(?P<total>\d{1,18})$")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""How a zip begins; the second is an empty one."""
_NO_ARCHIVE = ("text/", "application/json", "application/xhtml", "image/", "multipart/")
_LARGEST_NOTE = 64 * 1024
_CHECK_LATER = Hint("try-later", "Try again later; what is here already is gone on with.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """What the part of a file belongs to."""

    address: str
    validator: str
    """ETag (a strong one) or Last-Modified: by it a server knows whether the file is still the same."""
    total: int


@dataclass(slots=True)
class Download:
    """One file on its way into `part`, with a note beside it that says what it is a part of."""

    web: Web
    address: str
    part: Path
    on_bytes: OnBytes | None = None
    _since: float = field(default=0.0, init=False)
    _bytes: int = field(default=0, init=False)

    async def bring(self) -> None:
        """The whole file. Raises what `Registry.download` says; what is there then stays, to be gone on with."""
        try:
            await self.web.with_tries(self._once, so_far=self._have)
        except SafeInstallError as error:
            if error.code in ("download-not-an-archive", "download-too-large"):
                self.discard()
            raise

    async def _once(self) -> None:
        note = self._read_note()
        have = self._have() if note else 0
        headers = {"Accept-Encoding": "identity", "Accept": "application/zip, */*;q=0.5"}
        if note and have:
            headers |= {"Range": f"bytes={have}-", "If-Range": note.validator}
        async with self.web.open(self.address, headers=headers, as_sent=True) as answer:
            refuse_failure(self.address, answer.status, answer.headers)
            if answer.status == HTTPStatus.PARTIAL_CONTENT and note and have:
                if _continues(answer.headers, note, have):
                    return await self._write(answer, have, note.total)
                return self._start_anew("the file has changed meanwhile")
            if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                if note and have == note.total:
                    return None
                return self._start_anew("the file has changed meanwhile")
            if answer.status != HTTPStatus.OK:
                raise _failed(self.address, answer.status)
            _refuse_other_content(self.address, answer.headers)
            total = answer.content_length or 0
            self._write_note(answer.headers, total)
            return await self._write(answer, 0, total)

    async def _write(self, answer: aiohttp.ClientResponse, have: int, total: int) -> None:
        limit = self.web.patience.largest_archive
        if total > limit:
            raise _too_large(self.address, limit)
        self._since, self._bytes = time.monotonic(), 0
        size = have
        with _opened(self.part, "r+b" if have else "wb") as file:
            file.seek(have)
            async for chunk in _chunks(answer, self.address):
                if size == 0 and not chunk.startswith(_ZIP) and len(chunk) >= len(_ZIP[0]):
                    raise _no_archive(self.address, answer.headers.get("Content-Type", ""))
                size += len(chunk)
                if size > limit:
                    raise _too_large(self.address, limit)
                _put(file, chunk)
                self._tell(size, total)
                self._refuse_drip(len(chunk))
        if total and size != total:
            raise TryLaterError(_cut_off(self.address, size, total))

    def _tell(self, size: int, total: int) -> None:
        if self.on_bytes is not None:
            self.on_bytes(size, total)

    def _refuse_drip(self, arrived: int) -> None:
        self._bytes += arrived
        patience, now = self.web.patience, time.monotonic()
        if now - self._since < patience.slow_seconds:
            return
        if self._bytes < patience.slow_bytes:
            raise TryLaterError(unreachable(self.address, "it sends next to nothing"))
        self._since, self._bytes = now, 0

    # --- what is here -------------------------------------------------------------------------------------

    def _have(self) -> int:
        try:
            return self.part.stat().st_size
        except OSError:
            return 0

    def _start_anew(self, why: str) -> None:
        self.discard()
        raise TryLaterError(
            SafeInstallError(
                "download-failed",
                f"The download cannot be gone on with: {why}.",
                context={"address": self.address},
                hints=(_CHECK_LATER,),
            ),
            0.0,
        )

    def discard(self) -> None:
        """Nothing of it any more."""
        self.part.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    @property
    def _plain_address(self) -> str:
        # The query may hold a signature, which is another each time and nobody's to read.
        return self.address.partition("?")[0]

    @property
    def _note_path(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def _read_note(self) -> _Note | None:
        try:
            note = from_plain(_Note, json.loads(read_regular(self._note_path, _LARGEST_NOTE)))
        except (OSError, ValueError, RecursionError, PlainError):
            return None
        return note if note.address == self._plain_address and note.validator and note.total > 0 else None

    def _write_note(self, headers: Mapping[str, str], total: int) -> None:
        """Before the first byte: what lies there must never be taken for a part of another file."""
        self._note_path.unlink(missing_ok=True)
        note = _Note(address=self._plain_address, validator=_validator(headers), total=total)
        if note.validator and total and headers.get("Accept-Ranges", "bytes").lower() != "none":
            with _opened(self.part, "wb"):
                pass
            with _opened(self._note_path, "wb") as file:
                _put(file, json.dumps(to_plain(note)).encode())


async def _chunks(answer: aiohttp.ClientResponse, address: str) -> AsyncIterator[bytes]:
    size = 0
    try:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            size += len(chunk)
            yield chunk
    except aiohttp.ClientPayloadError as error:
        raise TryLaterError(_cut_off(address, size, answer.content_length or 0)) from error


def _continues(headers: Mapping[str, str], note: _Note, have: int) -> bool:
    match = _CONTENT_RANGE.match(headers.get("Content-Range", "").strip())
    if match is None or int(match["first"]) != have or int(match["total"]) != note.total:
        return False
    # Some servers pass If-Range over.
    return _validator(headers) in ("", note.validator)


def _validator(headers: Mapping[str, str]) -> str:
    tag = headers.get("ETag", "").strip()
    # A weak one does not promise the same bytes (RFC 9110, 13.1.5).
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "").strip()


def _refuse_other_content(address: str, headers: Mapping[str, str]) -> None:
    kind = headers.get("Content-Type", "").strip().lower()
    encoded = headers.get("Content-Encoding", "identity").strip().lower()
    if kind.startswith(_NO_ARCHIVE) or encoded not in ("", "identity"):
        raise _no_archive(address, f"{kind} {encoded}".replace(" identity", ""))


def _opened(path: Path, mode: str) -> BinaryIO:
    try:
        return open(path, mode)  # type: ignore[return-value]
    except OSError as error:
        raise from_os_error(error) from error


def _put(file: BinaryIO, chunk: bytes) -> None:
    # The connection's own errors are OSErrors as well; those of the disk are told apart here.
    try:
        file.write(chunk)
    except OSError as error:
        raise from_os_error(error) from error


def _failed(address: str, status: int) -> SafeInstallError:
    gone = status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
    return SafeInstallError(
        "download-failed",
        f"The archive cannot be downloaded (HTTP {status}).",
        context={"address": address, "status": status},
        hints=(
            Hint("use-another-version", "The archive is gone; take another version.")
            if gone
            else _CHECK_LATER,
        ),
    )


def _cut_off(address: str, size: int, total: int) -> SafeInstallError:
    return SafeInstallError(
        "download-cut-off",
        f"The download was cut off: {size} of {total or 'unknown'} bytes came.",
        context={"address": address, "bytes": size, "total": total},
        hints=(_CHECK_LATER,),
    )


def _too_large(address: str, limit: int) -> SafeInstallError:
    return SafeInstallError(
        "download-too-large",
        f"The archive has more than {limit} bytes.",
        context={"address": address, "limit": limit},
        hints=(Hint("use-its-repository", "If you want it all the same, clone its repository: ID@nightly."),),
    )


def _no_archive(address: str, kind: str) -> SafeInstallError:
    return SafeInstallError(
        "download-not-an-archive",
        "What comes instead of the archive is none.",
        context={"address": address, "content_type": kind[:200]},
        hints=(
            Hint(
                "check-network",
                "A page to log in to the network may stand in the way, or a proxy; look with a browser.",
            ),
        ),
    )
