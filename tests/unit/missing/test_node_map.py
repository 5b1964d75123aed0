"""ComfyUI-Manager's map: what it says, and what it cannot do to us."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.node_map import NodeMap, parse_node_map
from comfyui_safe_install.resolver.core.node_patterns import node_pattern
from comfyui_safe_install.resolver.io.node_map import read_node_map

A, B, CORE = (
    "https://example.org/a/A",
    "https://example.org/b/B.git",
    "https://github.com/comfyanonymous/ComfyUI",
)


def the_map(value: object, rows: object = None) -> NodeMap:
    """Manager's files with that in them, read."""
    lists = [("list", json.dumps({"custom_nodes": rows}).encode())] if rows is not None else []
    return parse_node_map([("map", json.dumps(value).encode())], lists)


def urls(found: NodeMap, name: str) -> list[tuple[str, str]]:
    """Who brings a type, and how that is known."""
    return [(pack.url, how) for pack, how in found.packs_of(name)]


def test_who_brings_a_type() -> None:
    """ComfyUI itself, else who preempts it, else all who list it, else all whose pattern fits."""
    found = the_map(
        {
            A: [["X", "Y", "K"], {"title_aux": "Pack A", "preemptions": ["Y"]}],
            B: [["X", "Y"], {"nodename_pattern": r" \(b\)$"}],
            CORE: [["K"], {"title_aux": "ComfyUI"}],
        },
        [{"title": "The pack A", "files": [f"{A}.git"], "reference": A}],
    )
    assert urls(found, "X") == [(A, "listed"), (B, "listed")]
    assert urls(found, "Y") == [(A, "preempted")]
    assert urls(found, "K") == [(CORE, "listed")]
    assert urls(found, "Seed (b)") == [(B, "pattern")]
    assert urls(found, "none") == []
    loose = the_map({A: [[], {"nodename_pattern": "Smart"}], B: [[], {"nodename_pattern": "^Not"}]})
    assert urls(loose, "NotSmart") == [(B, "pattern")]
    assert urls(loose, "TooSmart") == [(A, "likeness")]
    assert found.packs_of("Y")[0][0].title == "The pack A"


def test_odd_entries_are_passed_over() -> None:
    """Anything may be of another kind than it should; what is right stays."""
    odd = {
        "file:///etc": [["X"], {}],
        "https://example.org/a b": [["X"], {}],
        "ssh://git@example.org/x": [["X"], {}],
        "https://example.org/1": 5,
        "https://example.org/2": [],
        "https://example.org/3": [["ok", 1, None, "x" * 999], "more"],
        "https://example.org/4": ["X", {"preemptions": 3, "nodename_pattern": ["x"], "title_aux": {}}],
    }
    found = the_map(odd, [1, {"files": 3, "title": []}])
    assert list(found.by_type) == ["ok"]
    assert [finding.code for finding in found.findings] == ["node-pattern-unsafe"]
    assert [
        each.code for each in parse_node_map([("m", b"["), ("n", b"[]"), ("o", b"[" * 10**5)], []).findings
    ] == ["node-map-unreadable"] * 3


REAL = [
    *(
        r"\(BillBum\)$",
        "^DF_",
        "^(MetadataAwareSaveImage|Multi_LoRA_Loader|LoadImageLayers)",
        "^\\[Comfy3D\\]",
    ),
    *("(Gallery-dl|Yt-dlp|Web.*Scraper)", "MiniMax.*BMO|BMO.*MiniMax", " \\[Crystools\\]$", "- Ostris$"),
    *("(^(Prompts|Anything) Everywhere|Simple String)", r" \(rgthree\)$", "^ttN ", "_jru$", "Inspire$"),
]
BAD = [
    *(
        "(a+)+$",
        "(a|a)*b",
        "(.*)*x",
        "a?" * 30 + "a" * 30,
        "(a|a)" * 30 + "x",
        "(?=a)",
        "(a)\\1",
        "a{1,9999}",
        "[",
    ),
    *(
        "(?i)a",
        "x**",
        "(?P<a>b)",
        ".*.*.*.*x",
        "^*",
        "((((a*)*)*)*)b",
        "(?#x)",
        "(",
        ")",
        "",
        "a" * 300,
        "\\",
        "\\A",
    ),
]


@pytest.mark.parametrize("text", REAL)
def test_patterns_of_the_real_map_are_taken(text: str) -> None:
    """Kinds of patterns that Manager 4.3's map has."""
    assert node_pattern(text) is not None


@pytest.mark.parametrize("text", BAD)
def test_patterns_that_could_run_away_are_not(text: str) -> None:
    """Nor those that make no sense."""
    assert node_pattern(text) is None


@pytest.mark.parametrize(
    "text", [".*.*.*x", "a?a?a?b", "(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)a*x", "[ab]*[ab]*c"]
)
def test_the_worst_that_is_taken_ends_soon(text: str) -> None:
    """The number of steps is known beforehand, and a name for which it is too great does not fit."""
    pattern = node_pattern(text)
    assert pattern is not None
    began = time.process_time()
    for length in (10, 50, 100, 200, 300):
        assert not pattern.fits("a" * length)
    assert time.process_time() - began < 2


def test_where_the_files_lie(tmp_path: Path) -> None:
    """In the installed package, in custom_nodes, and in the caches; the newest word on a pack counts."""
    site, nodes, user = tmp_path / "site", tmp_path / "custom_nodes", tmp_path / "user"
    places = {
        site / "comfyui_manager" / "extension-node-map.json": {A: [["old"], {}]},
        nodes / "ComfyUI-Manager" / "extension-node-map.json": {B: [["by-folder"], {}]},
        nodes / "other" / "extension-node-map.json": {"https://example.org/c": [["no"], {}]},
        user / "__manager" / "cache" / "123_extension-node-map.json": {A: [["new"], {}]},
    }
    for age, (path, value) in enumerate(places.items()):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(value))
        os.utime(path, (1000 + age, 1000 + age))
    found = read_node_map([str(site)], [nodes], [user])
    assert sorted(found.by_type) == ["by-folder", "new"]
    assert read_node_map([str(tmp_path / "none")], [tmp_path / "none"], []).packs == {}
