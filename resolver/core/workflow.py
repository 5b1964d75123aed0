"""Which node types a workflow uses, and which packs it says they are from. Pure.

A workflow comes in two formats: what the front end saves (`{"nodes": [...]}`, with subgraphs in `definitions` and
group nodes in `extra`), and what is queued (`{id: {"class_type": ...}}`, "API format"). A picture may hold both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ..errors import Hint, UsageError
from .types import Finding
from .workflow_picture import embedded_texts, is_picture

LARGEST_WORKFLOW = 64 * 1024 * 1024
"""Bytes of a workflow that are read. The largest seen has a few megabytes, most of it pasted pictures."""
LARGEST_PICTURE = 256 * 1024 * 1024
"""Bytes of a picture that a workflow is taken from; an animation may be large."""
CORE_ID = "comfy-core"
"""The `cnr_id` of ComfyUI's own nodes."""

_VIRTUAL = frozenset({"Note", "MarkdownNote", "Reroute", "PrimitiveNode"})
"""Types that the front end draws by itself; no server knows them."""
_GROUP = re.compile(r"workflow[>/]")
"""How the types of group nodes begin (`/` in front ends before 1.3)."""
_SUBGRAPH = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_SAVED_NAME = "Node name for S&R"
"""A node's property that repeats its type, as its pack had it when the node was made."""
_MOST_NODES = 200_000
_MOST_TYPES = 10_000
_MOST_GRAPHS = 10_000
_MOST_HINTS = 8
_LONGEST_NAME = 300
_LONGEST_HINT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PackHint:
    """What a node's properties say of its pack. Words of whoever made the workflow: to be checked, not believed."""

    cnr_id: str = ""
    """Its id in the Registry, or `comfy-core`."""
    aux_id: str = ""
    """`owner/repository` on GitHub, for packs without an id."""
    version: str = ""
    """A version, or a commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedType:
    """One node type of a workflow."""

    name: str
    count: int = 1
    """How many nodes are of it."""
    hints: tuple[PackHint, ...] = ()
    """Each different one, in the order they are met with; at most eight."""
    also: str = ""
    """Another name of the type, by which its nodes were made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """The node types of a workflow, less those that only the front end knows."""

    types: tuple[UsedType, ...]
    """In the order they are met with."""
    findings: tuple[Finding, ...] = ()

    def __add__(self, other: Workflow) -> Workflow:
        """Both together: the queued form knows no packs, the saved one does."""
        merged = {each.name: each for each in self.types}
        for each in other.types:
            mine = merged.get(each.name)
            if mine is None:
                merged[each.name] = each
                continue
            hints = tuple(dict.fromkeys((*mine.hints, *each.hints)))[:_MOST_HINTS]
            merged[each.name] = UsedType(
                name=each.name, count=max(mine.count, each.count), hints=hints, also=mine.also or each.also
            )
        findings = tuple(dict.fromkeys((*self.findings, *other.findings)))
        return Workflow(types=tuple(merged.values()), findings=findings)


def read_workflow(raw: bytes) -> Workflow:
    """The workflow in a file: JSON of either format, or a PNG or WebP picture with a workflow in it.

    Raises UsageError `workflow-unreadable`.

    >>> read_workflow(b'{"1": {"class_type": "KSampler"}}').types[0].name
    'KSampler'
    """
    if not is_picture(raw):
        if len(raw) > LARGEST_WORKFLOW:
            raise _unreadable(f"It has more than {LARGEST_WORKFLOW} bytes.")
        return workflow_of(_decoded(raw))
    found: list[Workflow] = []
    texts = embedded_texts(raw, LARGEST_WORKFLOW)
    for name in ("workflow", "prompt"):
        if name in texts:
            found.append(workflow_of(_decoded(texts[name])))
    if not found:
        raise _unreadable("The picture holds no workflow; another program may have taken it out.")
    return found[0] + found[-1]


def workflow_of(value: object) -> Workflow:
    """The workflow in decoded JSON: saved, queued, or an object with either under `workflow` and `prompt`.

    Raises UsageError `workflow-unreadable`.
    """
    if not isinstance(value, dict):
        raise _unreadable("It is no JSON object.")
    if isinstance(value.get("nodes"), list):
        return _saved(value)
    if _is_queued(value):
        return _queued(value)
    parts = [value.get("workflow"), value.get("prompt"), value.get("output"), _posted(value)]
    # In the metadata of some pictures and in some databases the JSON stands as text once more.
    parts = [_decoded(each.encode("utf-8", "replace")) if isinstance(each, str) else each for each in parts]
    found = [
        _saved(each) if isinstance(each.get("nodes"), list) else _queued(each)
        for each in parts
        if isinstance(each, dict) and (isinstance(each.get("nodes"), list) or _is_queued(each))
    ]
    if not found:
        raise _unreadable("It holds no nodes.")
    whole = found[0]
    for each in found[1:]:
        whole += each
    return whole


def _posted(value: Mapping[str, object]) -> object:
    """The saved form in what the front end posts to `/prompt`."""
    here: object = value
    for key in ("extra_data", "extra_pnginfo", "workflow"):
        here = here.get(key) if isinstance(here, dict) else None
    return here


