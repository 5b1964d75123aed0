"""Which node types a Python file declares, read from its syntax tree. Pure; nothing is executed.

A look, not a proof: a mapping that code makes as it runs is not seen, and one that is never loaded is. Seen are
`NODE_CLASS_MAPPINGS` and dictionaries of such a name, as literals, by item, by `update`, by `**` and through a
function's argument; and what is given as `node_id` (nodes of `comfy_api`, version 3) or kept as a class's `NodeId`.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

_MAPPING = re.compile(r"CLASS_MAPPINGS|NODE_MAPPINGS|NODES_MAPPING", re.IGNORECASE)
_ID = re.compile(r"node_?id", re.IGNORECASE)
_WORTH_A_LOOK = re.compile(rb"CLASS_MAPPINGS|NODE_MAPPINGS|NODES_MAPPING|node_?id", re.IGNORECASE)
_LONGEST_NAME = 300


def declared_types(source: bytes) -> frozenset[str]:
    """The node types in the source of one Python file; none where it is no Python that can be read."""
    if not _WORTH_A_LOOK.search(source):
        return frozenset()
    try:
        with warnings.catch_warnings():
            # Other people's files may have odd escapes in their strings; that is not ours to tell.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        return frozenset(_Look(tree).types())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()


class _Look:
    """One file."""

    def __init__(self, tree: ast.Module) -> None:
        self._nodes = tuple(ast.walk(tree))
        self._tables: dict[str, list[ast.expr]] = {}
        for target, value in self._assigned():
            self._tables.setdefault(target, []).append(value)

    def types(self) -> Iterator[str]:
        """Every name that is found; some twice."""
        for target, value in self._assigned():
            if _MAPPING.search(target):
                yield from self._keys(value, set())
            elif _ID.fullmatch(target):
                yield from _constant(value)
        for node in self._nodes:
            if isinstance(node, ast.Call):
                yield from self._of_call(node)

    def _assigned(self) -> Iterator[tuple[str, ast.expr]]:
        """(name, value) of assignments, and ("NAME[...]", a table of one) of items."""
        for node in self._nodes:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    yield from _targets(target, node.value)
            elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and node.value is not None:
                yield from _targets(node.target, node.value)

    def _of_call(self, call: ast.Call) -> Iterator[str]:
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name == "Schema":
            for keyword in call.keywords:
                if keyword.arg == "node_id":
                    yield from _constant(keyword.value)
        elif (
            name == "update"
            and isinstance(function, ast.Attribute)
            and _MAPPING.search(_name(function.value))
        ):
            for argument in call.args:
                yield from self._keys(argument, set())

    def _keys(self, value: ast.expr, seen: set[str]) -> Iterator[str]:
        """The keys of a table: a literal, a name of one, several merged, or what a function makes of one."""
        waiting: list[ast.expr] = [value]
        while waiting:
            here = waiting.pop()
            if isinstance(here, ast.Dict):
                for key, inner in zip(here.keys, here.values, strict=True):
                    if key is None:
                        waiting.append(inner)
                    else:
                        yield from _constant(key)
            elif isinstance(here, ast.BinOp) and isinstance(here.op, ast.BitOr):
                waiting += [here.left, here.right]
            elif isinstance(here, ast.Call):
                waiting += [each for each in here.args if isinstance(each, (ast.Name, ast.Dict))]
                waiting += [each.value for each in here.keywords if each.arg is None]
                yield from (each.arg for each in here.keywords if each.arg and _name(here.func) == "dict")
            elif isinstance(here, ast.Name) and here.id not in seen:
                seen.add(here.id)
                waiting += self._tables.get(here.id, [])


def _targets(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Attribute):
        yield target.attr, value
    elif isinstance(target, ast.Subscript):
        yield _name(target.value), ast.Dict(keys=[target.slice], values=[value])
    elif isinstance(target, ast.Tuple):
        values = value.elts if isinstance(value, ast.Tuple) else [value] * len(target.elts)
        for each, its_value in zip(target.elts, values, strict=False):
            yield from _targets(each, its_value)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _constant(node: ast.expr) -> Iterator[str]:
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and 0 < len(node.value) <= _LONGEST_NAME
    ):
        yield node.value.encode("utf-8", "replace").decode("utf-8")
