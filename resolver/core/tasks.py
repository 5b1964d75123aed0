"""What a user wants done with packs, one task each; several together are one transaction. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TaskKind(str, Enum):
    """The kinds of ComfyUI-Manager's queue that concern packs."""

    INSTALL = "install"
    UNINSTALL = "uninstall"
    UPDATE = "update"
    FIX = "fix"
    """Its requirements, met anew; its files stay."""
    ENABLE = "enable"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to be done with one pack."""

    kind: TaskKind
    subject: str
    """A source as `core.sources.parse_source` takes it (install); else the pack: its folder's name, its Registry
    id, or its repository's address."""
    version: str = ""
    """For update and enable: the version or commit wanted; empty for the newest, or the one that is there."""
