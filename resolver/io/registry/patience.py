"""How long the Registry is waited for, and how much of an answer is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Limits of one conversation. Seconds and bytes."""

    tries: int = 4
    """Of one question, when a server is busy, fails or does not answer."""
    first_pause: float = 0.5
    """Before the second try; twice as long before each further one, less up to a half by chance."""
    longest_pause: float = 20.0
    """A server that asks for a longer one (Retry-After) is not asked again."""
    connect_seconds: float = 15.0
    silent_seconds: float = 20.0
    """Without a single byte."""
    answer_seconds: float = 60.0
    """One answer in all, however it drips."""
    page_pause: float = 0.3
    """Between two pages of one list."""
    most_pages: int = 50
    largest_answer: int = 16 * 1024 * 1024
    largest_archive: int = 1024 * 1024 * 1024
    slow_seconds: float = 60.0
    slow_bytes: int = 60 * 1024
    """A download that brings fewer bytes in `slow_seconds` is given up."""
