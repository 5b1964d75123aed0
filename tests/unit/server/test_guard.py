"""The guard's rules one by one: what a browser, a program and an attacker send, and what comes of it."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from comfyui_safe_install.server_routes.authority import read_authority, read_name, read_origin
from comfyui_safe_install.server_routes.guard import Door, Facts, judge, open_door

TOKEN = "the-token-of-this-process"
DOOR = Door(token=TOKEN)
READ = Facts(method="GET", hosts=("127.0.0.1:8188",))
POST = Facts(
    method="POST",
    hosts=("127.0.0.1:8188",),
    origins=("http://127.0.0.1:8188",),
    sites=("same-origin",),
    types=("application/json",),
    tokens=(TOKEN,),
)


def verdict(facts: Facts, door: Door = DOOR) -> str:
    """The code of the refusal; `passes` for none."""
    refusal = judge(facts, door)
    if refusal is None:
        return "passes"
    assert refusal.hints, "each refusal says what to do"
    assert TOKEN not in str(refusal.to_dict())
    return refusal.code


def named(*names: str) -> Door:
    """A door that knows these names by the settings."""
    return open_door(TOKEN, ["127.0.0.1"], names)


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_our_own_page_may_change_things(method: str) -> None:
    """With its origin, JSON and the token, our page passes by every method that changes anything."""
    assert verdict(replace(POST, method=method)) == "passes"


def test_a_program_without_browser_headers_passes_with_the_token() -> None:
    """curl sends neither Origin nor Sec-Fetch-Site; the token is what counts."""
    assert verdict(replace(POST, origins=(), sites=())) == "passes"


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "CONNECT", "GEt", "PROPFIND", ""])
def test_other_methods_are_refused(method: str) -> None:
    """What is neither known to read nor known to change is refused, token or not."""
    assert verdict(replace(POST, method=method)) == "method-not-allowed"


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (("application/json",), "passes"),
        (("Application/JSON; Charset=UTF-8",), "passes"),
        (('application/json; charset="utf-8"',), "passes"),
        ((), "not-json"),
        (("",), "not-json"),
        (("text/plain",), "not-json"),
        (("text/plain; application/json",), "not-json"),
        (("application/x-www-form-urlencoded",), "not-json"),
        (("multipart/form-data; boundary=application/json",), "not-json"),
        (("application/json, text/plain",), "not-json"),
        (("application/json; charset=utf-16",), "not-json"),
        (("application/jsonp",), "not-json"),
        (("application/csp-report",), "not-json"),
        (("application/json", "text/plain"), "header-repeated"),
    ],
)
def test_only_json_is_taken(types: tuple[str, ...], expected: str) -> None:
    """Forms, beacons and reports are what a browser sends across sites without asking: none is JSON."""
    assert verdict(replace(POST, types=types)) == expected


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("127.0.0.1:8188", "http://127.0.0.1:8188", "passes"),
        ("LOCALHOST:8188", "HTTP://LocalHost:8188", "passes"),
        ("localhost:8188", "http://127.0.0.1:8188", "foreign-origin"),
        ("127.0.0.1:8188", "http://127.0.0.1:3000", "foreign-origin"),
        ("127.0.0.1:8188", "http://127.0.0.1", "foreign-origin"),
        ("127.0.0.1:8188", "https://attacker.example", "foreign-origin"),
        ("192.168.1.5:8188", "https://attacker.example", "foreign-origin"),
        ("192.168.1.5:8188", "http://192.168.1.5.attacker.example:8188", "foreign-origin"),
        ("127.0.0.1:8188", "null", "origin-null"),
        ("127.0.0.1:8188", "NULL", "origin-null"),
        ("127.0.0.1:8188", "", "foreign-origin"),
        ("127.0.0.1:8188", "file://", "foreign-origin"),
        ("127.0.0.1:8188", "chrome-extension://abcdef", "foreign-origin"),
        ("127.0.0.1:8188", "http://127.0.0.1:8188@attacker.example", "foreign-origin"),
        ("127.0.0.1:8188", "http://127.0.0.1:8188/", "foreign-origin"),
        ("[::1]:8188", "http://[0:0::1]:8188", "passes"),
        ("192.168.1.5", "http://192.168.1.5", "passes"),
        ("192.168.1.5:80", "http://192.168.1.5", "passes"),
        ("192.168.1.5", "https://192.168.1.5:443", "passes"),
        ("192.168.1.5:8188", "https://192.168.1.5:8188", "passes"),
    ],
)
def test_the_origin_is_the_host(host: str, origin: str, expected: str) -> None:
    """Name and port have to be the same; the scheme tells only which port is meant by none."""
    assert verdict(replace(POST, hosts=(host,), origins=(origin,), sites=())) == expected
    assert verdict(replace(READ, hosts=(host,), origins=(origin,))) == expected


def test_a_page_without_tls_does_not_speak_for_one_with_it() -> None:
    """Where this server itself speaks TLS, its own page is on https; another one was put there on the way."""
    facts = replace(POST, secure=True, hosts=("127.0.0.1",), origins=("http://127.0.0.1",))
    assert verdict(facts) == "foreign-origin"
    assert verdict(replace(facts, origins=("https://127.0.0.1",))) == "passes"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8188", "passes"),
        ("127.3.2.1", "passes"),
        ("[::1]:8188", "passes"),
        ("localhost", "passes"),
        ("localhost.:8188", "passes"),
        ("comfy.localhost:8188", "passes"),
        ("10.1.2.3:8188", "passes"),
        ("attacker.example:8188", "host-not-allowed"),
        ("localhost.attacker.example", "host-not-allowed"),
        ("127.0.0.1.attacker.example:8188", "host-not-allowed"),
        ("notlocalhost", "host-not-allowed"),
        ("", "host-not-allowed"),
        (":8188", "host-not-allowed"),
        ("127.0.0.1:", "host-not-allowed"),
        ("127.0.0.1:99999", "host-not-allowed"),
        ("attacker.example@127.0.0.1", "host-not-allowed"),
        ("127.0.0.1/attacker.example", "host-not-allowed"),
        ("127.0.0.1, attacker.example", "host-not-allowed"),
        ("::1", "host-not-allowed"),
        ("[::1", "host-not-allowed"),
        ("2130706433", "host-not-allowed"),
    ],
)
def test_only_known_names_are_answered_to(host: str, expected: str) -> None:
    """A page that made its own name mean this machine sends that name; reading is refused just as well."""
    assert verdict(replace(READ, hosts=(host,))) == expected
    assert verdict(replace(POST, hosts=(host,), origins=(), sites=())) == expected


def test_a_request_without_host_is_refused() -> None:
    """HTTP/1.0 needs no Host, and no browser speaks it."""
    assert verdict(replace(READ, hosts=())) == "host-not-allowed"


def test_a_name_of_the_settings_is_known() -> None:
    """A name counts with any port; written with a port it also names an origin, for proxies that change Host."""
    assert verdict(replace(READ, hosts=("comfy.example:8188",)), named("comfy.example")) == "passes"
    assert verdict(replace(READ, hosts=("sub.comfy.example",)), named("comfy.example")) == "host-not-allowed"
    proxied = replace(POST, hosts=("127.0.0.1:8188",), origins=("https://comfy.example:8443",))
    assert verdict(proxied, named("comfy.example:8443")) == "passes"
    assert verdict(proxied, named("comfy.example")) == "foreign-origin"
    assert verdict(replace(proxied, origins=("https://comfy.example",)), named("comfy.example")) == "passes"
    assert (
        verdict(replace(proxied, sites=("cross-site",)), named("comfy.example:8443")) == "cross-site-request"
    )


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("same-origin", "passes"),
        ("None", "passes"),
        ("same-site", "cross-site-request"),
        ("cross-site", "cross-site-request"),
        ("CROSS-SITE", "cross-site-request"),
        ("", "cross-site-request"),
        ("something-new", "cross-site-request"),
    ],
)
def test_what_the_browser_says_of_the_page_counts(site: str, expected: str) -> None:
    """Another port of this machine is the same site and another origin: refused, for reading too."""
    assert verdict(replace(POST, origins=(), sites=(site,))) == expected
    assert verdict(replace(READ, sites=(site,))) == expected


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ((TOKEN,), "passes"),
        ((), "token-missing"),
        (("",), "token-missing"),
        ((TOKEN.upper(),), "token-wrong"),
        ((TOKEN[:-1],), "token-wrong"),
        ((TOKEN + " ",), "token-wrong"),
        (("\udce4\xff",), "token-wrong"),
        ((TOKEN, TOKEN), "header-repeated"),
    ],
)
def test_nothing_changes_without_the_token(tokens: tuple[str, ...], expected: str) -> None:
    """The token of this process, whole, once, and with no regard for what bytes are sent in its place."""
    assert verdict(replace(POST, tokens=tokens)) == expected


def test_reading_needs_no_token() -> None:
    """What only reads is kept from other sites by the rules above."""
    assert verdict(READ) == "passes"


@pytest.mark.parametrize("header", ["hosts", "origins", "sites", "types", "tokens"])
def test_a_header_sent_twice_is_refused(header: str) -> None:
    """Two values that are the same are refused too: proxies and servers differ in which they take."""
    twice: dict[str, Any] = {header: getattr(POST, header) * 2}
    assert verdict(replace(POST, **twice)) == "header-repeated"


def test_names_are_read_in_one_way() -> None:
    """The same address, written differently, is the same; what has a path or a user in it is none."""
    assert read_authority("[0:0:0::0:1]:80") == read_authority("[::1]:80")
    assert str(read_authority("[::1]:80")) == "[::1]:80"
    assert read_name("::1") == read_authority("[::1]")
    assert read_authority("a..b") is None
    assert read_origin("http://user@host") is None
    assert read_origin("ftp://host") is None


def test_a_name_of_listen_and_of_the_machine_is_known() -> None:
    """`--listen` may name a host; the machine's own name counts only where others can reach it at all."""
    own = read_name(socket.gethostname())
    assert own is not None
    assert own.name not in open_door(TOKEN, ["127.0.0.1", "::1"], []).names
    assert {own.name, "comfy.lan"} <= open_door(TOKEN, ["comfy.lan"], []).names
    assert own.name in open_door(TOKEN, ["0.0.0.0", "::"], []).names
    assert "a.example" in open_door(TOKEN, [], ["a.example:8443"]).names


