"""Frozen dataclasses as plain JSON values and back, strictly."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import TypeVar, cast

_Value = TypeVar("_Value")


class PlainError(ValueError):
    """A plain value that is not the one expected; the message names the place, such as `packs[2].commit`."""


def to_plain(value: object) -> object:
    """The value as dicts, lists, strings, numbers, booleans and None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(each) for each in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} has no plain form")


def from_plain(kind: type[_Value], value: object, where: str = "") -> _Value:
    """The dataclass `kind` that `to_plain` made the value of.

    Fields may be strings, integers, booleans, `X | None`, `tuple[X, ...]`, `Mapping[str, str]` and other
    such dataclasses. A missing field takes its default. Raises PlainError for anything unknown or of
    another type: the value may come from a file that somebody sent.
    """
    if not isinstance(value, dict):
        raise PlainError(f"{where or 'the value'} should be an object")
    known = _fields_of(cast("typing.Any", kind))
    if not value.keys() <= known.keys():
        unknown = sorted(str(key) for key in value if key not in known)
        raise PlainError(f"{where or 'the value'} has an unknown field {unknown[0]!r}")
    given = {}
    for name, (hint, required) in known.items():
        if name in value:
            found = value[name]
            # Most fields are plain strings, and a list of snapshots has some hundred thousand of them.
            if type(found) is hint:
                given[name] = found
            else:
                given[name] = _read(hint, found, f"{where}.{name}" if where else name)
        elif required:
            raise PlainError(f"{where}.{name} is missing" if where else f"{name} is missing")
    return kind(**given)


@functools.cache
def _fields_of(kind: typing.Hashable) -> dict[str, tuple[typing.Any, bool]]:
    """{field: (its type, whether it must be given)}."""
    hints = typing.get_type_hints(kind)
    return {
        field.name: (hints[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(cast("typing.Any", kind))
    }


def _read(hint: object, value: object, where: str) -> object:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        (hint,) = (each for each in arguments if each is not type(None))
        return _read(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise PlainError(f"{where} should be a list")
        return tuple(_read(arguments[0], each, f"{where}[{index}]") for index, each in enumerate(value))
    if origin is not None:
        if not isinstance(value, dict):
            raise PlainError(f"{where} should be an object")
        return {str(key): _read(arguments[1], each, f"{where}.{key}") for key, each in value.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return from_plain(hint, value, where)
    # `type(...) is`, because True is an int as well.
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise PlainError(f"{where} should be {getattr(hint, '__name__', hint)}, not {type(value).__name__}")
