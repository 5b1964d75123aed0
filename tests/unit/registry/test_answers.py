"""What the Registry answers is taken as it is meant, or refused; never half."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyui_safe_install.resolver.core.registry_answers import (
    parse_message,
    parse_nodes,
    parse_pack,
    parse_page,
    parse_states,
    parse_version,
    parse_versions,
)
from comfyui_safe_install.resolver.errors import SafeInstallError

READERS: list[Callable[[object], object]] = [
    parse_page,
    parse_pack,
    parse_version,
    parse_states,
    parse_nodes,
    lambda value: parse_versions(value, pack="x"),
]
VERSION = {
    "id": "b7c3",
    "node_id": "flux-tools",
    "version": "1.2.0",
    "status": "NodeVersionStatusFlagged",
    "status_reason": "it talks to strangers",
    "downloadUrl": "https://example.org/flux.zip",
    "dependencies": ["numpy>=2"],
    "createdAt": "2025-01-02T03:04:05Z",
    "deprecated": True,
    "supported_os": ["Windows"],
    "supported_accelerators": None,
    "supported_comfyui_version": ">=0.3",
    "comfy_node_extract_status": "success",
}
PACK = {
    "id": "flux-tools",
    "name": "Flux Tools",
    "publisher": {"id": "kit", "name": "Kit", "members": []},
    "latest_version": {},
    "downloads": 12,
    "rating": 4,
    "status": "NodeStatusActive",
    "tags": None,
    "a field of tomorrow": {"x": [1]},
}


def test_a_whole_answer() -> None:
    """Every field is where the engine looks for it; what is null or unknown does no harm."""
    version = parse_version(VERSION)
    assert (version.pack, version.version, version.status) == ("flux-tools", "1.2.0", "flagged")
    assert version.support.systems == ("Windows",)
    assert version.support.accelerators == ()
    assert version.deprecated
    pack = parse_pack(PACK)
    assert (pack.publisher_name, pack.latest, pack.rating, pack.status) == ("Kit", None, 4.0, "active")
    assert parse_pack({"id": "x"}).status == "active"
    assert parse_pack({**PACK, "latest_version": VERSION | {"dependencies": None}}).latest is not None
    assert parse_pack({"id": "x", "publisher": {"id": "", "name": "Unclaimed"}}).unclaimed


def test_versions_come_newest_first() -> None:
    """By number, not by letter; what is no version comes last."""
    rows = [{"version": each} for each in ("1.9.0", "garbage", "1.10.0", "0.9.9")]
    assert [each.version for each in parse_versions(rows, pack="x")] == [
        "1.10.0",
        "1.9.0",
        "0.9.9",
        "garbage",
    ]
    assert all(each.pack == "x" for each in parse_versions(rows, pack="x"))


def test_states_tell_unknown_from_untold() -> None:
    """A version that is not known is no error; one that could not be told is."""
    identifier = {"node_id": "x", "version": "1.0.0"}
    known, unknown, untold = parse_states(
        {
            "node_versions": [
                {"identifier": identifier, "status": "success", "node_version": {"version": "1.0.0"}},
                {"identifier": identifier, "status": "not_found"},
                {"identifier": identifier, "status": "error", "error_message": "timeout"},
            ]
        }
    )
    assert known.found is not None
    assert known.found.pack == "x"
    assert (unknown.found, unknown.error) == (None, "")
    assert untold.error == "timeout"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {"id": 5},
        {"id": ""},
        {"id": "x", "publisher": "me"},
        {"id": "x", "downloads": "many"},
        {"id": "x", "downloads": True},
        {"id": "x", "rating": 10**400},
        {"id": "x", "tags": [1]},
        {"id": "x", "tags": "a"},
        {"id": "x", "latest_version": {"version": 2}},
        {"id": "x", "latest_version": {"version": "1", "deprecated": "no"}},
        {"id": "x", "tags": ["a"] * 10_001},
    ],
)
def test_a_wrong_type_is_refused(answer: object) -> None:
    """Whatever is of another type than published is no answer."""
    with pytest.raises(SafeInstallError) as error:
        parse_pack(answer)
    assert error.value.code == "registry-answer-invalid"
    assert error.value.hints


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*VERSION, *PACK, "nodes", "node_versions", "identifier", "comfy_nodes"])
            | st.text(),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_no_json_breaks_a_reader(value: object) -> None:
    """A value or `registry-answer-invalid`: nothing else comes out of a reader."""
    for read in READERS:
        try:
            read(value)
        except SafeInstallError as error:
            assert error.code == "registry-answer-invalid"  # noqa: PT017 - both ways out are fine
    assert "\n" not in parse_message(value)
