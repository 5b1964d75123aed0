"""Versions of packs and of ComfyUI, which are numbers, commits or nothing."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version


def is_older(installed: str, wanted: str) -> bool:
    """Whether the one is a lower version than the other; False where either is none, such as a commit."""
    try:
        return Version(installed) < Version(wanted)
    except InvalidVersion:
        return False
