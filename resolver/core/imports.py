"""What a pack's source imports when it is loaded, read from its syntax tree. Pure; nothing is executed.

Only what runs at import counts, and only what must be there: an import inside a function, in a `try` that
catches ImportError, or for the type checker alone may be missing without harm and is marked optional.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .types import Finding

HOST_MODULES = frozenset(
    {
        "alembic_db",
        "api_server",
        "app",
        "comfy",
        "comfy_api",
        "comfy_api_nodes",
        "comfy_config",
        "comfy_execution",
        "comfy_extras",
        "comfyui_version",
        "cuda_malloc",
        "custom_nodes",
        "execution",
        "folder_paths",
        "governance",
        "hook_breaker_ac10a0",
        "latent_preview",
        "main",
        "middleware",
        "new_updater",
        "node_helpers",
        "nodes",
        "protocol",
        "server",
        "utils",
    }
)
"""Top-level modules of a ComfyUI folder, which a running host has on its path ahead of site-packages."""

_CATCHES_IMPORT_ERROR = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_PLATFORM_TESTS = frozenset({"platform", "name", "version_info", "version", "hexversion", "implementation"})
_MOST_FILES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportUse:
    """One module that a file imports by its absolute name."""

    module: str
    """Dotted, as written: `import a.b` and `from a.b import c` both give `a.b`."""
    line: int
    optional: bool = False
    """True where the file loads even without it."""
    file: str = ""
    """Path inside the pack, with `/`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeUse:
    """One relative import: `from ..a import b` is level 2, module `a`, names `("b",)`."""

    level: int
    module: str
    names: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileImports:
    """The imports of one file."""

    absolute: tuple[ImportUse, ...] = ()
    relative: tuple[RelativeUse, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackImports:
    """The absolute imports of the files a pack loads when ComfyUI loads it."""

    uses: tuple[ImportUse, ...] = ()
    files: int = 0
    findings: tuple[Finding, ...] = ()


def read_imports(source: str | bytes, file: str, *, pack: str = "") -> FileImports:
    """The imports at the module level of one file; a file that is no Python is a finding `syntax-error`."""
    try:
        with warnings.catch_warnings():
            # An invalid escape sequence in somebody's docstring is no concern of ours.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 0
        finding = Finding(
            code="syntax-error",
            message=f"{file} cannot be read as Python: {getattr(error, 'msg', None) or error}",
            pack=pack,
            file=file,
            line=line,
        )
        return FileImports(findings=(finding,))
    absolute: list[ImportUse] = []
    relative: list[RelativeUse] = []
    for node, optional in _statements(tree.body, optional=False):
        if isinstance(node, ast.Import):
            absolute += [
                ImportUse(module=alias.name, line=node.lineno, optional=optional, file=file)
                for alias in node.names
            ]
        elif node.level:
            names = tuple(alias.name for alias in node.names)
            relative.append(
                RelativeUse(level=node.level, module=node.module or "", names=names, optional=optional)
            )
        elif node.module and node.module != "__future__":
            absolute.append(ImportUse(module=node.module, line=node.lineno, optional=optional, file=file))
    return FileImports(absolute=tuple(absolute), relative=tuple(relative))


def read_pack_imports(
    read: Callable[[str], bytes | None], *, pack: str, entries: Sequence[str] = ("__init__.py",)
) -> PackImports:
    """The imports of all files reachable from `entries` by relative imports; stray scripts do not count.

    `read` gives a file's content by its path inside the pack, or None where there is none.
    """
    waiting = [(entry, False) for entry in entries]
    seen: dict[str, bool] = {}
    uses: list[ImportUse] = []
    findings: list[Finding] = []
    while waiting and len(seen) < _MOST_FILES:
        file, optional = waiting.pop(0)
        # Read again only where a file first met as optional turns out to be needed.
        if file in seen and (optional or not seen[file]):
            continue
        source = read(file)
        if source is None:
            continue
        if file in seen:
            uses = [use for use in uses if use.file != file]
        found = read_imports(source, file, pack=pack)
        findings += () if file in seen else found.findings
        seen[file] = optional
        uses += [
            ImportUse(module=use.module, line=use.line, optional=use.optional or optional, file=file)
            for use in found.absolute
        ]
        for relative in found.relative:
            waiting += [
                (candidate, optional or relative.optional) for candidate in _candidates(file, relative)
            ]
    return PackImports(uses=tuple(uses), files=len(seen), findings=tuple(findings))


def _candidates(file: str, use: RelativeUse) -> Iterator[str]:
    """The files a relative import may load, whether they exist or not."""
    folders = file.split("/")[:-1]
    if use.level - 1 > len(folders):
        return
    base = folders[: len(folders) - (use.level - 1)]
    target = base + (use.module.split(".") if use.module else [])
    for depth in range(len(base), len(target)):
        yield "/".join([*target[:depth], "__init__.py"])
    for path in (target, *([*target, name] for name in use.names if name != "*")):
        if path:
            yield "/".join(path) + ".py"
            yield "/".join([*path, "__init__.py"])


def _statements(
    body: Iterable[ast.stmt], *, optional: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import statement that runs when the module is imported, and whether it may fail."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, optional
        elif isinstance(node, ast.If):
            yield from _if_statements(node, optional=optional)
        elif isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
            yield from _try_statements(node, optional=optional)  # type: ignore[arg-type]
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            yield from _statements(node.body, optional=optional or any(map(_suppresses, node.items)))
        elif isinstance(node, ast.ClassDef):
            yield from _statements(node.body, optional=optional)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            yield from _statements([*node.body, *node.orelse], optional=optional)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                yield from _statements(case.body, optional=True)


def _if_statements(node: ast.If, *, optional: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    names = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
    attributes = {part.attr for part in ast.walk(node.test) if isinstance(part, ast.Attribute)}
    if "TYPE_CHECKING" in names | attributes or "__name__" in names:
        yield from _statements(node.body, optional=True)
        yield from _statements(node.orelse, optional=optional)
        return
    # Which branch runs depends on the machine: only one of them must be importable here.
    depends = bool(attributes & _PLATFORM_TESTS)
    yield from _statements([*node.body, *node.orelse], optional=optional or depends)


def _try_statements(node: ast.Try, *, optional: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    caught = any(_catches(handler) for handler in node.handlers)
    yield from _statements(node.body, optional=optional or caught)
    for handler in node.handlers:
        # `except ImportError: import other` is an alternative, so neither of the two must be there.
        yield from _statements(handler.body, optional=True)
    # `else` runs only after a body that succeeded.
    yield from _statements(node.orelse, optional=optional or caught)
    yield from _statements(node.finalbody, optional=optional)


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(_last_name(kind) in _CATCHES_IMPORT_ERROR for kind in kinds)


def _suppresses(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and _last_name(call.func) == "suppress"


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
