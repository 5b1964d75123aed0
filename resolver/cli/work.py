"""What a command works with, and what it hands back."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engine.session import Session
from ..wiring import LiveSite, open_site, session_on
from .console import Console
from .progress import TerminalReporter
from .signals import CalmDown


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command hands back: the JSON document, and the exit code."""

    document: Mapping[str, object]
    code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The ComfyUI a command is about."""

    console: Console
    site: LiveSite
    session: Session
    calm_down: CalmDown
    """To be called once a change is committed: from then on an interrupt must not look like a failure."""


def open_work(
    console: Console,
    reporter: TerminalReporter,
    cancel: threading.Event,
    calm_down: CalmDown,
    comfyui: Path,
    *,
    python: Path | None,
    state: Path | None,
    refresh: bool,
    custom_nodes: Sequence[Path] | None = None,
) -> Work:
    """The ComfyUI, opened. Starts its interpreter once; writes nothing."""
    site = open_site(comfyui, python=python, state=state, custom_nodes=custom_nodes, refresh=refresh)
    return Work(console=console, site=site, session=session_on(site, reporter, cancel), calm_down=calm_down)
