"""What the search for missing packs needs to know of what is installed; `io.node_sight` tells it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from .node_map import NodeMap
from .types import Pack


class KnowsNodes(Protocol):
    """Looks at files; runs nothing. Everything blocks, and nothing is raised for what cannot be read."""

    @property
    def comfyui_version(self) -> str:
        """As ComfyUI's files state it; empty where they do not."""

    def core_types(self) -> frozenset[str]:
        """The node types ComfyUI's own files declare, as far as that can be seen."""

    def types_of(self, pack: Pack) -> frozenset[str]:
        """The node types a pack's files declare, as far as that can be seen."""

    def drawn_by(self, pack: Pack, names: Collection[str]) -> frozenset[str]:
        """Those of the names that the pack's scripts for the page mention: nodes only the front end knows."""

    def node_map(self) -> NodeMap:
        """What ComfyUI-Manager knows; empty where it is not there."""
