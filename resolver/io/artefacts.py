"""Where locked versions come from, and what their metadata requires."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.pylock import Package, PackageWheel, Pylock, PylockValidationError
from packaging.tags import Tag, compatible_tags, cpython_tags, platform_tags
from packaging.utils import parse_wheel_filename

from ..core.solve import Solution, SolveInput
from ..core.types import LockedPackage, PythonInfo
from ..errors import SafeInstallError
from ..transaction.fs import read_regular
from .metadata import parse_headers
from .uv import Uv
from .wheel_metadata import read_wheel_metadata

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

_LARGEST_REMEMBERED = 16 * 1024 * 1024
"""Bytes of the requirements of one wheel as they are remembered."""


class ArtefactFinder:
    """Files and metadata of locked versions, by uv's own lock. Blocks; call from a thread."""

    def __init__(self, uv: Uv, python: PythonInfo, *, cache: Path, allow_builds: bool) -> None:
        """`cache`: folder in which metadata is remembered by the hash of its wheel."""
        self._uv = uv
        self._python = python
        self._cache = cache / "metadata"
        self._allow_builds = allow_builds
        self._ranks = {tag: rank for rank, tag in enumerate(_tags(python))}
        self._texts: dict[tuple[tuple[str, ...], tuple[SolveInput, ...]], str] = {}
        self._lock = threading.Lock()

    def lock_text(self, solution: Solution, names: Sequence[str]) -> str:
        """PEP 751 text for those names of the solution; empty for no names. Raises SolveFailureError."""
        if not names:
            return ""
        texts = tuple(sorted(_pin_text(name, solution) for name in names if name not in solution.indexes))
        indexed = _indexed(solution, names)
        with self._lock:
            known = self._texts.get((texts, indexed))
        if known is None:
            known = self._uv.lock(texts, indexed=indexed, allow_builds=self._allow_builds)
            with self._lock:
                self._texts[texts, indexed] = known
        return known

    def locate(self, solution: Solution, kept: Mapping[str, str]) -> tuple[LockedPackage, ...]:
        """The packages of a solution, sorted by name; those in `kept` are as installed and come from nowhere."""
        wanted = [name for name in solution.versions if name not in kept]
        found = self._read_lock(self.lock_text(solution, wanted))
        packages = []
        for name in sorted(solution.versions):
            wanters = (*sorted(solution.asked_by.get(name, ())), *sorted(solution.via.get(name, ())))
            if name in found:
                package, version = found[name]
                packages.append(self._locked(package, version or solution.versions[name], wanters))
            else:
                packages.append(
                    LockedPackage(
                        name=name, version=kept.get(name, solution.versions[name]), wanted_by=wanters
                    )
                )
        return tuple(packages)

    def requires(self, packages: Sequence[LockedPackage]) -> Mapping[str, tuple[str, ...]]:
        """{name: Requires-Dist} of packages that come as wheels; one whose metadata cannot be read is left out."""

        def read(package: LockedPackage) -> tuple[str, tuple[str, ...] | None]:
            return package.name, self._metadata(package)

        sources = [package for package in packages if package.url and not package.builds]
        with ThreadPoolExecutor(max_workers=16) as pool:
            return {name: lines for name, lines in pool.map(read, sources) if lines is not None}

    # --- the lock -----------------------------------------------------------------------------------------

    def _read_lock(self, text: str) -> dict[str, tuple[Package, str]]:
        if not text:
            return {}
        try:
            pylock = Pylock.from_dict(tomllib.loads(text))
        except (PylockValidationError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise SafeInstallError(
                "lock-unreadable", "uv wrote a lock that cannot be read.", context={"reason": error}
            ) from error
        return {package.name: (package, str(package.version or "")) for package in pylock.packages}

    def _locked(self, package: Package, version: str, wanters: tuple[str, ...]) -> LockedPackage:
        wheel = min(
            (entry for entry in package.wheels or () if self._rank(entry) < len(self._ranks)),
            key=self._rank,
            default=None,
        )
        artefact = wheel or package.sdist or package.archive
        if artefact is not None:
            return LockedPackage(
                name=package.name,
                version=version,
                url=artefact.url or artefact.path or "",
                hashes=tuple(sorted(f"{kind}:{digest}" for kind, digest in (artefact.hashes or {}).items())),
                size=artefact.size or 0,
                wanted_by=wanters,
                builds=wheel is None and not _is_wheel(str(artefact.url or artefact.path)),
            )
        origin = package.vcs.url if package.vcs else (package.directory.path if package.directory else "")
        return LockedPackage(
            name=package.name, version=version, url=origin or "", wanted_by=wanters, builds=True
        )

    def _rank(self, wheel: PackageWheel) -> int:
        """How well the wheel fits the target, 0 best; the number of tags where it does not fit at all."""
        tags = parse_wheel_filename(wheel.filename)[3]
        return min((self._ranks.get(tag, len(self._ranks)) for tag in tags), default=len(self._ranks))

    # --- metadata -----------------------------------------------------------------------------------------

    def _metadata(self, package: LockedPackage) -> tuple[str, ...] | None:
        digest = package.hashes[0].partition(":")[2] if package.hashes else ""
        remembered = self._cache / f"{digest}.json"
        if digest:
            try:
                lines = json.loads(read_regular(remembered, _LARGEST_REMEMBERED))
                return tuple(str(line) for line in lines)
            except (OSError, ValueError, TypeError, RecursionError):
                pass  # not remembered yet, or damaged: read it again
        try:
            text = read_wheel_metadata(package.url)
        except (OSError, ValueError):
            return None
        lines = parse_headers(text.encode()).requires
        if digest:
            self._remember(remembered, lines)
        return lines

    def _remember(self, path: Path, lines: tuple[str, ...]) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
                json.dump(lines, file)
            os.replace(file.name, path)
        except OSError:
            return  # remembering is a convenience


def _pin_text(name: str, solution: Solution) -> str:
    url = solution.urls.get(name)
    return f"{name} @ {url}" if url else f"{name}=={solution.versions[name]}"


def _indexed(solution: Solution, names: Sequence[str]) -> tuple[SolveInput, ...]:
    """The pins of those names that come from an index of their own, one input per index."""
    by_index: dict[str, list[str]] = {}
    for name in sorted(names):
        if name in solution.indexes:
            by_index.setdefault(solution.indexes[name], []).append(name)
    return tuple(
        SolveInput(
            label="",
            texts=tuple(_pin_text(name, solution) for name in own),
            index=index,
            indexed=tuple(own),
        )
        for index, own in sorted(by_index.items())
    )


def _tags(python: PythonInfo) -> list[Tag]:
    """The wheel tags of the target, best first. The target runs on this machine, so our platform tags are its own."""
    major, minor = (int(part) for part in python.version.split(".")[:2])
    platforms = list(platform_tags())
    interpreter = f"cp{major}{minor}" if python.implementation.lower() == "cpython" else f"pp{major}{minor}"
    tags = list(cpython_tags((major, minor), platforms=platforms)) if interpreter.startswith("cp") else []
    return [*tags, *compatible_tags((major, minor), interpreter, platforms)]


def _is_wheel(address: str) -> bool:
    """Whether the address is that of a wheel; a signed one has a query."""
    return address.partition("#")[0].partition("?")[0].endswith(".whl")