@pytest.mark.parametrize("listen", ["127.0.0.1", "localhost", "192.168.1.5", "0.0.0.0"])
def test_what_we_listen_on_is_no_origin(listen: str) -> None:
    """A page of the same address on port 80 is another program's."""
    door = open_door(TOKEN, [listen], [])
    host, origin = f"{listen}:8188", f"http://{listen}"
    assert verdict(replace(POST, hosts=(host,), origins=(origin,)), door) == "foreign-origin"


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (("application/zip",), "passes"),
        (("Application/ZIP ",), "passes"),
        (("application/octet-stream",), "passes"),
        ((), "media-type-not-taken"),
        (("application/json",), "media-type-not-taken"),
        (("text/plain",), "media-type-not-taken"),
        (("text/plain; application/zip",), "media-type-not-taken"),
        (("multipart/form-data; boundary=application/zip",), "media-type-not-taken"),
        (("application/zip", "application/zip"), "header-repeated"),
    ],
)
def test_a_route_of_archives_takes_them_alone(types: tuple[str, ...], expected: str) -> None:
    """Everything else about the caller is judged as ever."""
    takes = ("application/zip", "application/octet-stream")
    refusal = judge(replace(POST, types=types), DOOR, takes)
    assert (refusal.code if refusal else "passes") == expected
    untold = judge(replace(POST, types=types, tokens=()), DOOR, takes)
    assert (untold.code if untold else "") == ("token-missing" if expected == "passes" else expected)
