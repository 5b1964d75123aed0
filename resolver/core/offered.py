"""Which modules a distribution offers for import, read from the list of its files. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

_PASSED_OVER = frozenset(
    {
        # Folders that slip into wheels by mistake; importing `setup` or `conftest` would even do something.
        "benchmark", "benchmarks", "bin", "conftest", "demo", "demos", "doc", "docs", "example", "examples",
        "include", "lib", "lib64", "sample", "samples", "script", "scripts", "setup", "share", "test",
        "testing", "tests",
    }
)  # fmt: skip
_EXTENSION = re.compile(r"\.(?:py|pyd|so|[^/]+\.(?:pyd|so))$")
"""`.py`, or a compiled module with or without its ABI tag (`x.cpython-311-x86_64-linux-gnu.so`, `x.pyd`)."""
_DEEPEST_NAMESPACE = 3


def offered_modules(files: Iterable[str]) -> tuple[str, ...]:
    """The public modules that can be imported from these files (paths as RECORD has them), sorted.

    Packages and modules at the top; below a folder without `__init__` (a namespace package, PEP 420) the
    first packages found, such as `google.protobuf`. Private names, tests, data folders and stubs are left
    out: they are nobody's entry.

    >>> offered_modules(["cv2/__init__.py", "cv2/data/x.xml", "six.py", "_private.py"])
    ('cv2', 'six')
    """
    return _public(_tree(files), (), 0)


def _public(tree: _Tree, parents: tuple[str, ...], depth: int) -> tuple[str, ...]:
    found: set[str] = set()
    for name, below in tree.items():
        module = module_name(name) if below is None else name
        if not module.isidentifier() or module.startswith("_") or module in _PASSED_OVER:
            continue
        if below is None:
            # Loose files inside a namespace folder are more often data than modules.
            if depth == 0:
                found.add(module)
        elif any(module_name(child) == "__init__" for child, deeper in below.items() if deeper is None):
            found.add(".".join([*parents, module]))
        elif depth < _DEEPEST_NAMESPACE:
            found |= set(_public(below, (*parents, module), depth + 1))
    return tuple(sorted(found))


def vanishing_modules(
    leaving: Mapping[str, Sequence[str]], staying: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """What can no longer be imported from the live folders once the files of `leaving` are gone.

    `leaving` maps a distribution to its live files, `staying` are the live files of all others. A top-level
    name nobody else has a share in is given as it is; where others share it (a namespace such as `google`,
    or a folder two distributions write to) the modules below it that only the leaving one owns.
    """
    kept = _tree(staying)
    return {
        distribution: tuple(sorted(_vanishing(_tree(files), kept, ())))
        for distribution, files in leaving.items()
    }


def shared_packages(staged: Iterable[str], staying: Iterable[str]) -> tuple[str, ...]:
    """Packages with `__init__` in the stage whose live folder keeps files of others, dotted, sorted.

    After the commit both lie in one folder; a trial must therefore look into both.
    """
    return tuple(sorted(_shared(_tree(staged), _tree(staying), ())))


def module_name(file: str) -> str:
    """The name under which a file is imported; empty for a file that is no module."""
    if not _EXTENSION.search(file):
        return ""
    return file.partition(".")[0]


class _Tree(dict[str, "_Tree | None"]):
    """A folder: names to folders, or to None for a file."""


def _tree(files: Iterable[str]) -> _Tree:
    root = _Tree()
    for file in files:
        parts = _normal(file).split("/")
        if parts[0] in ("", "..") or parts[0].endswith((".dist-info", ".egg-info", ".data")):
            continue
        if "__pycache__" in parts or not (module_name(parts[-1]) or len(parts) > 1):
            continue
        folder: _Tree | None = root
        for part in parts[:-1]:
            if folder is None:
                break
            folder = folder.setdefault(part, _Tree())
        if folder is not None:
            folder.setdefault(parts[-1], None)
    return root


def _vanishing(leaving: _Tree, kept: _Tree, parents: tuple[str, ...]) -> set[str]:
    gone: set[str] = set()
    kept_modules = {module_name(name) if below is None else name for name, below in kept.items()}
    for name, below in leaving.items():
        module = module_name(name) if below is None else name
        if not module.isidentifier():
            continue
        if module not in kept_modules:
            if below is None or _has_module(below):
                gone.add(".".join([*parents, module]))
            continue
        other = kept.get(name)
        if below is not None and other is not None:
            gone |= _vanishing(below, other, (*parents, module))
    return gone - {".".join([*parents, "__init__"])}


def _shared(staged: _Tree, kept: _Tree, parents: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    for name, below in staged.items():
        other = kept.get(name)
        if below is None or other is None or not name.isidentifier():
            continue
        path = (*parents, name)
        if any(module_name(child) == "__init__" for child in below):
            found.add(".".join(path))
        found |= _shared(below, other, path)
    return found


def _has_module(tree: _Tree) -> bool:
    return any(module_name(name) if below is None else _has_module(below) for name, below in tree.items())


def _normal(file: str) -> str:
    return file.replace("\\", "/").removeprefix("./")
