"""The law of the rooms: which folder may import what. The table is the architecture's, as data."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STDLIB = sys.stdlib_module_names | {"tomllib"}
HOST = frozenset(
    {"cm_global", "comfy", "comfy_api", "comfyui_manager", "execution", "folder_paths", "nodes", "server"}
)
"""Modules of a running ComfyUI; they are there only while it runs us."""

IMPURE = frozenset(
    {
        "asyncio", "ctypes", "fcntl", "glob", "http", "importlib", "logging", "mmap", "msvcrt",
        "multiprocessing", "os", "pathlib", "platform", "random", "secrets", "select", "shutil",
        "signal", "site", "socket", "sqlite3", "ssl", "subprocess", "sys", "sysconfig", "tarfile",
        "tempfile", "threading", "time", "uuid", "zipfile"
    }
)  # fmt: skip
"""Standard library modules that touch files, processes, the network, the clock or chance."""
PURE_NAMES = frozenset({"pathlib.PurePath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath"})
IMPURE_CALLS = frozenset({"open", "print", "input"})

PRODUCT_FOLDERS = ("resolver", "server_routes", "nodes", "js", "locales", "comfyui_packaging", "devhost")
LONGEST_FILE = 320
LONG_FILES = frozenset({"server_routes/wire.py", "js/words/en.js", "js/words/fr.js"})
"""Every request and response stands in one file, so that a reader finds them; so do the words of a language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the modules of one folder (or one module) may import, besides the standard library."""

    own: tuple[str, ...] = ()
    """Our modules, by dotted name from the root; a name covers everything below it."""
    third_party: frozenset[str] = frozenset()
    own_late: tuple[str, ...] = ()
    """Our modules that only a function may import, when it runs."""
    third_party_late: frozenset[str] = frozenset()
    pure: bool = False


ROOMS: dict[str, Room] = {
    "resolver": Room(),
    "resolver.about": Room(),
    "resolver.errors": Room(),
    "resolver.core": Room(
        own=("resolver.core", "resolver.errors"), third_party=frozenset({"packaging", "tomli"}), pure=True
    ),
    "resolver.transaction": Room(own=("resolver.transaction", "resolver.core.states", "resolver.errors")),
    "resolver.storage_ports": Room(own=("resolver.core", "resolver.errors")),
    "resolver.ports": Room(
        own=(
            "resolver.ports",
            "resolver.source_port",
            "resolver.storage_ports",
            "resolver.core",
            "resolver.errors",
        ),
        third_party=frozenset({"packaging"}),
    ),
    "resolver.registry_port": Room(own=("resolver.core", "resolver.errors")),
    "resolver.source_port": Room(own=("resolver.core", "resolver.errors", "resolver.registry_port")),
    "resolver.io": Room(
        own=(
            "resolver.io",
            "resolver.about",
            "resolver.core",
            "resolver.errors",
            "resolver.ports",
            "resolver.registry_port",
            "resolver.storage_ports",
            "resolver.transaction.deferred.content",
            "resolver.transaction.fs",
        ),
        third_party=frozenset({"packaging", "tomli", "tqdm", "uv", "yaml"}),
    ),
    # aiohttp takes a while to load: only who asks the Registry waits for it (a test holds the start to that).
    "resolver.io.registry.web": Room(
        own=(
            "resolver.io",
            "resolver.core",
            "resolver.errors",
            "resolver.registry_port",
            "resolver.transaction.fs",
        ),
        third_party=frozenset({"aiohttp", "yarl"}),
    ),
    "resolver.engine": Room(
        own=(
            "resolver.engine",
            "resolver.core",
            "resolver.ports",
            "resolver.registry_port",
            "resolver.errors",
            "resolver.transaction",
        ),
        third_party=frozenset({"packaging"}),
    ),
    "resolver.at_start": Room(
        own=("resolver.at_start", "resolver.transaction", "resolver.core.states", "resolver.errors"),
        # What broken packages may keep from working. The module that starts processes needs none.
        own_late=("resolver.core", "resolver.engine", "resolver.wiring", "resolver.io.process"),
    ),
    "resolver.wiring": Room(own=("resolver",), third_party=frozenset({"packaging", "tomli"})),
    "resolver.cli": Room(
        own=(
            "resolver.cli",
            "resolver.about",
            "resolver.core",
            "resolver.engine",
            "resolver.errors",
            "resolver.ports",
            "resolver.registry_port",
            "resolver.transaction",
            "resolver.wiring",
        ),
        # Only to find the Python of a broken environment; everything else comes by `wiring`.
        own_late=("resolver.io.default_python", "resolver.io.process"),
        third_party=frozenset({"packaging", "tqdm"}),
    ),
    "server_routes": Room(
        own=(
            "server_routes",
            # Values alone, which have no I/O; what does something comes by `engine` and `wiring`.
            "resolver.about",
            "resolver.core",
            "resolver.engine",
            "resolver.errors",
            "resolver.ports",
            "resolver.registry_port",
            "resolver.wiring",
        ),
        third_party=frozenset({"aiohttp", "pydantic"}),
        third_party_late=HOST,
    ),
    "nodes": Room(
        own=("nodes",),
        own_late=("resolver.engine", "resolver.errors", "resolver.wiring"),
        third_party_late=HOST,
    ),
    "__init__": Room(
        own=("nodes", "server_routes"),
        own_late=("resolver.engine", "resolver.errors", "resolver.wiring"),
        third_party_late=HOST,
    ),
    "__main__": Room(own_late=("resolver.cli",)),
    "prestartup_script": Room(third_party_late=HOST),
}

ONLY_SUBPROCESS = "resolver.io.process"
"""The one module that starts processes, so that every child is built and ended by the same code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported module: dotted name (ours from the root), where, and whether it is ours."""

    name: str
    line: int
    ours: bool
    late: bool


def product_files(root: Path, *suffixes: str) -> Iterator[Path]:
    """Every product file with one of these suffixes, sorted; tests, tools and caches are none."""
    for folder in PRODUCT_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and not {"node_modules", "__pycache__"} & set(path.parts):
                yield path
    yield from (path for path in sorted(root.iterdir()) if path.suffix in suffixes)


def offences(root: Path) -> list[str]:
    """Every breach of the law, as `file:line: what`; an empty list when there is none."""
    found: list[str] = []
    for path in product_files(root, ".py"):
        module = _module_name(root, path)
        if module.split(".")[0] in ("comfyui_packaging", "devhost"):
            continue
        room = _room_of(module)
        where = path.relative_to(root).as_posix()
        if room is None:
            found.append(f"{where}:1: belongs to no room; give it one in tests/kit/import_law.py")
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        imports = list(_imports(tree, root, path, late=False))
        for each in imports:
            problem = _judge(module, room, each)
            if problem:
                found.append(f"{where}:{each.line}: {problem}")
        if room.pure:
            found += [
                f"{where}:{line}: calls {name}(), and core is pure" for name, line in _impure_calls(tree)
            ]
    return [*found, *_js_offences(root)]


def _module_name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _room_of(module: str) -> Room | None:
    """The room a module lies in: the nearest folder that is one, below `resolver`; or the top level's own."""
    parts = module.split(".")
    if parts[0] == "resolver" and len(parts) > 1:
        nearest = (ROOMS.get(".".join(parts[:count])) for count in range(len(parts), 1, -1))
        return next((room for room in nearest if room is not None), None)
    return ROOMS.get(parts[0])


