"""What keeping a change waiting needs from the outside world; part of `ports.Site`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Defers(Protocol):
    """Tells what a waiting change stands on. Reads only; everything blocks."""

    @property
    def requirements_file(self) -> str:
        """ComfyUI's own requirements.txt, absolute."""

    def flawed_places(self, versions: Mapping[str, str]) -> tuple[str, ...]:
        """Live paths of files of these {name: version} that need not be what their published RECORD says."""
