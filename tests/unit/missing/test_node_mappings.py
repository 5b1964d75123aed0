"""Which node types a source declares, seen without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from comfyui_safe_install.resolver.core.node_mappings import declared_types
from comfyui_safe_install.resolver.core.types import Pack
from comfyui_safe_install.resolver.io.node_sight import NodeSight
from comfyui_safe_install.resolver.wiring import open_site
from comfyui_safe_install.tests.kit.comfy import make_comfy

WAYS = {
    "literal": 'NODE_CLASS_MAPPINGS = {"A": X, "B": Y}',
    "typed": 'NODE_CLASS_MAPPINGS: dict[str, type] = {"A": X, "B": Y}',
    "by item": 'NODE_CLASS_MAPPINGS = {}\nNODE_CLASS_MAPPINGS["A"] = X\nNODE_CLASS_MAPPINGS["B"] = Y',
    "update": 'NODE_CLASS_MAPPINGS = {"A": X}\nNODE_CLASS_MAPPINGS.update({"B": Y})',
    "merged": 'MORE = {"B": Y}\nNODE_CLASS_MAPPINGS = {"A": X, **MORE}',
    "or": 'a = {"A": X}\nNODE_CLASS_MAPPINGS = a | {"B": Y}',
    "other name": 'IMAGE_CLASS_MAPPINGS = {"A": X, "B": Y}',
    "made of a table": 'CONFIG = {"A": {"class": X}, "B": {"class": Y}}\nNODE_CLASS_MAPPINGS, N = make(CONFIG)',
    "dict call": "NODE_CLASS_MAPPINGS = dict(A=X, B=Y)",
    "in a function": 'def load():\n    global NODE_CLASS_MAPPINGS\n    NODE_CLASS_MAPPINGS = {"A": X, "B": Y}',
    "version 3": 'io.Schema(node_id="A", category="c")\nSchema(node_id="B")',
    "kept in a class": 'class X:\n    NodeId = "A"\nclass Y(Base):\n    NODE_ID = "B"',
}


@pytest.mark.parametrize("source", WAYS.values(), ids=WAYS)
def test_ways_to_declare(source: str) -> None:
    """Every way that is common among packs and in ComfyUI itself."""
    assert declared_types(source.encode()) == {"A", "B"}


@pytest.mark.parametrize(
    "source",
    [
        b"NODE_CLASS_MAPPINGS = {",
        b"NODE_CLASS_MAPPINGS = " + b"(" * 5000,
        b"NODE_CLASS_MAPPINGS = " + b"-" * 20000 + b"1",
        b"\0NODE_CLASS_MAPPINGS",
        b"\xff\xfe NODE_CLASS_MAPPINGS",
        b"NODE_CLASS_MAPPINGS = NODE_CLASS_MAPPINGS\nNODE_CLASS_MAPPINGS = {1: 2, None: 3, f'{x}': 4, **x}",
        b"x = '\\d'; NODE_CLASS_MAPPINGS = load()",
    ],
)
def test_what_cannot_be_read_declares_nothing(source: bytes) -> None:
    """Whatever the file holds, nothing is raised and nothing is run."""
    assert declared_types(source) == frozenset()


def test_a_look_at_an_installation(tmp_path: Path) -> None:
    """ComfyUI's own nodes, a pack's, and those only its web page draws."""
    comfy = make_comfy(tmp_path / "c", packs={"Pack": {"__init__.py": "NODE_CLASS_MAPPINGS = {'A': 1}\n"}})
    (comfy / "comfy_extras").mkdir()
    (comfy / "comfy_extras" / "nodes_x.py").write_text("NODE_CLASS_MAPPINGS = {'Core2': 1}\n")
    (comfy / "nodes.py").write_text("NODE_CLASS_MAPPINGS = {'Core1': 1}\n")
    root = comfy / "custom_nodes" / "Pack"
    (root / "js").mkdir()
    script = """// don't be "a'b" shifted\napp.register("x'y", "SetNode"); const n = add(`Label`) + 'GetNo'"""
    (root / "js" / "x.js").write_text(script)
    (root / "single.py").symlink_to("__init__.py")
    site = open_site(comfy)
    sight = NodeSight(site.workspace, site.python)
    pack = Pack(name="Pack", path=str(root))
    assert sight.core_types() == {"Core1", "Core2"}
    assert sight.types_of(pack) == {"A"}
    assert sight.drawn_by(pack, ["SetNode", "Label (mine)", "GetNode"]) == {"SetNode", "Label (mine)"}
    assert sight.types_of(Pack(name="gone", path=str(root / "gone"))) == frozenset()
