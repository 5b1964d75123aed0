"""What a server answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """Its status, and its JSON; None for an error without any."""

    status: int
    value: object
