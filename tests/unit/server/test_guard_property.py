"""Laws of the guard that hold for every combination of headers, sensible or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from comfyui_safe_install.server_routes.authority import read_authority, read_origin
from comfyui_safe_install.server_routes.guard import CHANGING, READING, Facts, judge, open_door

TOKEN = "the-token-of-this-process"
DOOR = open_door(TOKEN, ["127.0.0.1"], ["comfy.example", "a.example:8443"])

# Mostly what could be meant well, or nearly, so that each rule is reached; and any text at all.
_NAME = st.sampled_from(
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "[::1]",
        "192.168.1.5",
        "comfy.example",
        "a.example",
        "b.example",
        "",
    ]
)
_PORT = st.sampled_from(["", ":80", ":443", ":8188", ":8443", ":0", ":x"])
_HOST = st.builds("{}{}".format, _NAME, _PORT)
_ORIGIN = st.one_of(
    st.builds("{}://{}".format, st.sampled_from(["http", "https", "HTTP", "file", "null"]), _HOST),
    st.sampled_from(["null", "", "http://", "http://127.0.0.1:8188/", "http://u@127.0.0.1:8188"]),
)
_TYPE = st.sampled_from(
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "text/plain",
        "",
        "application/xml",
    ]
)
_SITE = st.sampled_from(["same-origin", "none", "same-site", "cross-site", "NONE", ""])
_TOKEN = st.sampled_from([TOKEN, TOKEN.upper(), TOKEN[:-1], "", "other"])


def _sent(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """What a header holds: absent, once, twice; sometimes any text."""
    return st.lists(st.one_of(values, values, values, st.text(max_size=20)), max_size=2).map(tuple)


_FACTS = st.builds(
    Facts,
    method=st.sampled_from([*sorted(READING | CHANGING), "PUT", "OPTIONS", "post", ""]),
    secure=st.booleans(),
    hosts=_sent(_HOST),
    origins=_sent(_ORIGIN),
    sites=_sent(_SITE),
    types=_sent(_TYPE),
    tokens=_sent(_TOKEN),
)
_PASSING = st.builds(
    Facts,
    method=st.sampled_from(sorted(CHANGING)),
    hosts=st.sampled_from([("127.0.0.1:8188",), ("comfy.example",)]),
    sites=st.sampled_from([(), ("same-origin",), ("none",)]),
    types=st.just(("application/json",)),
    tokens=st.just((TOKEN,)),
)


@given(_FACTS)
def test_nothing_changes_without_everything(facts: Facts) -> None:
    """What passes and changes anything has the token, JSON, a known host, and no foreign page behind it."""
    if judge(facts, DOOR) is not None:
        return
    assert facts.method in READING | CHANGING
    (host,) = map(read_authority, facts.hosts)
    assert host is not None
    assert host.is_address or host.is_loopback or host.name in {"comfy.example", "a.example"}
    assert {site.strip().lower() for site in facts.sites} <= {"same-origin", "none"}
    for origin in map(read_origin, facts.origins):
        assert origin is not None
        assert origin.place == host.at(origin.scheme) or origin.place in {
            ("comfy.example", 80 if origin.scheme == "http" else 443),
            ("a.example", 8443),
        }
        assert not (facts.secure and origin.scheme == "http")
    if facts.method in CHANGING:
        assert facts.tokens == (TOKEN,)
        assert [kind.strip().lower().partition(";")[0].strip() for kind in facts.types] == [
            "application/json"
        ]


@given(_FACTS, st.text())
def test_no_token_but_the_right_one_opens(facts: Facts, guess: str) -> None:
    """Whatever else is sent, another token never lets a change through, nor does none."""
    for tokens in ((), (guess,), (guess, TOKEN), (TOKEN, guess)):
        if tokens != (TOKEN,) and facts.method in CHANGING:
            assert judge(replace(facts, tokens=tokens), DOOR) is not None


@given(_FACTS)
def test_case_does_not_matter(facts: Facts) -> None:
    """Hosts, origins, sites and types mean the same in capitals; only the token does not."""
    capitals: dict[str, Any] = {
        name: tuple(_ascii_upper(each) for each in getattr(facts, name))
        for name in ("hosts", "origins", "sites", "types")
    }
    shouted = replace(facts, **capitals)
    assert _code(shouted) == _code(facts)


@given(_PASSING, st.sampled_from(["hosts", "origins", "sites", "types", "tokens"]), st.data())
def test_saying_more_never_opens_further(facts: Facts, header: str, data: st.DataObject) -> None:
    """A header sent once more turns nothing refused into something that passes, and twice is refused."""
    more = data.draw(st.text(max_size=10))
    sent: dict[str, Any] = {header: (*getattr(facts, header), more)}
    changed = replace(facts, **sent)
    if len(sent[header]) > 1:
        assert _code(changed) == "header-repeated"


@given(_FACTS)
def test_what_may_change_may_also_be_read(facts: Facts) -> None:
    """The rules for reading are part of those for changing."""
    if facts.method in CHANGING and judge(facts, DOOR) is None:
        assert judge(replace(facts, method="GET"), DOOR) is None


@given(st.text())
def test_whatever_is_read_as_a_name_reads_the_same_again(text: str) -> None:
    """Reading never raises, and what it gives is written in one way."""
    authority = read_authority(text)
    if authority is not None:
        assert read_authority(str(authority)) == authority


def _code(facts: Facts) -> str:
    refusal = judge(facts, DOOR)
    return refusal.code if refusal else "passes"


def _ascii_upper(text: str) -> str:
    return "".join(char.upper() if char.isascii() else char for char in text)
