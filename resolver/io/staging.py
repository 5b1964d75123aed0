"""A filled stage, looked at before anything trusts it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.layout import Layout
from ..core.ownership import Holding
from ..core.swap_types import Arrival
from ..core.types import PythonInfo
from ..errors import Hint, SafeInstallError
from .environment import read_distributions
from .listing import list_tree
from .metadata import digest_of
from .records import check_files, read_record, slashed
from .stage_checks import refuse_imposters, refuse_intruders


def stage_layout(prefix: Path, python: PythonInfo) -> Layout:
    """Where uv's `--prefix` puts the parts of a distribution.

    uv lays a prefix out as a virtual environment; a system Python's own scheme (Debian's `local/`) does not
    count.
    """
    windows = python.markers.get("os_name") == "nt"
    version = ".".join(python.version.split(".")[:2])
    names = (
        ("Lib/site-packages",)
        if windows
        else (f"lib/python{version}/site-packages", f"lib64/python{version}/site-packages")
    )
    found = [prefix / name for name in names if (prefix / name).is_dir()] or [prefix / names[0]]
    root = slashed(str(prefix))
    return Layout(
        purelib=slashed(str(found[0])),
        platlib=slashed(str(found[-1])),
        scripts=f"{root}/{'Scripts' if windows else 'bin'}",
        headers=f"{root}/include/site/python{version}",
        data=root,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A staged file that is not what its RECORD says."""

    distribution: str
    label: str
    """Its place as `Layout.label` gives it."""
    digest: str
    """sha256 of what is there; empty where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What waits in a stage, and what is wrong with it."""

    arrival: Arrival
    flaws: tuple[Flaw, ...] = ()


def read_stage(prefix: Path, python: PythonInfo, expected: Mapping[str, str]) -> Stage:
    """What waits in the stage: exactly the expected {name: version}, each file hashed.

    An empty version is any. Blocks. Raises SafeInstallError `stage-incomplete`; RefusedError `unsafe-wheel`.
    """
    staged = stage_layout(prefix, python)
    live = Layout.of(python)
    refuse_intruders(prefix, staged, live)
    holdings: list[Holding] = []
    places = {staged.purelib: live.purelib, staged.platlib: live.platlib}
    for site, live_site in places.items():
        if not os.path.isdir(site):
            continue
        for dist in read_distributions(site):
            folder = f"{site}/{dist.metadata_dir}"
            files = read_record(live, live_site, dist.metadata_dir, folder=folder)
            moved = replace(dist, site=live_site)
            holdings.append(
                Holding(distribution=moved, files=files, metadata_path=f"{live_site}/{dist.metadata_dir}")
            )
    _check_names(holdings, expected)
    refuse_imposters(holdings)
    arrival = Arrival(layout=staged, tree=list_tree([slashed(str(prefix))]), holdings=tuple(holdings))
    return Stage(arrival=arrival, flaws=tuple(_flaws(holdings, live, staged)))


def cache_damaged(flaw: Flaw) -> SafeInstallError:
    """uv's cache holds other bytes than the wheel itself."""
    return SafeInstallError(
        "stage-damaged",
        f"{flaw.distribution} came out of uv's cache damaged: {flaw.label} is not what the wheel holds.",
        hints=(
            Hint(
                "clean-cache",
                "An installed file was probably edited in place and shares its bytes with uv's cache: "
                f"run `uv cache clean {flaw.distribution}`, then try again.",
            ),
        ),
    )


def _check_names(holdings: Sequence[Holding], expected: Mapping[str, str]) -> None:
    found = {holding.distribution.name: holding.distribution.version for holding in holdings}
    wrong = sorted(
        f"{name} {found.get(name) or 'missing'}, not {version or 'any'}"
        for name, version in expected.items()
        if name not in found or (version and found[name] != version)
    ) + sorted(f"{name} {version}, not asked for" for name, version in found.items() if name not in expected)
    if wrong:
        raise SafeInstallError(
            "stage-incomplete",
            f"The stage does not hold what the plan says: {'; '.join(wrong[:5])}.",
            hints=(Hint("try-again", "Nothing live was touched; plan and install again, with --refresh."),),
        )


def _flaws(holdings: Sequence[Holding], live: Layout, staged: Layout) -> Iterator[Flaw]:
    for holding in holdings:
        files = [replace(file, path=staged.place(live.label(file.path))) for file in holding.files]
        for damage in check_files(files):
            digest = digest_of(damage.path) if os.path.isfile(damage.path) else ""
            yield Flaw(distribution=holding.distribution.name, label=staged.label(damage.path), digest=digest)
