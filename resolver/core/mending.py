"""Broken distributions, regarded so that they can be moved aside whole. Pure.

A torn distribution lacks files its RECORD names, or the RECORD itself; a doubled one has several metadata
folders that name the same files. Nobody can take them away by RECORD alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from .ownership import NO_RECORD, Holding, RecordedFile, owners_of
from .types import Distribution

_LEFT = re.compile(r"\.tmp[A-Za-z0-9]{6}")
"""Name of a file that uv was writing when it was killed; nobody else would ever remove it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is to be known of the disk."""

    exists: Callable[[str], bool]
    """Whether something lies at an absolute path, a link included."""
    is_file: Callable[[str], bool]
    names_in: Callable[[str], Collection[str]]
    """The names in a folder; none where there is no folder."""


def regard_broken(
    holdings: Sequence[Holding],
    names: Collection[str],
    known: Mapping[str, Sequence[RecordedFile]],
    ground: Ground,
) -> tuple[Holding, ...]:
    """The holdings, those of `names` with exactly the files that are there.

    `known` are files a distribution without a RECORD probably has: those of the wheel of that version, and
    of the version that is to take its place. Files that others own as well are left to them.
    """
    others = owners_of(each for each in holdings if each.distribution.name not in names).by_path
    return tuple(
        _regarded(each, known.get(each.distribution.name, ()), others, ground)
        if each.distribution.name in names
        else each
        for each in holdings
    )


def _regarded(
    each: Holding, known: Sequence[RecordedFile], others: Mapping[str, object], ground: Ground
) -> Holding:
    distribution = each.distribution
    files = list(each.files)
    if not distribution.record_digest:
        distribution = replace(distribution, record_digest=NO_RECORD)
        named = {file.path for file in files}
        # Without hashes: what lies there may be half written.
        files += [
            RecordedFile(path=file.path)
            for file in known
            if file.path not in named and file.path not in others
        ]
        if ground.is_file(each.metadata_path):  # distutils wrote the metadata as a single file.
            files.append(RecordedFile(path=each.metadata_path))
    there = [file for file in files if ground.exists(file.path)]
    folders = {file.path.rpartition("/")[0] for file in files} if _is_torn(each, files, there) else ()
    left = [
        f"{folder}/{name}" for folder in folders for name in ground.names_in(folder) if _LEFT.fullmatch(name)
    ]
    there += [RecordedFile(path=path) for path in sorted(left) if path not in others]
    return Holding(distribution=distribution, files=tuple(there), metadata_path=each.metadata_path)


def _is_torn(each: Holding, files: Sequence[RecordedFile], there: Sequence[RecordedFile]) -> bool:
    return not each.distribution.installer and (
        each.distribution.record_digest == "" or len(there) < len(files)
    )


def choose_version(copies: Sequence[Distribution], *, left: str, intact: Collection[str]) -> tuple[str, str]:
    """(version, why) that a broken distribution should have.

    `copies` are its metadata folders, `left` the version as we left it (empty: not known), `intact` the
    metadata folders all of whose files are as recorded.
    """
    versions = list(dict.fromkeys(each.version for each in copies if each.version))
    if left and (len(copies) > 1 or left not in versions):
        return left, "as Safe Install left it"
    if len(versions) == 1:
        return versions[0], "the version that is there"
    whole = list(dict.fromkeys(each.version for each in copies if each.metadata_dir in intact))
    if len(whole) == 1:
        return whole[0], "the only one whose files are all there"
    return _newest(whole or versions), "the newest of those listed"


def _newest(versions: Iterable[str]) -> str:
    def key(text: str) -> tuple[int, Version | str]:
        try:
            return (1, Version(text))
        except ValueError:
            return (0, text)

    return max(versions, key=key, default="")
