"""What the ComfyUI that runs us has taken up, as far as a change may need a restart for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

from ..resolver.core.reload import Running
from ..resolver.core.types import Distribution, Environment, Pack
from .host import Host


def running_of(
    host: Host, environment: Environment, changing: Collection[str], packs: Iterable[Pack]
) -> Running | None:
    """What of these runs here; to be asked before anything of it is changed. Blocks.

    `changing` are names of distributions, `packs` the enabled ones. None where the environment is not the one this
    process runs in: then nobody knows.
    """
    if os.path.realpath(environment.python.prefix) != os.path.realpath(sys.prefix):
        return None
    loaded = frozenset(Path(name).name for name in host.loaded_packs)
    return Running(
        imported=imported_of(each for each in environment.distributions if each.name in changing),
        loaded=loaded,
        # We are loaded ourselves: a host that names no pack at all does not tell.
        failed=frozenset(pack.name for pack in packs if loaded and pack.name not in loaded),
    )


def imported_of(distributions: Iterable[Distribution]) -> frozenset[str]:
    """Names of those of which this process has imported a module, or whose files nobody knows. Blocks."""
    from importlib.metadata import PathDistribution

    files = _imported_files()
    found = set()
    for each in distributions:
        site = Path(each.site)
        own = PathDistribution(site / each.metadata_dir).files
        if own is None or any(_real(site / file) in files for file in own if file.suffix != ".pyc"):
            found.add(each.name)
    return frozenset(found)


def _imported_files() -> frozenset[str]:
    # Not by getattr: some modules import what is asked of them.
    told = (
        vars(module).get("__file__") for module in list(sys.modules.values()) if hasattr(module, "__dict__")
    )
    return frozenset(_real(Path(file)) for file in told if isinstance(file, str))


def _real(path: Path) -> str:
    # A site-packages may be reached by several names (lib and lib64); the file itself need not be there any more.
    folder, name = os.path.split(path)
    return str(Path(_real_folder(folder), name))


@cache
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
