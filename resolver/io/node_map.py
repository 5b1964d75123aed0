"""ComfyUI-Manager's lists of packs and their node types, found where its versions keep them, and read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core.node_map import NodeMap, parse_node_map
from ..transaction.fs import read_regular

_MAP, _LIST = "extension-node-map.json", "custom-node-list.json"
_LARGEST = 32 * 1024 * 1024
"""Bytes of a list that is read; those of Manager 4.3 have 2 MB."""
_MOST_FILES = 8
_CACHES = (("__manager", "cache"), ("default", "ComfyUI-Manager", "cache"))
"""Below the user folder: of Manager since 3.38, and before."""


def read_node_map(sites: Sequence[str], custom_nodes: Sequence[Path], users: Sequence[Path]) -> NodeMap:
    """What Manager knows, the newest of its files first; an empty map without Manager. Blocks; raises nothing.

    It lies in a package `comfyui_manager` (4.x) in one of `sites` or in a folder of custom_nodes (3.x); what it
    fetched since lies in its cache below one of the `users` folders, or (old versions) in its own.
    """
    homes = [Path(site) / "comfyui_manager" for site in sites]
    homes += [each for folder in custom_nodes for each in _listed(folder) if _is_manager(each)]
    caches = [user.joinpath(*parts) for user in users for parts in _CACHES]
    folders = [*caches, *(home / ".cache" for home in homes), *homes]
    return parse_node_map(*([*_contents(folders, name)] for name in (_MAP, _LIST)))


def _is_manager(folder: Path) -> bool:
    return "comfyui-manager" in folder.name.lower() and not folder.name.endswith(".disabled")


def _contents(folders: Sequence[Path], name: str) -> Iterator[tuple[str, bytes]]:
    # In the cache the name begins with a number made of the address: `1514988643_custom-node-list.json`.
    found = [
        each
        for folder in folders
        for each in _listed(folder)
        if each.name == name or each.name.endswith(f"_{name}")
    ]
    for path in sorted(found, key=_age)[:_MOST_FILES]:
        try:
            yield name, read_regular(path, _LARGEST)
        except OSError:
            continue


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0


def _listed(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError:
        return []
