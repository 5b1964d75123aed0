"""Who may call us over HTTP: every route asks here, and a route that changes anything asks for more.

The host itself lets pages of other sites call in most cases (ComfyUI 0.8.0, server.py:141), and all of them when
it is started with `--enable-cors-header`.

What each rule keeps out: the name in Host, a page that made its own name mean this machine (DNS rebinding);
Origin and Sec-Fetch-Site, pages of other sites and other ports; JSON alone, forms, which a browser sends without
asking; the token, whatever cannot read an answer of ours. In-process callers do not come through here.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from ..resolver.errors import Hint, RefusedError, UsageError
from .authority import Authority, read_authority, read_name, read_origin

if TYPE_CHECKING:
    from .desk import Desk

TOKEN_HEADER = "X-Safe-Install-Token"  # noqa: S105
"""The header that brings the token back. A page of another site cannot set it without the browser asking first."""
TOKEN = secrets.token_urlsafe(32)
"""Of this process; another one after each start of ComfyUI."""
READING = frozenset({"GET", "HEAD"})
CHANGING = frozenset({"POST", "PATCH", "DELETE"})
ANSWER_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""For every answer of ours: nobody keeps it, and no page of another site may embed it."""

_JSON = re.compile(r'^application/json\s*(;\s*charset\s*=\s*("?)utf-?8\2\s*)?$')
_SAME_SITES = frozenset({"same-origin", "none"})
_SINGLE = ("hosts", "origins", "sites", "types", "tokens")
_HEADER_NAMES = {
    "hosts": "Host",
    "origins": "Origin",
    "sites": "Sec-Fetch-Site",
    "types": "Content-Type",
    "tokens": TOKEN_HEADER,
}
_LONGEST_SHOWN = 100

_LOG = logging.getLogger("safe_install")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a request says of itself. Of each header every value, since it may have been sent twice."""

    method: str
    secure: bool = False
    """True when this server itself speaks TLS; behind a proxy it may be False for a page on https."""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What is let in."""

    token: str = field(repr=False)
    names: frozenset[str] = frozenset()
    """Names beside loopback names and IP addresses, without ports: to take a name, a page needs no port."""
    origins: frozenset[Authority] = frozenset()
    """Where pages of ours may come from beside the Host itself: a proxy may give us another Host than they have.
    Without a port, the scheme's own is meant."""


def judge(facts: Facts, door: Door, takes: Collection[str] = ()) -> RefusedError | None:
    """Why a request is refused, or None when it may pass. Pure; the first reason that is found.

    `takes` are the media types of a route that takes something else than JSON: such as no form can have, for a
    browser asks before it sends them (Fetch standard, "CORS-safelisted request-header").

    Codes: `header-repeated`, `method-not-allowed`, `host-not-allowed`, `origin-null`, `foreign-origin`,
    `cross-site-request`, `not-json`, `media-type-not-taken`, `token-missing`, `token-wrong`.
    """
    for name in _SINGLE:
        if len(getattr(facts, name)) > 1:
            return _refused(
                "header-repeated",
                f"The header {_HEADER_NAMES[name]} was sent more than once, so nobody can say which one counts.",
                hint=Hint("send-once", "Send it once."),
            )
    if facts.method not in READING | CHANGING:
        return _refused(
            "method-not-allowed",
            f"{_shown(facts.method)} is no method of these routes.",
            hint=Hint("use-a-known-method", "Use GET, POST, PATCH or DELETE as the OpenAPI document says."),
        )
    refusal = _judge_host(facts, door) or _judge_origin(facts, door) or _judge_site(facts)
    if refusal is not None or facts.method in READING:
        return refusal
    return (_judge_media(facts, takes) if takes else _judge_type(facts)) or _judge_token(facts, door)


def facts_of(request: web.Request) -> Facts:
    """The facts of a request."""

    def every(name: str) -> tuple[str, ...]:
        return tuple(request.headers.getall(name, ()))

    return Facts(
        method=request.method.upper(),
        secure=request.secure,
        hosts=every("Host"),
        origins=every("Origin"),
        sites=every("Sec-Fetch-Site"),
        types=every("Content-Type"),
        tokens=every(TOKEN_HEADER),
    )


async def check(request: web.Request, desk: Desk, takes: Collection[str] = ()) -> None:
    """Let the caller pass, or raise RefusedError with a code of `judge`. To be called before the body is read.

    The user's settings are read, in a thread, only where a name is not known without them. Where they make no
    sense they name nobody, and the log says so: the caller may be anybody.
    """
    facts = facts_of(request)
    refusal = judge(facts, Door(token=TOKEN), takes)
    if refusal is not None and refusal.code in ("host-not-allowed", "foreign-origin"):
        hosts: tuple[str, ...] = ()
        try:
            hosts = (await desk.in_thread(desk.settings)).server.hosts
        except UsageError as error:
            _LOG.warning("Safe Install: %s", error.message)
        refusal = judge(facts, open_door(TOKEN, desk.host.listens_on, hosts), takes)
    if refusal is not None:
        raise refusal


