"""Values as plain JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from comfyui_safe_install.resolver.core.plain import PlainError, from_plain, to_plain


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A part."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Outer:
    """Every kind of field there is."""

    text: str
    number: int = 0
    flag: bool = False
    maybe: bool | None = None
    names: tuple[str, ...] = ()
    inner: Inner = Inner(name="")
    inners: tuple[Inner, ...] = ()
    table: Mapping[str, str] | None = None


FULL = Outer(
    text="t",
    number=3,
    flag=True,
    maybe=False,
    names=("a",),
    inner=Inner(name="i"),
    inners=(Inner(name="j"),),
    table={"k": "v"},
)


def test_there_and_back() -> None:
    """Every field survives."""
    assert from_plain(Outer, to_plain(FULL)) == FULL
    assert from_plain(Outer, {"text": "x"}) == Outer(text="x")
    assert from_plain(Outer, {"text": "x", "maybe": None}).maybe is None


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ([], "the value"),
        ({}, "text is missing"),
        ({"text": 1}, "text should be str"),
        ({"text": "", "number": True}, "number should be int"),
        ({"text": "", "flag": 1}, "flag should be bool"),
        ({"text": "", "names": "abc"}, "names should be a list"),
        ({"text": "", "names": [1]}, r"names\[0\] should be str"),
        ({"text": "", "inner": []}, "inner should be an object"),
        ({"text": "", "inners": [{"name": "a"}, {}]}, r"inners\[1\].name is missing"),
        ({"text": "", "inner": {"name": "", "more": 1}}, "inner has an unknown field 'more'"),
        ({"text": "", "table": []}, "table should be an object"),
        ({"text": "", "table": {"k": 1}}, "table.k should be str"),
        ({"text": "", "extra": 1}, "unknown field 'extra'"),
    ],
)
def test_what_does_not_fit_is_named(value: object, where: str) -> None:
    """With its place, so that a person can find it."""
    with pytest.raises(PlainError, match=where):
        from_plain(Outer, value)


def test_what_has_no_plain_form_is_a_mistake() -> None:
    """Only values go to disk."""
    with pytest.raises(TypeError):
        to_plain({"a": {1, 2}})
