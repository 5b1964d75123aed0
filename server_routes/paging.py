"""A part of a list, and which part of how much it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from . import wire

T = TypeVar("T")


def part_of(found: Sequence[T], page: wire.Page) -> tuple[Sequence[T], wire.Pagination]:
    """The entries of that page, and where it stands."""
    end = page.offset + page.limit
    return found[page.offset : end], wire.Pagination(
        total=len(found), limit=page.limit, offset=page.offset, has_more=end < len(found)
    )