def open_door(token: str, listens_on: Iterable[str], hosts: Iterable[str]) -> Door:
    """The door with the names this ComfyUI goes by: those of settings.toml (`hosts`) and of `--listen`.

    Where it listens to others than this machine, the machine's own name is one too: nobody outside gives it. Only
    what the user wrote into the settings is an origin: what listens on another port here is somebody else.
    """
    written = frozenset(each for each in map(read_name, hosts) if each is not None)
    listened = [read_name(each) for each in listens_on]
    names = {each.name for each in (*written, *listened) if each is not None}
    if any(each is None or not each.is_loopback for each in listened):
        own = read_name(socket.gethostname())
        names |= {own.name, f"{own.name.partition('.')[0]}.local"} if own is not None else set()
    return Door(token=token, names=frozenset(names), origins=written)


# --- the rules ----------------------------------------------------------------------------------------------


def _judge_host(facts: Facts, door: Door) -> RefusedError | None:
    host = read_authority(facts.hosts[0]) if facts.hosts else None
    if host is not None and (host.is_address or host.is_loopback or host.name in door.names):
        return None
    if host is None:
        why = "The request does not say by a valid Host header whom it means."
        hint = Hint("send-host", "Send a Host header with the name in the address, as every browser does.")
    else:
        why = f"This ComfyUI is not known by the name {host.name}. A page of another site may have taken it."
        hint = Hint(
            "name-the-host",
            f'If the name is yours, put hosts = ["{host}"] under [server] into settings.toml in the folder'
            " __safe_install of the user folder, or use the IP address.",
        )
    return _refused("host-not-allowed", why, {"host": _shown(*facts.hosts)}, hint)


def _judge_origin(facts: Facts, door: Door) -> RefusedError | None:
    if not facts.origins:
        return None
    written = facts.origins[0]
    context = {"origin": _shown(written), "host": _shown(*facts.hosts)}
    if written.strip().lower() == "null":
        return _refused(
            "origin-null",
            "A page without an origin of its own (a sandboxed frame or a local file) asked.",
            context,
            _OPEN_COMFYUI,
        )
    origin, host = read_origin(written), read_authority(facts.hosts[0])
    if origin is not None and not (facts.secure and origin.scheme == "http"):
        # The Host has no scheme of its own: behind a proxy that speaks TLS, only the page knows it.
        if host is not None and origin.place == host.at(origin.scheme):
            return None
        if origin.place in {each.at(origin.scheme) for each in door.origins}:
            return None
    return _refused(
        "foreign-origin",
        f"A page of {_shown(written)} asked, and this ComfyUI is {_shown(*facts.hosts)}.",
        context,
        _OPEN_COMFYUI,
        Hint(
            "name-the-origin",
            "If a proxy of yours stands between, put the name and port in the browser's address into hosts under"
            " [server] in settings.toml.",
        ),
    )


def _judge_site(facts: Facts) -> RefusedError | None:
    if not facts.sites or facts.sites[0].strip().lower() in _SAME_SITES:
        return None
    return _refused(
        "cross-site-request",
        "The browser says that a page of another site or port asked.",
        {"sec-fetch-site": _shown(facts.sites[0])},
        _OPEN_COMFYUI,
    )


def _judge_type(facts: Facts) -> RefusedError | None:
    if facts.types and _JSON.match(facts.types[0].strip().lower()):
        return None
    return _refused(
        "not-json",
        "Only JSON is taken here, since any page may send a form.",
        {"content-type": _shown(*facts.types)},
        Hint("send-json", "Send Content-Type: application/json, with {} where there is nothing to say."),
    )


def _judge_media(facts: Facts, takes: Collection[str]) -> RefusedError | None:
    if facts.types and facts.types[0].strip().lower() in takes:
        return None
    return _refused(
        "media-type-not-taken",
        f"Only {' or '.join(takes)} is taken here, since any page may send a form.",
        {"content-type": _shown(*facts.types)},
        hint=Hint("send-the-file", f"Send the file itself, with Content-Type: {next(iter(takes))}."),
    )


def _judge_token(facts: Facts, door: Door) -> RefusedError | None:
    if not facts.tokens or not facts.tokens[0]:
        return _refused(
            "token-missing", f"The header {TOKEN_HEADER} is missing.", {"header": TOKEN_HEADER}, _FETCH_TOKEN
        )
    # As bytes: compare_digest refuses text that is not ASCII, and a header may hold any byte.
    given = facts.tokens[0].encode("utf-8", "surrogateescape")
    if hmac.compare_digest(given, door.token.encode()):
        return None
    return _refused(
        "token-wrong",
        f"The header {TOKEN_HEADER} is not the one of this start of ComfyUI.",
        {"header": TOKEN_HEADER},
        _FETCH_TOKEN,
    )


_OPEN_COMFYUI = Hint("open-comfyui", "Do it in ComfyUI's own page.")
_FETCH_TOKEN = Hint(
    "fetch-token",
    f"Get it with GET /safe_install/v1/token and send it as {TOKEN_HEADER}; each start of ComfyUI has another.",
)


def _refused(
    code: str, message: str, context: dict[str, str] | None = None, *hints: Hint, hint: Hint | None = None
) -> RefusedError:
    return RefusedError(code, message, context=context or {}, hints=(*hints, *((hint,) if hint else ())))


def _shown(*values: str) -> str:
    """Values of headers as they may be shown: short, and never one that could be a secret."""
    return ", ".join(
        text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..." for text in values
    )
