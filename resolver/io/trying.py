"""The trial of a change as the engine knows it: what arrives, what leaves, and whose imports count."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.layout import Layout
from ..core.offered import offered_modules, shared_packages, vanishing_modules
from ..core.ownership import Holding
from ..core.swap_types import Arrival
from ..core.trials import TrialReport
from ..core.types import PythonInfo
from .trial import try_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Distributions that come, and those that go for them."""

    arrivals: Sequence[Arrival]
    holdings: Sequence[Holding]
    """Everything installed now."""
    leaving: Collection[str]
    """Metadata paths of those that go."""


def try_exchange(
    python: PythonInfo,
    exchange: Exchange,
    packs: Sequence[tuple[str, Path]],
    *,
    host: Path,
    cancel: threading.Event | None = None,
    on_line: Callable[[str], None] | None = None,
) -> TrialReport:
    """The trial with what arrives in front and what leaves masked. Blocks; raises what `try_stage` raises."""
    layout = Layout.of(python)
    sites = (layout.purelib, layout.platlib)
    going: dict[str, list[str]] = {}
    staying: list[str] = []
    for holding in exchange.holdings:
        files = _site_files(holding, sites)
        if holding.metadata_path in exchange.leaving:
            going.setdefault(holding.distribution.name, []).extend(files)
        else:
            staying += files
    coming = [
        (holding.distribution.name, _site_files(holding, sites))
        for arrival in exchange.arrivals
        for holding in arrival.holdings
    ]
    return try_stage(
        python,
        [
            Path(site)
            for arrival in exchange.arrivals
            for site in dict.fromkeys((arrival.layout.purelib, arrival.layout.platlib))
        ],
        vanishing_modules(going, staying),
        packs,
        [(name, module) for name, files in coming for module in offered_modules(files)],
        shared=shared_packages([file for _, files in coming for file in files], staying),
        host=host,
        cancel=cancel,
        on_line=on_line,
    )


def _site_files(holding: Holding, sites: Sequence[str]) -> list[str]:
    """Its files in the site directories, relative to them."""
    files = []
    for file in holding.files:
        for site in sites:
            if file.path.startswith(f"{site}/"):
                files.append(file.path[len(site) + 1 :])
                break
    return files
