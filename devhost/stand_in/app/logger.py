"""The kept log (app/logger.py of 0.8.0)."""

from __future__ import annotations

from ...logs import KEPT, on_flush

__all__ = ["get_logs", "on_flush"]


def get_logs() -> object:
    """The newest entries, `{"t": time, "m": text}` each."""
    return KEPT
