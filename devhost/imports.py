"""Makes the stand-in modules importable by the names ComfyUI's have, and as if they lay in its folder.

A path hook on the base folder, not a finder of our own: packs that look at how `nodes` is imported (with
`PathFinder`, with `__file__`) find what they would find in ComfyUI. Nothing is written into the base.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

_STAND_INS = Path(__file__).resolve().parent / "stand_in"
_PACKAGE = f"{__package__}.stand_in"


class _StandInLoader(SourceFileLoader):
    """Gives the module of our package under its name in the host."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"{_PACKAGE}.{spec.name}")
        module.__file__ = spec.origin
        if spec.submodule_search_locations is not None:
            # The host's folder first; our own is where the package's relative imports look.
            module.__path__ = [*spec.submodule_search_locations, *module.__path__]
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Done by its import."""


class _BaseFinder(FileFinder):
    """Finds stand-ins first, then what really lies in the folder."""

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        relative = Path(*fullname.split("."))
        folder = Path(self.path)
        if (_STAND_INS / relative).is_dir():
            origin = folder / relative.name / "__init__.py"
            loader = _StandInLoader(fullname, str(_STAND_INS / relative / "__init__.py"))
            spec = ModuleSpec(fullname, loader, origin=str(origin), is_package=True)
            spec.submodule_search_locations = [str(folder / relative.name)]
        elif (_STAND_INS / relative).with_suffix(".py").is_file():
            loader = _StandInLoader(fullname, str((_STAND_INS / relative).with_suffix(".py")))
            spec = ModuleSpec(fullname, loader, origin=str(folder / f"{relative.name}.py"))
        else:
            return super().find_spec(fullname, target)
        spec.has_location = True
        return spec


def make_importable(base: Path) -> None:
    """Put `base` first on the path, as ComfyUI's folder is there, with the stand-in modules in it."""
    ours = {str(base), *(str(base / folder) for folder in _packages())}

    def hook(entry: str) -> _BaseFinder:
        if entry not in ours:
            raise ImportError(entry)
        return _BaseFinder(entry, (SourceFileLoader, SOURCE_SUFFIXES))

    checkout = _STAND_INS.parent.parent
    # The checkout's own folder `nodes` would hide the host's module of that name.
    sys.path[:] = [str(base), *(entry for entry in sys.path if Path(entry or ".").resolve() != checkout)]
    sys.path_hooks.insert(0, hook)
    for entry in ours:
        sys.path_importer_cache.pop(entry, None)


def _packages() -> Sequence[Path]:
    return [path.parent.relative_to(_STAND_INS) for path in _STAND_INS.glob("*/__init__.py")]
