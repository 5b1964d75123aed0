"""RECORD files: which files a distribution has, and whether they are still what was installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ..core.layout import Layout
from ..core.ownership import Holding, RecordedFile, is_bytecode
from ..core.types import Distribution, Environment, Finding, PythonInfo
from ..errors import Hint, SafeInstallError
from ..transaction.fs import open_regular
from .metadata import LARGEST_RECORD

_CHUNK = 1024 * 1024
_WINDOWS = os.name == "nt"
_EXAMPLES = 5
_SEVERAL = 64
"""Files from which on hashing is shared between threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One file that is not what RECORD says."""

    path: str
    kind: str
    """`missing`, `size` or `content`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Every distribution of an environment with its files."""

    holdings: tuple[Holding, ...]
    findings: tuple[Finding, ...]


def slashed(path: str) -> str:
    """The path as `core.layout` wants it."""
    return path.replace("\\", "/") if _WINDOWS else path


def read_record(
    layout: Layout, site: str, metadata_dir: str, *, folder: str = ""
) -> tuple[RecordedFile, ...]:
    """The files a RECORD names, with their places in the live environment `layout` (PEP 376, PEP 627).

    `site` is the live site directory its paths are relative to. `folder` is where the metadata folder
    lies now, when not there: in a stage or a payload.

    Raises SafeInstallError `record-missing`, `record-unreadable`, and `record-outside-prefix` for an entry
    that leads out of the environment, by `..`, as an absolute path or through a link, or to the interpreter.
    """
    files, outside = _read_record(layout, site, metadata_dir, folder)
    if outside:
        raise SafeInstallError(
            "record-outside-prefix",
            f"The RECORD in {metadata_dir} names files outside the environment, such as {outside[0]}.",
            context={"metadata": metadata_dir, "path": outside[0], "environment": layout.data},
            hints=(Hint("reinstall", "This distribution was not installed properly; install it again."),),
        )
    return files


def installed_holdings(environment: Environment) -> Installed:
    """Every distribution with its files. Blocks, some 50 ms for 30,000 files.

    A RECORD that cannot be read or that leads outside is a finding, not an end: the distribution is given
    without its digest and so cannot be moved, and what it owns inside stays its own.
    """
    layout = Layout.of(environment.python)
    holdings: list[Holding] = []
    findings: list[Finding] = []
    for distribution in environment.distributions:
        files: tuple[RecordedFile, ...] = ()
        known = distribution
        if distribution.record_digest:
            try:
                files, outside = _read_record(layout, distribution.site, distribution.metadata_dir, "")
            except SafeInstallError as error:
                outside = [error.message]
            if outside:
                known = replace(distribution, record_digest="")
                findings.append(_unusable(distribution, outside[0]))
        holdings.append(
            Holding(
                distribution=known,
                files=files,
                metadata_path=f"{slashed(distribution.site)}/{distribution.metadata_dir}",
            )
        )
    return Installed(holdings=tuple(holdings), findings=tuple(findings))


def check_files(files: Iterable[RecordedFile], *, hashes: bool = True) -> tuple[Damage, ...]:
    """What is missing or changed, by path. Blocks: half a second for 30,000 files or 350 MB.

    RECORD itself and bytecode have no hash and are only looked for, bytecode not even that.
    `hashes=False` compares sizes only.
    """
    listed = [file for file in files if not is_bytecode(file.path)]
    if not hashes or len(listed) < _SEVERAL:
        found = [_damage(file, hashes=hashes) for file in listed]
    else:
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            found = list(pool.map(_damage, listed))
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.path))


def verify_distribution(
    python: PythonInfo, distribution: Distribution, *, hashes: bool = True, accepted: Collection[str] = ()
) -> tuple[Finding, ...]:
    """What is wrong with the files of one installed distribution; empty when all are as recorded. Blocks.

    `accepted` are places (as `Layout.label` gives them) where the published wheel does not match its own RECORD.
    """
    if not distribution.record_digest:
        return ()
    try:
        layout = Layout.of(python)
        files = read_record(layout, distribution.site, distribution.metadata_dir)
    except SafeInstallError as error:
        return (_unusable(distribution, error.message),)
    damages = tuple(
        each for each in check_files(files, hashes=hashes) if layout.label(each.path) not in accepted
    )
    return tuple(_describe(distribution, damages))


def _describe(distribution: Distribution, damages: tuple[Damage, ...]) -> Iterator[Finding]:
    missing = [each.path for each in damages if each.kind == "missing"]
    changed = [each.path for each in damages if each.kind != "missing"]
    for code, words, paths in (
        ("files-missing", "missing", missing),
        ("files-changed", "not what was installed", changed),
    ):
        if paths:
            more = f" and {len(paths) - _EXAMPLES} more" if len(paths) > _EXAMPLES else ""
            yield Finding(
                code=code,
                message=f"{distribution.name} {distribution.version}: {len(paths)} files are {words}: "
                f"{', '.join(paths[:_EXAMPLES])}{more}.",
                file=os.path.join(distribution.site, distribution.metadata_dir),
                hints=(Hint("repair", f"`safe-install repair {distribution.name}` installs it again."),),
            )


def _unusable(distribution: Distribution, why: str) -> Finding:
    return Finding(
        code="unusable-record",
        message=f"{distribution.name} {distribution.version} cannot be replaced safely: its RECORD does not "
        f"say what its files are ({why}).",
        file=os.path.join(distribution.site, distribution.metadata_dir),
        hints=(Hint("reinstall", "Install it again with the tool that installed it."),),
    )


def _damage(file: RecordedFile, *, hashes: bool = True) -> Damage | None:
    try:
        digest = hashlib.new(file.algorithm, usedforsecurity=False) if hashes and file.digest else None
    except (ValueError, TypeError):  # An algorithm this Python does not have: then only the size is known.
        digest = None
    try:
        with open_regular(file.path) as stream:
            if file.size >= 0 and os.fstat(stream.fileno()).st_size != file.size:
                return Damage(path=file.path, kind="size")
            if digest is None:
                return None
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return Damage(path=file.path, kind="missing")
    actual = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")
    return None if actual == file.digest.rstrip("=") else Damage(path=file.path, kind="content")


def _read_record(
    layout: Layout, site: str, metadata_dir: str, folder: str
) -> tuple[tuple[RecordedFile, ...], list[str]]:
    """The files inside the environment, and the entries that lead outside."""
    path = os.path.join(folder or os.path.join(site, metadata_dir), "RECORD")
    places = _Places(layout, slashed(site))
    files: list[RecordedFile] = []
    outside: list[str] = []
    try:
        if os.stat(path).st_size > LARGEST_RECORD:
            raise ValueError(f"it has more than {LARGEST_RECORD} bytes")
        with open_regular(path) as stream:
            # At once: a thread that reads on every few lines takes the interpreter back before any other gets it,
            # and a server's event loop then waits for the whole of a long RECORD.
            text = stream.read(LARGEST_RECORD + 1).decode("utf-8")
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            if not row or not row[0]:
                continue
            place = places.of(row[0])
            if place is None:
                outside.append(row[0])
                continue
            algorithm, _, digest = row[1].partition("=") if len(row) > 1 else ("", "", "")
            size = int(row[2]) if len(row) > 2 and row[2].isdecimal() else -1  # noqa: PLR2004
            files.append(RecordedFile(path=place, algorithm=algorithm, digest=digest, size=size))
    except FileNotFoundError as error:
        raise SafeInstallError(
            "record-missing", f"{metadata_dir} has no RECORD.", context={"metadata": metadata_dir}
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        raise SafeInstallError(
            "record-unreadable",
            f"The RECORD in {metadata_dir} cannot be read: {error}",
            context={"metadata": metadata_dir},
        ) from error
    return tuple(files), outside


class _Places:
    """From entries of one RECORD to places in the environment."""

    def __init__(self, layout: Layout, site: str) -> None:
        self._site = site
        self._layout = layout
        self._roots = [root for _, root in layout.roots]
        self._resolved: dict[str, str | None] = {}

    def of(self, entry: str) -> str | None:
        """The absolute path of an entry, or None where it leads out of the environment."""
        if "\0" in entry:
            return None
        if _WINDOWS:
            entry = entry.replace("\\", "/")
        if entry[0] not in "./" and "/." not in entry and "//" not in entry and ":" not in entry:
            return f"{self._site}/{entry}"
        path = slashed(os.path.normpath(os.path.join(self._site, entry)))
        parent, _, name = path.rpartition("/")
        if parent not in self._resolved:
            self._resolved[parent] = self._inside(parent)
        inside = self._resolved[parent]
        place = "" if inside is None or not name else f"{inside}/{name}"
        return None if not place or self._layout.is_pythons_own(place) else place

    def _inside(self, folder: str) -> str | None:
        """The folder as the layout spells it, links on the way resolved: `lib64` may be a link to `lib`."""
        real = os.path.realpath(folder)
        for root in self._roots:
            base = os.path.realpath(root)
            if os.path.normcase(real + os.sep).startswith(os.path.normcase(base.rstrip(os.sep) + os.sep)):
                return f"{root}{slashed(real[len(base) :])}"
        return None
