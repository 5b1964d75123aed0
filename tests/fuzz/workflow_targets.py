"""Targets for the readers of workflows, of ComfyUI-Manager's lists, and of packs' sources; see `targets`."""

from __future__ import annotations

import json

from comfyui_safe_install.resolver.core.node_map import parse_node_map
from comfyui_safe_install.resolver.core.node_mappings import declared_types
from comfyui_safe_install.resolver.core.workflow import read_workflow
from comfyui_safe_install.resolver.errors import SafeInstallError


def workflow(raw: bytes) -> None:
    """A workflow's file, or a picture; every name that comes out can be written and shown."""
    try:
        found = read_workflow(raw)
    except SafeInstallError:
        return
    for used in found.types:
        assert used.name
        for hint in used.hints:
            f"{used.name}{used.also}{hint.cnr_id}{hint.aux_id}{hint.version}".encode()
    json.dumps([finding.to_dict() for finding in (found + found).findings])


def node_map(raw: bytes) -> None:
    """Manager's map and list; what an address or name holds can be written, and every name can be looked up."""
    found = parse_node_map([("map", raw)], [("list", raw)])
    for name in (*found.by_type, *found.preempted, "a" * 300):
        name.encode()
        for pack, _ in found.packs_of(name):
            assert pack.url.startswith("https://")
            assert pack.url.isascii()


def node_source(raw: bytes) -> None:
    """A pack's Python source; nothing of it runs, and every name can be written."""
    for name in declared_types(raw):
        name.encode()
