"""Small answers of servers that nobody vouches for: what they redirect to, how long they take, what breaks them."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import IO

from .credentials import bare, headers_for, reveal

SECONDS = 20
"""To wait for a server that says nothing."""

_SECONDS_IN_ALL = 60
"""For one small answer, however it drips."""
_CHUNK = 64 * 1024
_SCHEMES = ("https", "http")


class Answer:
    """What a server answers: its status, headers and beginning."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self.status = answer.status
        self.content_range = answer.headers.get("Content-Range", "")

    def read(self, limit: int) -> bytes:
        """At most `limit` bytes. Raises OSError where they take too long."""
        end = time.monotonic() + _SECONDS_IN_ALL
        parts: list[bytes] = []
        while limit > 0 and (part := self._answer.read1(min(limit, _CHUNK))):
            parts.append(part)
            limit -= len(part)
            if time.monotonic() > end:
                raise TimeoutError("the server takes too long to answer")
        return b"".join(parts)


@contextmanager
def ask(
    address: str, headers: Mapping[str, str] | None = None, *, seconds: float = SECONDS
) -> Iterator[Answer]:
    """The answer to a GET. Blocks. `address` is http or https; a redirection may not lead to less trust.

    Raises OSError, whatever a server does wrong, and ValueError for what is no such address.
    """
    if urllib.parse.urlsplit(address).scheme.lower() not in _SCHEMES:
        raise ValueError("neither http nor https")
    request = urllib.request.Request(  # noqa: S310 - judged above
        bare(reveal(address)), headers={"Accept-Encoding": "identity", **(headers or {})}
    )
    for name, value in headers_for(address).items():
        # For this server alone: it is left out where a redirection is followed.
        request.add_unredirected_header(name, value)
    try:
        with _opener().open(request, timeout=seconds) as answer:
            yield Answer(answer)
    except http.client.HTTPException as error:  # Such as a first line that is no HTTP.
        raise OSError(f"the server does not speak HTTP: {type(error).__name__}") from error


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows what leads to another public server over no worse a transport."""

    def redirect_request(  # noqa: PLR0917 - as the standard library has it
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request. Raises HTTPError for one that must not be made."""
        if not may_follow(req.full_url, newurl):
            raise urllib.error.HTTPError(req.full_url, code, "the redirection is not followed", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def may_follow(address: str, target: str) -> bool:
    """Whether a redirection may be followed: never to a file, to plain text from TLS, or from the net to this machine.

    A server here may act on a mere GET (ComfyUI-Manager's once did), so a page of the net must not cause one.
    """
    before, after = urllib.parse.urlsplit(address), urllib.parse.urlsplit(target)
    if after.scheme.lower() not in _SCHEMES or (before.scheme.lower(), after.scheme.lower()) == (
        "https",
        "http",
    ):
        return False
    return not _is_inner(after.hostname or "") or _is_inner(before.hostname or "")


def _is_inner(host: str) -> bool:
    """Whether the name of a host is plainly one of this machine or of the net it stands in."""
    name = host.rstrip(".")
    found: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        try:
            # Every C library still takes 127.1, 0x7f000001 and 2130706433.
            found = ipaddress.IPv4Address(socket.inet_aton(name))
        except (OSError, UnicodeError):
            return name == "localhost" or name.endswith(".localhost")
    return not found.is_global


@cache
def _opener() -> urllib.request.OpenerDirector:
    # Loading the certificates takes 20 ms; once is enough for hundreds of files.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirections(),
    ):
        opener.add_handler(handler)
    return opener
