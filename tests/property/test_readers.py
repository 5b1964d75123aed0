"""No reader is surprised by anything: it gives a value or an error of ours, whatever the bytes; see tests/fuzz."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comfyui_safe_install.tests.fuzz.seeds import SEEDS
from comfyui_safe_install.tests.fuzz.targets import TARGETS, clear

_PIECES = st.sampled_from(
    [
        *(
            b"\0",
            b"\n",
            b"\r",
            b"\\\n",
            b"\xff",
            b"\xe2\x80\xa8",
            b"\xef\xbb\xbf",
            b"\xed\xa0\x80",
            b"\\ud800",
        ),
        *(
            b'"',
            b"'",
            b"[",
            b"]",
            b"{",
            b"}",
            b"(",
            b")",
            b",",
            b";",
            b"@",
            b"=",
            b"-",
            b"--",
            b"..",
            b"/",
            b"::",
        ),
        *(
            b"%0a",
            b"${HOME}",
            b"://",
            b"\x1b[31m",
            b"0" * 40,
            b"9" * 5000,
            b"1e999",
            b"null",
            b"true",
            b"-1",
            b"NaN",
        ),
        b"PK\x01\x02",
    ]
)


@pytest.fixture(scope="module", autouse=True)
def _clean_up() -> Iterator[None]:
    yield
    clear()


@st.composite
def _mutated(draw: st.DrawFn, target: str) -> bytes:
    """A seed of the target with pieces put in, taken out, doubled and swapped; sometimes mere bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    raw = draw(st.sampled_from(SEEDS[target]))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(raw)))
        length = draw(st.integers(0, 12))
        piece = draw(st.one_of(_PIECES, st.binary(max_size=4)))
        match draw(st.integers(0, 3)):
            case 0:
                raw = raw[:place] + piece + raw[place:]
            case 1:
                raw = raw[:place] + piece + raw[place + length :]
            case 2:
                raw = raw[: place + length] + raw[place:]
            case _:
                raw = raw[:place] + raw[place + length :]
    return raw


@pytest.mark.parametrize("target", TARGETS)
def test_a_reader_gives_a_value_or_our_own_error(target: str) -> None:
    """Never another exception."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(raw=_mutated(target))
    def check(raw: bytes) -> None:
        TARGETS[target](raw)

    check()


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
_OF_JSON = (
    *("snapshot", "payload", "steps", "owner", "remembered", "journal_bodies", "workflow", "node_map"),
)


@pytest.mark.parametrize("target", _OF_JSON)
def test_a_field_of_another_type_is_no_surprise(target: str) -> None:
    """Every field of every object in turn: something of any type, or nothing."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        seeds = [seed for seed in SEEDS[target] if seed.startswith((b"{", b"["))]
        lines = data.draw(st.sampled_from(seeds)).splitlines()
        number = data.draw(st.integers(0, len(lines) - 1))
        value = json.loads(lines[number])
        here = value
        while True:
            keys = list(here) if isinstance(here, dict) else range(len(here))
            if not keys:
                break
            key = data.draw(st.sampled_from(list(keys)))
            if isinstance(here[key], (dict, list)) and here[key] and data.draw(st.booleans()):
                here = here[key]
                continue
            if isinstance(here, dict) and data.draw(st.booleans()):
                del here[key]
            else:
                here[key] = data.draw(_JSON)
            break
        lines[number] = json.dumps(value).encode()
        TARGETS[target](b"\n".join(lines))

    check()


_LONG: dict[str, tuple[bytes, ...]] = {
    "requirements": (
        b"a==1\n",
        b"#",
        b" ",
        b"\\\n",
        b"a @ https://example.org/",
        b"-r a.txt\n",
        b"[",
        b"a;(",
        b"a,",
        b"<",
        b"=1",
    ),
    "pyproject": (b"a.", b"[", b"[[a]]\n", b"a=[", b'"', b"'''", b"{a=", b"\n", b"[a.b]\n", b"#"),
    "poetry": (b"^1.", b">=1,", b"1.", b"||", b" "),
    "record": (b"a,", b"a/../", b'"', b"../", b"a,,\n"),
    "metadata": (b"Name: a\n", b"Requires-Dist: a ; (", b"\n ", b"[", b'{"a":', b"1."),
    "journal": (b"[", b"{}\n", b"\n", b"9"),
    "snapshot": (b"[", b'{"a":', b"9", b'"'),
    "steps": (b"[", b'{"a":', b"9"),
    "payload": (b"[", b'{"a":'),
    "owner": (b"[", b"9"),
    "source": (b"git+", b"@", b"https://", b"a/", b"::", b"%", b"[", b".git"),
    "git_folder": (b"[", b"ref: ", b'[remote "', b"\\", b"0 refs\n", b"\n"),
    "uv_words": (
        b"failed to fetch ",
        b"(",
        b"only a ",
        b"wheel filename ",
        b" building source distributions ",
    ),
    "uv_solution": (b"# via\n", b"a==1\n", b"a[", b"    #"),
    "uv_lines": (b"a\0", b" ", b"\\"),
    "extra_paths": (b"[", b"a: &a\n", b"- ", b"{", b"? ", b"&a [*a,"),
    "rules": (b"[a]\n", b"[", b"a.b=1\n"),
    "workflow": (b"[", b'{"nodes":[', b'{"a":', b"\x89PNG\r\n\x1a\n\0\0\0\0tEXt\0\0\0\0", b"9"),
    "node_map": (b"[", b'{"a":', b"9"),
    "node_source": (
        b"NODE_CLASS_MAPPINGS={'a':",
        b"NODE_CLASS_MAPPINGS=-",
        b"node_id+",
        b"NODE_CLASS_MAPPINGS=a\n",
        b"(",
    ),
}
"""What to repeat: each has been the ruin of some parser."""


@pytest.mark.parametrize("target", _LONG)
def test_no_reader_takes_more_time_than_its_input_is_worth(target: str) -> None:
    """Fifty kilobytes of each kind of repetition: no recursion, and twice the input is not four times the work.

    Only where it takes long at all: short times tell nothing on a busy machine.
    """
    for piece in _LONG[target]:
        took = []
        for size in (25_000, 50_000):
            began = time.process_time()
            TARGETS[target](piece * (size // len(piece)))
            took.append(time.process_time() - began)
        assert took[1] < 1.5 or took[1] < 3 * took[0], (target, piece, took)