def _is_queued(value: Mapping[str, object]) -> bool:
    return any(isinstance(each, dict) and isinstance(each.get("class_type"), str) for each in value.values())


def _decoded(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        words = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _unreadable(f"It is no JSON: {words}.") from error


def _unreadable(why: str) -> UsageError:
    return UsageError(
        "workflow-unreadable",
        f"This is no workflow that can be read. {why}",
        hints=(
            Hint(
                "save-the-workflow",
                "Save it in ComfyUI (Workflow, Save or Export), or take a PNG or WebP picture ComfyUI has made.",
            ),
        ),
    )


@dataclass(slots=True)
class _Tally:
    """What is counted on the way."""

    counts: dict[str, int] = field(default_factory=dict)
    hints: dict[str, dict[PackHint, None]] = field(default_factory=dict)
    also: dict[str, str] = field(default_factory=dict)
    nodes: int = 0
    unnamed: int = 0

    def take(self, kind: object, properties: object) -> None:
        """One node."""
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            raise _unreadable(f"It has more than {_MOST_NODES} nodes.")
        said = properties if isinstance(properties, dict) else {}
        saved = _text(said.get(_SAVED_NAME), _LONGEST_NAME)
        name = _text(kind, _LONGEST_NAME) or saved
        if not name:
            self.unnamed += 1
            return
        self.counts[name] = self.counts.get(name, 0) + 1
        if len(self.counts) > _MOST_TYPES:
            raise _unreadable(f"It has more than {_MOST_TYPES} types of nodes.")
        if saved and saved != name:
            self.also.setdefault(name, saved)
        hint = PackHint(
            cnr_id=_text(said.get("cnr_id"), _LONGEST_HINT),
            aux_id=_text(said.get("aux_id"), _LONGEST_HINT),
            version=_text(said.get("ver"), _LONGEST_HINT),
        )
        known = self.hints.setdefault(name, {})
        if (hint.cnr_id or hint.aux_id) and len(known) < _MOST_HINTS:
            known[hint] = None

    def workflow(self, findings: list[Finding], subgraphs: Collection[str] = ()) -> Workflow:
        """Everything but what only the front end knows."""
        if self.unnamed:
            message = f"Nodes without a type that could be used, left out: {self.unnamed}."
            findings.append(Finding(code="nodes-without-type", message=message))
        types = (
            UsedType(name=name, count=count, hints=tuple(self.hints[name]), also=self.also.get(name, ""))
            for name, count in self.counts.items()
            if not (name in _VIRTUAL or name in subgraphs or _GROUP.match(name) or _SUBGRAPH.fullmatch(name))
        )
        return Workflow(types=tuple(types), findings=tuple(findings))


def _queued(prompt: Mapping[str, object]) -> Workflow:
    tally = _Tally()
    for node in prompt.values():
        if isinstance(node, dict) and "class_type" in node:
            tally.take(node["class_type"], None)
    return tally.workflow([])


def _saved(workflow: Mapping[str, object]) -> Workflow:
    tally = _Tally()
    subgraphs: set[str] = set()
    groups: set[str] = set()
    for graph in _graphs(workflow):
        subgraphs.add(str(graph.get("id", "")))
        groups.update(_groups(graph))
        nodes = graph.get("nodes")
        for node in nodes if isinstance(nodes, list) else ():
            if isinstance(node, dict):
                tally.take(node.get("type"), node.get("properties"))
            else:
                tally.unnamed += 1
    findings = [
        Finding(
            code="subgraph-undefined",
            message=f"The workflow uses the subgraph or group node {name}, and does not say what is in it.",
            text=name,
        )
        for name in tally.counts
        if (_SUBGRAPH.fullmatch(name) and name not in subgraphs)
        or (_GROUP.match(name) and _GROUP.sub("", name, count=1) not in groups)
    ]
    return tally.workflow(findings, subgraphs)


def _graphs(workflow: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The workflow itself, its subgraphs and its group nodes, and theirs in turn."""
    graphs: list[Mapping[str, object]] = [workflow]
    for graph in graphs:  # Which grows meanwhile.
        yield graph
        definitions = graph.get("definitions")
        listed = definitions.get("subgraphs") if isinstance(definitions, dict) else None
        below = [*(listed if isinstance(listed, list) else ()), *_groups(graph).values()]
        graphs += [each for each in below if isinstance(each, dict)]
        if len(graphs) > _MOST_GRAPHS:
            raise _unreadable(f"It has more than {_MOST_GRAPHS} subgraphs.")


def _groups(graph: Mapping[str, object]) -> Mapping[str, object]:
    extra = graph.get("extra")
    groups = extra.get("groupNodes") if isinstance(extra, dict) else None
    return groups if isinstance(groups, dict) else {}


def _text(value: object, longest: int) -> str:
    """The text, fit to be written anywhere; empty for anything else and for what is longer."""
    if not isinstance(value, str) or len(value) > longest:
        return ""
    return value.encode("utf-8", "replace").decode("utf-8")
