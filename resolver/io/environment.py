"""The target environment as it is now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from ..core.layout import Layout
from ..core.types import Distribution, Environment, Finding, PythonInfo
from ..errors import Hint, SafeInstallError
from .metadata import (
    LARGEST_RECORD,
    Headers,
    digest_of,
    names_in_folder_name,
    normal_version,
    read_headers,
    read_origin,
    read_small,
)
from .records import read_record

_METADATA_SUFFIXES = (".dist-info", ".egg-info", ".egg-link")


def read_environment(python: PythonInfo) -> Environment:
    """Every distribution in the site directories of an interpreter. Blocks for some 5 ms.

    Findings: `unreadable-metadata`, `torn-distribution`, `duplicate-metadata`, `interrupted-pip`. Sorted
    by name, so equal environments give equal values. Raises SafeInstallError `environment-unreadable`
    where a site directory exists but cannot be listed; a list that is silently empty would later look
    like a wish to remove everything.
    """
    conda = _conda_versions(python)
    layout = Layout.of(python)
    distributions: list[Distribution] = []
    findings: list[Finding] = []
    for site in python.site_dirs:
        for name in _listed(site):
            if name.startswith("~"):
                findings.append(_interrupted_pip(site, name))
            elif name.endswith(_METADATA_SUFFIXES):
                distribution, said = _read_distribution(site, name, conda, layout)
                distributions.append(distribution)
                findings.extend(said)
    distributions.sort(key=lambda each: (each.name, each.metadata_dir, each.site))
    findings.extend(_duplicates(distributions))
    return Environment(python=python, distributions=tuple(distributions), findings=tuple(findings))


def read_distributions(site: str) -> tuple[Distribution, ...]:
    """The distributions in one folder that is no live environment, such as a stage; broken ones included."""
    found = (
        _read_distribution(site, name, frozenset(), None)[0]
        for name in _listed(site)
        if name.endswith(_METADATA_SUFFIXES) and not name.startswith("~")
    )
    return tuple(sorted(found, key=lambda each: (each.name, each.metadata_dir)))


def freeze_text(environment: Environment) -> str:
    """What `uv pip freeze` prints for the environment: one line each, direct references as PEP 610 tells.

    Credentials in URLs are masked, which is the one difference.
    """
    return "".join(f"{_frozen(each)}\n" for each in environment.distributions)


def _frozen(distribution: Distribution) -> str:
    if not distribution.origin:
        return f"{distribution.name}=={distribution.version}"
    if not distribution.editable:
        return f"{distribution.name} @ {distribution.origin}"
    if distribution.metadata_dir.endswith(".egg-link"):  # uv prints what the file holds: a path.
        return f"-e {url2pathname(urlsplit(distribution.origin).path)}"
    return f"-e {distribution.origin}"


def _listed(site: str) -> list[str]:
    try:
        return sorted(os.listdir(site))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SafeInstallError(
            "environment-unreadable",
            f"The folder {site} cannot be listed: {error.strerror}.",
            context={"folder": site},
            hints=(Hint("check-permissions", "Run as the user who owns this environment."),),
        ) from error


def _read_distribution(
    site: str, name: str, conda: frozenset[tuple[str, str]], layout: Layout | None
) -> tuple[Distribution, tuple[Finding, ...]]:
    """One distribution and what is wrong with it; torn files are looked for where `layout` is given."""
    folder = os.path.join(site, name)
    if name.endswith(".egg-link"):
        return _read_egg_link(site, name, folder)
    findings: list[Finding] = []
    headers = _headers_of(folder, name)
    guessed_name, guessed_version = names_in_folder_name(name)
    if headers is None or not headers.name or not headers.version:
        findings.append(_unreadable(folder))
    project = canonicalize_name(headers.name) if headers and headers.name else guessed_name
    version = normal_version(headers.version) if headers and headers.version else guessed_version
    wheel_like = name.endswith(".dist-info")
    raw_installer = read_small(os.path.join(folder, "INSTALLER")) if wheel_like else b""
    installer = (raw_installer or b"").decode("utf-8", errors="replace").strip()
    origin = read_origin(folder)
    distribution = Distribution(
        name=project,
        version=version,
        site=site,
        metadata_dir=name,
        record_digest=digest_of(os.path.join(folder, "RECORD"), LARGEST_RECORD) if wheel_like else "",
        installer=installer,
        origin=origin.url,
        editable=origin.editable,
        conda=installer == "conda" or (not installer and (project, version) in conda),
        requires=headers.requires if headers else (),
        provides_extras=headers.provides_extras if headers else (),
    )
    if raw_installer is None and layout is not None and not distribution.conda:
        findings.extend(_torn(distribution, layout))
    return distribution, tuple(findings)


def _headers_of(folder: str, name: str) -> Headers | None:
    candidates = (
        [os.path.join(folder, "METADATA")]
        if name.endswith(".dist-info")
        # distutils wrote the metadata as a single file of that name.
        else [os.path.join(folder, "PKG-INFO"), folder]
    )
    for path in candidates:
        try:
            return read_headers(path)
        except OSError:
            continue
    return None


def _read_egg_link(site: str, name: str, path: str) -> tuple[Distribution, tuple[Finding, ...]]:
    """A development install of the old kind: a file that holds the path of the source folder."""
    project, version = canonicalize_name(name.removesuffix(".egg-link")), ""
    lines = (read_small(path) or b"").decode("utf-8", errors="replace").splitlines()
    source = os.path.normpath(os.path.join(site, lines[0].strip())) if lines else ""
    headers: Headers | None = None
    for folder in _egg_infos(source):
        headers = _headers_of(os.path.join(source, folder), folder)
        if headers and canonicalize_name(headers.name) == project:
            version = normal_version(headers.version)
            break
    distribution = Distribution(
        name=project,
        version=version,
        site=site,
        metadata_dir=name,
        record_digest="",
        origin=Path(source).as_uri() if os.path.isabs(source) else "",
        editable=True,
        requires=headers.requires if headers else (),
        provides_extras=headers.provides_extras if headers else (),
    )
    return distribution, () if version else (_unreadable(path),)


def _egg_infos(source: str) -> Iterator[str]:
    if source:
        try:
            yield from (name for name in _listed(source) if name.endswith(".egg-info"))
        except SafeInstallError:
            return


def _conda_versions(python: PythonInfo) -> frozenset[tuple[str, str]]:
    """(name, version) of what conda installed, by the names of its records: `numpy-1.26.4-py311h1.json`."""
    if not python.is_conda:
        return frozenset()
    found = set()
    for name in _listed(os.path.join(python.prefix, "conda-meta")):
        parts = name.removesuffix(".json").rsplit("-", 2)
        if name.endswith(".json") and len(parts) == 3:  # noqa: PLR2004 - name, version, build
            found.add((canonicalize_name(parts[0]), normal_version(parts[1])))
    return frozenset(found)


def _torn(distribution: Distribution, layout: Layout) -> Iterator[Finding]:
    """A finding when an installer was killed in the middle.

    uv writes INSTALLER last; one that is missing is a cheap alarm. Some tools never write it, so
    the files that RECORD names decide.
    """
    try:
        files = read_record(layout, distribution.site, distribution.metadata_dir)
        missing = sum(1 for file in files if not os.path.lexists(file.path))
    except SafeInstallError:
        files, missing = (), 1
    if missing:
        yield Finding(
            code="torn-distribution",
            message=f"{distribution.name} {distribution.version} is only partly installed: {missing} of "
            f"{max(missing, len(files))} files are missing. An installer was probably interrupted.",
            file=os.path.join(distribution.site, distribution.metadata_dir),
            hints=(Hint("repair", f"`safe-install repair {distribution.name}` makes it whole again."),),
        )


def _duplicates(distributions: Iterable[Distribution]) -> Iterator[Finding]:
    by_name: dict[str, list[Distribution]] = {}
    for distribution in distributions:
        by_name.setdefault(distribution.name, []).append(distribution)
    for name, same in by_name.items():
        if len(same) > 1:
            folders = " and ".join(os.path.join(each.site, each.metadata_dir) for each in same)
            yield Finding(
                code="duplicate-metadata",
                message=f"{name} is listed {len(same)} times: {folders}. Which one Python takes is chance.",
                file=os.path.join(same[0].site, same[0].metadata_dir),
                hints=(Hint("repair", f"`safe-install repair {name}` leaves one of them, whole."),),
            )


def _unreadable(folder: str) -> Finding:
    return Finding(
        code="unreadable-metadata",
        message=f"{folder} has no readable name and version; its name was taken from the folder's.",
        file=folder,
        hints=(Hint("reinstall", "Install this distribution again."),),
    )


def _interrupted_pip(site: str, name: str) -> Finding:
    return Finding(
        code="interrupted-pip",
        message=f"{name} in {site} was left by an interrupted pip; Python ignores it.",
        file=os.path.join(site, name),
        hints=(Hint("remove-by-hand", "It may be removed by hand."),),
    )
