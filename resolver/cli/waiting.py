"""Waiting, when the user said so, until whoever is at work has finished. Standard library only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from ..engine import patience
from .console import Console, plain

T = TypeVar("T")


def until_free(console: Console, seconds: float, cancel: threading.Event, act: Callable[[], T]) -> T:
    """As `engine.patience.until_free`; says on stderr who is being waited for."""
    return patience.until_free(seconds, cancel, act, lambda text: console.note(plain(text)))
