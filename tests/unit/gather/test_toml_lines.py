"""Keys and elements of arrays are found in a TOML text."""

from __future__ import annotations

from comfyui_safe_install.resolver.core.toml_lines import TomlLines

TEXT = '''# [project]
top = [1, 2]
[project]  # the table
description = """
dependencies = ["not-this"]
"""
quoted = "a # [ ] \\" b"
dependencies = [  # first
    "a", "b",  # "not-this"
    # "nor-this",
    "c[x,y]; os_name == 'nt'",
    'd',
]
'odd key'.sub = { x = [1, 2], y = "z" }
nested = [["a"], { b = ["c", "d"] }, "e"]
empty = []

[[tool.uv.index]]
name = "one"
[tool."dotted.name"]
key = \'\'\'it''s\'\'\'
after = [
  """x
y""", "z",
]
'''


def test_keys_have_the_line_on_which_they_begin() -> None:
    """Comments, multi-line strings and nested arrays do not mislead."""
    lines = TomlLines(TEXT)
    assert lines.key("top") == 2
    assert lines.key("project") == 3
    assert lines.key("project", "dependencies") == 8
    assert lines.key("project", "odd key", "sub") == 14
    assert lines.key("tool", "uv", "index") == 18
    assert lines.key("tool", "uv", "index", "name") == 19
    assert lines.key("tool", "dotted.name", "key") == 21
    assert lines.key("project", "missing") == 0


def test_elements_have_their_own_lines() -> None:
    """Each element of an array counts once, whatever is inside it."""
    lines = TomlLines(TEXT)
    assert lines.elements(4, "project", "dependencies") == (9, 9, 11, 12)
    assert lines.elements(2, "top") == (2, 2)
    assert lines.elements(3, "project", "nested") == (15, 15, 15)
    assert lines.elements(0, "project", "empty") == ()
    assert lines.elements(2, "tool", "dotted.name", "after") == (23, 24)


def test_where_elements_cannot_be_told_the_key_stands_for_them() -> None:
    """A wrong count is no reason to point at wrong lines."""
    assert TomlLines(TEXT).elements(7, "project", "dependencies") == (8,) * 7
    assert TomlLines(TEXT).elements(2, "nowhere") == (0, 0)
