"""What noticing changes of others needs from the outside world; part of `ports.Site`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from .blame import Clues
from .drift import Watched
from .drift_files import EditedFile
from .drift_items import DriftItem
from .ownership import Holding
from .types import Environment


class Watches(Protocol):
    """Looks for what others did. Reads only; everything blocks."""

    def watched(self) -> Watched:
        """Where changes of others are looked for."""

    def edited_files(
        self,
        holdings: Sequence[Holding],
        folders: Collection[str],
        *,
        skipped: Collection[str] = (),
        unhashed: Collection[str] = (),
    ) -> tuple[EditedFile, ...]:
        """The files right in those folders that are not what their RECORD says."""

    def clues(self, environment: Environment, items: Sequence[DriftItem], since: str) -> Clues:
        """What tools left behind since then, about these changes of others."""
