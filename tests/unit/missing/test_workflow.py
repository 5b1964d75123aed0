"""Which node types a workflow uses, in every form a workflow comes in."""

from __future__ import annotations

import json

import pytest

from comfyui_safe_install.resolver.core.workflow import PackHint, Workflow, read_workflow, workflow_of
from comfyui_safe_install.resolver.errors import UsageError
from comfyui_safe_install.tests.kit.workflows import (
    INNER,
    SUBGRAPH,
    node,
    png,
    queued,
    saved,
    subgraph,
    text_of,
    webp,
)


def names(workflow: Workflow) -> list[str]:
    """The types, in their order."""
    return [each.name for each in workflow.types]


def test_saved_form_with_hints() -> None:
    """Types are counted, and each different word about their packs is kept."""
    workflow = workflow_of(
        saved(
            node("KSampler", cnr_id="comfy-core", ver="0.3.76"),
            node("KSampler", cnr_id="comfy-core", ver="0.5.1"),
            node("Seed", aux_id="owner/pack", ver="0123abc"),
            node("Plain"),
        )
    )
    assert names(workflow) == ["KSampler", "Seed", "Plain"]
    assert workflow.types[0].count == 2
    assert [hint.version for hint in workflow.types[0].hints] == ["0.3.76", "0.5.1"]
    assert workflow.types[1].hints == (PackHint(aux_id="owner/pack", version="0123abc"),)
    assert workflow.types[2].hints == ()


def test_what_only_the_front_end_knows_is_left_out() -> None:
    """Notes, reroutes, primitives, subgraphs and group nodes are no types of any server."""
    virtual = ("Note", "MarkdownNote", "Reroute", "PrimitiveNode", SUBGRAPH, "workflow>g", "workflow/g")
    workflow = workflow_of(
        saved(
            *(node(kind) for kind in virtual),
            subgraphs=[subgraph(SUBGRAPH, node("A"), node(INNER), inner=[subgraph(INNER, node("B"))])],
            groups={"g": [node("C", cnr_id="c-pack"), node("Reroute")]},
        )
    )
    assert sorted(names(workflow)) == ["A", "B", "C"]
    assert workflow.findings == ()


def test_subgraphs_that_are_used_and_not_there() -> None:
    """A subgraph or group node without its content is told, since nobody can know what it needs."""
    workflow = workflow_of(saved(node(SUBGRAPH), node("workflow>gone"), node("A")))
    assert names(workflow) == ["A"]
    assert [finding.code for finding in workflow.findings] == ["subgraph-undefined"] * 2


def test_queued_form() -> None:
    """The form that is queued, alone and as it is posted with the saved one."""
    assert names(workflow_of(queued("A", "B", "A"))) == ["A", "B"]
    both = {"workflow": saved(node("A", cnr_id="a"), node("Note")), "prompt": queued("A", "B")}
    workflow = workflow_of(both)
    assert names(workflow) == ["A", "B"]
    assert workflow.types[0].hints == (PackHint(cnr_id="a"),)
    posted = {
        "client_id": "x",
        "prompt": queued("B"),
        "extra_data": {"extra_pnginfo": {"workflow": saved(node("A", cnr_id="a"))}},
    }
    assert sorted(names(workflow_of(posted))) == ["A", "B"]
    assert names(
        workflow_of({"prompt": json.dumps(queued("A")), "workflow": json.dumps(saved(node("C")))})
    ) == [
        "C",
        "A",
    ]


@pytest.mark.parametrize("kind", [b"tEXt", b"iTXt", b"zTXt", b"comf"])
def test_png(kind: bytes) -> None:
    """All text chunks of PNG, and the one in which ComfyUI keeps those of animations."""
    texts = {
        "prompt": json.dumps(queued("A")),
        "workflow": json.dumps(saved(node("A", cnr_id="a"), node("B"))),
    }
    workflow = read_workflow(png(texts, kind=kind))
    assert names(workflow) == ["A", "B"]
    assert workflow.types[0].hints == (PackHint(cnr_id="a"),)


def test_webp() -> None:
    """The Exif fields ComfyUI writes; a picture with only a prompt will do."""
    texts = {"prompt": json.dumps(queued("A")), "workflow": json.dumps(saved(node("B")))}
    assert sorted(names(read_workflow(webp(texts)))) == ["A", "B"]
    assert names(read_workflow(webp({"prompt": json.dumps(queued("A"))}))) == ["A"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"nodes": 1}',
        b'{"workflow": "x"}',
        b'{"a": {"class_type": 1}}',
        b"\xff\xfe\xff",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXtworkflow\0{}",
        png({"Comment": "hello"}),
        webp({"other": "x"}),
        b"RIFF\0\0\0\0WEBPEXIF\xff\xff\xff\xffMM\0*\xff\xff\xff\xff",
    ],
)
def test_what_is_no_workflow(raw: bytes) -> None:
    """Says so, with what to do, and never in another way."""
    with pytest.raises(UsageError) as caught:
        read_workflow(raw)
    assert caught.value.code == "workflow-unreadable"
    assert caught.value.hints


def test_a_bomb_in_a_picture_is_not_unpacked() -> None:
    """A text that grows beyond what a workflow may have is left out."""
    with pytest.raises(UsageError):
        read_workflow(png({"workflow": " " * (65 * 1024 * 1024)}, kind=b"zTXt"))


def test_odd_nodes() -> None:
    """What is no node, has no type or a name that nobody could write is counted, not taken; the rest goes on."""
    odd = [
        None,
        1,
        "x",
        {},
        {"type": 5},
        {"type": "x" * 1000},
        {"type": "", "properties": {"Node name for S&R": "S"}},
    ]
    workflow = workflow_of({"nodes": [*odd, {"type": "\ud800", "properties": [1]}, node("A")]})
    assert names(workflow) == ["S", "?", "A"]
    assert [finding.code for finding in workflow.findings] == ["nodes-without-type"]
    assert "6" in workflow.findings[0].message


@pytest.mark.parametrize("count", [200_001])
def test_too_large(count: int) -> None:
    """Beyond any real workflow it is refused."""
    with pytest.raises(UsageError, match="more than"):
        workflow_of({"nodes": [{"type": "A"}] * count})
    with pytest.raises(UsageError, match="more than"):
        workflow_of({"nodes": [{"type": f"A{number}"} for number in range(10_001)]})


def test_subgraphs_without_end() -> None:
    """Definitions nested deeper than any parser of ours may follow."""
    inner = subgraph(SUBGRAPH, node("A"))
    for _ in range(500):
        inner = subgraph(SUBGRAPH, inner=[inner])
    assert names(workflow_of(saved(node("B"), subgraphs=[inner]))) == ["B", "A"]
    with pytest.raises(UsageError):
        workflow_of(saved(subgraphs=[subgraph(SUBGRAPH)] * 10_001))


def test_byte_order_marks() -> None:
    """Editors of Windows write UTF-8 with a mark, and PowerShell UTF-16."""
    text = text_of(saved(node("A"))).decode()
    for encoding in ("utf-8-sig", "utf-16", "utf-8"):
        assert names(read_workflow(text.encode(encoding))) == ["A"]
