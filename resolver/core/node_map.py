"""ComfyUI-Manager's knowledge of which pack brings which node types. Pure.

`extension-node-map.json` is `{address: [[types], {title_aux, nodename_pattern?, preemptions?}]}`, and
`custom-node-list.json` is `{"custom_nodes": [{title, reference, files, ...}]}` (Manager 4.3). Both are
written by many hands, so anything in them may be of another kind than it should be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import Hint
from .node_patterns import NodePattern, node_pattern
from .types import Finding

LISTED, PREEMPTED, PATTERN, LIKENESS = "listed", "preempted", "pattern", "likeness"
"""How a pack is known to bring a type: by name; by name, and the type is its own though others have it too; by how its
name begins or ends; by something in its name, which is no more than a guess."""

_ADDRESS = re.compile(r"https://[A-Za-z0-9.\-]+(?::\d+)?/[A-Za-z0-9._~%/+\-]+")
_CORE = re.compile(r"https://github\.com/(?:comfyanonymous|comfy-org)/ComfyUI/?", re.IGNORECASE)
_LONGEST = 300
_MOST_PATTERNS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedPack:
    """A pack Manager knows."""

    url: str
    """Its repository, or the address of its single file."""
    title: str = ""

    @property
    def is_core(self) -> bool:
        """Whether it is ComfyUI itself."""
        return _CORE.fullmatch(self.url) is not None

    @property
    def is_file(self) -> bool:
        """Whether it is a single file or an archive, which no git can fetch."""
        return self.url.lower().endswith((".py", ".zip"))


@dataclass(frozen=True, slots=True)
class NodeMap:
    """Everything that was read."""

    packs: Mapping[str, MappedPack] = field(default_factory=dict)
    """By address."""
    by_type: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """{node type: addresses}."""
    preempted: Mapping[str, Sequence[str]] = field(default_factory=dict)
    patterns: Sequence[tuple[NodePattern, str]] = ()
    findings: tuple[Finding, ...] = ()
    listed: frozenset[str] = frozenset()
    """Addresses of packs in Manager's list, of whose nodes it may know nothing."""

    def knows(self, url: str) -> bool:
        """Whether Manager knows a pack at that address."""
        return _plain(url) in self.packs or _plain(url) in self.listed

    def packs_of(self, name: str) -> tuple[tuple[MappedPack, str], ...]:
        """The packs that bring a node type, each with how that is known; only the surest kind of knowledge.

        As in Manager: ComfyUI itself, else who preempts a type, else who lists it, else whose pattern fits.
        """
        for how, addresses in ((PREEMPTED, self.preempted.get(name)), (LISTED, self.by_type.get(name))):
            if addresses:
                packs = [self.packs[each] for each in addresses]
                return tuple((each, how) for each in ([each for each in packs if each.is_core] or packs))
        fitting = [(pattern.anchored, address) for pattern, address in self.patterns if pattern.fits(name)]
        sure = any(anchored for anchored, _ in fitting)
        found = dict.fromkeys(address for anchored, address in fitting if anchored == sure)
        return tuple((self.packs[each], PATTERN if sure else LIKENESS) for each in found)


def parse_node_map(maps: Sequence[tuple[str, bytes]], lists: Sequence[tuple[str, bytes]]) -> NodeMap:
    """The maps and lists of these (place, content), best first: where two know a pack, the first counts.

    What cannot be read is a finding `node-map-unreadable`, and the rest goes on. Raises nothing.
    """
    findings: list[Finding] = []
    titles = {_plain(address): title for address, title in _titles(lists, findings)}
    packs: dict[str, MappedPack] = {}
    by_type: dict[str, list[str]] = {}
    preempted: dict[str, list[str]] = {}
    patterns: list[tuple[NodePattern, str]] = []
    for address, types, more in _entries(maps, findings):
        plain = _plain(address)
        if plain in packs:
            continue
        title = titles.get(plain) or _text(more.get("title_aux"))
        packs[plain] = MappedPack(url=address, title=title)
        for name in types:
            by_type.setdefault(name, []).append(plain)
        for name in _names(more.get("preemptions")):
            preempted.setdefault(name, []).append(plain)
        if "nodename_pattern" in more and len(patterns) < _MOST_PATTERNS:
            pattern = node_pattern(_text(more["nodename_pattern"]))
            if pattern is not None:
                patterns.append((pattern, plain))
            else:
                findings.append(_unsafe(address))
    return NodeMap(packs, by_type, preempted, tuple(patterns), tuple(findings), frozenset(titles))


def _entries(
    maps: Sequence[tuple[str, bytes]], findings: list[Finding]
) -> Iterator[tuple[str, tuple[str, ...], Mapping[str, object]]]:
    for place, raw in maps:
        value = _decoded(place, raw, findings)
        for address, entry in value.items():
            if not _is_address(address) or not isinstance(entry, list) or not entry:
                continue
            more = entry[1] if len(entry) > 1 and isinstance(entry[1], dict) else {}
            yield address, _names(entry[0]), more


def _titles(lists: Sequence[tuple[str, bytes]], findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """(address, title). A row's `id` is a name of Manager's own: `kjnodes` is `comfyui-kjnodes` in the Registry."""
    for place, raw in lists:
        rows = _decoded(place, raw, findings).get("custom_nodes")
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict):
                for address in (*_names(row.get("files")), _text(row.get("reference"))):
                    yield address, _text(row.get("title"))


def _decoded(place: str, raw: bytes, findings: list[Finding]) -> dict[str, object]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        value, why = None, str(error) or "it is nested too deeply"
    else:
        why = "it is no JSON object"
    if isinstance(value, dict):
        return value
    findings.append(
        Finding(
            code="node-map-unreadable",
            message=f"ComfyUI-Manager's {place} cannot be read: {why}. What it knows is left out.",
            file=place,
            hints=(Hint("renew-the-map", "Let ComfyUI-Manager fetch its lists again."),),
        )
    )
    return {}


def _unsafe(address: str) -> Finding:
    return Finding(
        code="node-pattern-unsafe",
        message=f"ComfyUI-Manager's map names nodes of {address} by a pattern that may take for ever; it is left out.",
        text=address,
    )


def _plain(address: str) -> str:
    return address.rstrip("/").removesuffix(".git").lower()


def _is_address(text: str) -> bool:
    return len(text) <= _LONGEST and _ADDRESS.fullmatch(text) is not None


def _names(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_text, value))) if isinstance(value, list) else ()


def _text(value: object) -> str:
    """The text, fit to be written anywhere; empty for anything else and for what is longer than a name."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return ""
    return value.encode("utf-8", "replace").decode("utf-8")
