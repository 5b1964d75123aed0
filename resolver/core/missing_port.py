"""What the search for missing packs needs to know of what is installed; `io.node_sight` tells it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from .node_map import NodeMap
from .pack_origin import PackOrigin
from .types import Pack


class ListsPacks(Protocol):
    """Tells of installed packs. Blocks."""

    def every_pack(self) -> tuple[Pack, ...]:
        """The enabled packs and the disabled ones."""

    def origin_of(self, pack: Pack) -> PackOrigin:
        """Where it came from, read off its files."""


class KnowsNodes(Protocol):
    """Looks at files; runs nothing. Everything blocks, and nothing is raised for what cannot be read."""

    @property
    def comfyui_version(self) -> str:
        """As ComfyUI's files state it; empty where they do not."""

    @property
    def github(self) -> str:
        """Where repositories of GitHub are fetched from: itself, or the mirror that the user has set."""

    def core_types(self) -> frozenset[str]:
        """The node types ComfyUI's own files declare, as far as that can be seen."""

    def types_of(self, pack: Pack) -> frozenset[str]:
        """The node types a pack's files declare, as far as that can be seen."""

    def drawn_by(self, pack: Pack, names: Collection[str]) -> frozenset[str]:
        """Those of the names that the pack's scripts for the page mention: nodes only the front end knows."""

    def node_map(self) -> NodeMap:
        """What ComfyUI-Manager knows; empty where it is not there."""
