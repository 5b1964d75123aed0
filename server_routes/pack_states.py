"""Whether the running ComfyUI has loaded a pack as it lies there now, and if not, why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..resolver.core.types import Pack
from ..resolver.engine.pack_past import PackPast
from ..resolver.errors import redact
from . import wire
from .host import Host

_UNSAID = "ComfyUI did not load it; ComfyUI's log has the reason."
_UNHEARD = "ComfyUI passed it over without a word."


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told of one pack beside what lies on the disk."""

    loaded: bool
    """Whether the process has loaded a pack from that place, this version of it or another."""
    state: wire.PackState
    failure: wire.PackFailure | None = None


class PackStates:
    """What the host has loaded, asked once for many packs. Blocks for some links to be followed."""

    def __init__(self, host: Host, past: PackPast) -> None:
        self._past = past
        self._since = host.packs_loaded_at
        # Packs are found below folders without links; ComfyUI names them as its settings do.
        self._loaded = {os.path.realpath(folder) for folder in host.loaded_packs.values()}
        self._files = {_place(name) for name in host.loaded_packs if Path(name).is_absolute()}
        kept = host.import_failures
        self._heard = kept is not None
        self._failures = {_place(path): said for path, said in (kept or {}).items()}

    def of(self, pack: Pack) -> Told:
        """How that pack stands."""
        if pack.disabled:
            return Told(loaded=False, state="disabled")
        loaded = self._has_loaded(pack)
        if self._past.changed_since(pack.name, self._since):
            return Told(loaded=loaded, state="not-loaded")
        said = self._failures.get(_place(pack.path))
        if said is not None:
            message, lines = said
            log = [redact(line) for line in lines]
            return Told(
                loaded=loaded, state="failed", failure=wire.PackFailure(message=redact(message), log=log)
            )
        if loaded:
            return Told(loaded=True, state="loaded")
        if _came_after(pack.path, self._since):
            return Told(loaded=False, state="not-loaded")
        message = _UNHEARD if self._heard else _UNSAID
        return Told(loaded=False, state="failed", failure=wire.PackFailure(message=message, log=[]))

    def _has_loaded(self, pack: Pack) -> bool:
        if pack.is_file:
            return _place(pack.path.removesuffix(".py")) in self._files
        return os.path.realpath(pack.path) in self._loaded


def _place(path: str) -> tuple[str, str]:
    """A path as (folder without links, name), for comparing: the name itself may be a link, and stays."""
    folder, name = os.path.split(path)
    return os.path.realpath(folder), name


def _came_after(path: str, moment: float) -> bool:
    """Whether a folder came, or got other names in it, after that moment; a copy may keep older times inside."""
    try:
        found = Path(path).lstat()
    except OSError:
        return False
    return max(found.st_ctime, found.st_mtime) > moment
