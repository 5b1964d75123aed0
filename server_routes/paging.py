"""A part of a list, and which part of how much it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from . import wire

T = TypeVar("T")


def part_of(found: Sequence[T], page: wire.Page) -> tuple[Sequence[T], wire.Pagination]:
    """The entries of that page, and where it stands."""
    return found[page.offset : page.offset + page.limit], pagination_of(page, len(found))


def pagination_of(page: wire.Page, total: int) -> wire.Pagination:
    """Where that page stands among so many entries."""
    return wire.Pagination(
        total=total, limit=page.limit, offset=page.offset, has_more=page.offset + page.limit < total
    )