def _judge(module: str, room: Room, each: Import) -> str:
    """What is wrong with one import; empty when nothing is."""
    if each.ours:
        allowed = room.own + (room.own_late if each.late else ())
        return "" if _covered(each.name, allowed) else f"{module} may not import {each.name}"
    top = each.name.split(".")[0]
    if top == "comfyui_safe_install" or (top in ("resolver", "server_routes") and top not in STDLIB):
        return f"imports {each.name} by an absolute name; our own modules are imported relatively"
    if top not in STDLIB:
        allowed_tops = room.third_party | (room.third_party_late if each.late else frozenset())
        return "" if top in allowed_tops else f"{module} may not import {top}"
    if top == "subprocess" and module != ONLY_SUBPROCESS:
        return f"only {ONLY_SUBPROCESS} starts processes"
    if (
        room.pure
        and (top in IMPURE or each.name.startswith("urllib.request"))
        and each.name not in PURE_NAMES
    ):
        return f"imports {each.name}, and core is pure"
    return ""


def _covered(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in allowed)


def _imports(node: ast.AST, root: Path, path: Path, *, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = late or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(name=alias.name, line=child.lineno, ours=False, late=late)
        elif isinstance(child, ast.ImportFrom):
            yield from _from_imports(child, root, path, late=late)
        else:
            yield from _imports(child, root, path, late=inside)


def _from_imports(statement: ast.ImportFrom, root: Path, path: Path, *, late: bool) -> Iterator[Import]:
    line = statement.lineno
    if statement.level == 0:
        for alias in statement.names:
            yield Import(name=f"{statement.module}.{alias.name}", line=line, ours=False, late=late)
        return
    folder = path.parent
    for _ in range(statement.level - 1):
        folder = folder.parent
    base = [*folder.relative_to(root).parts, *(statement.module or "").split(".")]
    base = [part for part in base if part]
    for alias in statement.names:
        target = root.joinpath(*base, alias.name)
        is_module = target.is_dir() or target.with_suffix(".py").is_file()
        yield Import(
            name=".".join([*base, alias.name] if is_module else base), line=line, ours=True, late=late
        )


def _impure_calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield node.func.id, node.lineno


_JS_IMPORT = re.compile(
    r"""(?:^|\n)\s*(?:import|export)\b[^"';]*?["']([^"']+)["']"""
    r"""|\bimport\(\s*["']([^"']+)["']"""
)


def _js_offences(root: Path) -> Iterator[str]:
    for path in product_files(root, ".js"):
        where = path.relative_to(root).as_posix()
        if not where.startswith("js/"):
            continue
        for match in _JS_IMPORT.finditer(path.read_text(encoding="utf-8")):
            target = match[1] or match[2]
            if target.endswith(("scripts/app.js", "scripts/api.js")) and where != "js/comfy.js":
                yield f"{where}: only js/comfy.js imports the host's {target}"
            if where.startswith("js/components/") and target in ("../api.js", "../comfy.js", "../main.js"):
                yield f"{where}: a component may not import {target}; main.js gives it what it needs"
