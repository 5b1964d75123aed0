"""Nodes of the third kind (`comfy_entrypoint`): enough to be declared and listed, not to be run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


class ComfyExtension:
    """What `comfy_entrypoint` returns."""

    async def on_load(self) -> None:
        """Called by newer hosts before the nodes are asked for."""

    async def get_node_list(self) -> list[type]:
        """The node classes."""
        return []


@dataclass(slots=True, kw_only=True)
class _Schema:
    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    description: str = ""
    is_output_node: bool = False


class _ComfyNode:
    """Base class of nodes."""

    RELATIVE_PYTHON_MODULE: ClassVar[str] = "nodes"

    @classmethod
    def define_schema(cls) -> _Schema:
        """What the node is; each node says it."""
        raise NotImplementedError

    @classmethod
    def GET_SCHEMA(cls) -> _Schema:  # noqa: N802  ComfyUI's name
        """The schema."""
        return cls.define_schema()

    @classmethod
    def GET_NODE_INFO_V1(cls) -> dict[str, Any]:  # noqa: N802  ComfyUI's name
        """What /object_info shows."""
        schema = cls.GET_SCHEMA()
        return {
            "input": {"required": {}},
            "input_order": {"required": []},
            "output": [],
            "output_is_list": [],
            "output_name": [],
            "name": schema.node_id,
            "display_name": schema.display_name or schema.node_id,
            "description": schema.description,
            "python_module": cls.RELATIVE_PYTHON_MODULE,
            "category": schema.category,
            "output_node": schema.is_output_node,
        }


class io:  # noqa: N801  packs write `io.ComfyNode`
    """Names packs take from `comfy_api.latest.io`."""

    Schema = _Schema
    ComfyNode = _ComfyNode
