"""Where an installed pack came from, and by which names a user may mean it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from packaging.version import InvalidVersion, Version

from .pack_names import fold_name
from .types import Pack

REGISTRY, NIGHTLY, GIT, LOCAL = "registry", "nightly", "git", "local"

_SCHEME = re.compile(r"^(?:git\+)?[a-z][a-z0-9+.-]*://(?:[^/@]*@)?", re.IGNORECASE)
_SCP_LIKE = re.compile(r"^(?:[^/@:]+@)?(?P<host>[^/:]+):(?!//)(?P<path>.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOrigin:
    """Where a pack came from, by the marks ComfyUI-Manager leaves too (4.3, `cnr_utils`, `node_package`)."""

    kind: str = LOCAL
    """registry (it has `.tracking`), nightly (a repository with `.git/.cnr-id`), git (another repository) or local."""
    id: str = ""
    """Its id in the Registry, by `.git/.cnr-id` or `[project] name`; empty where it says none."""
    url: str = ""
    """Its repository, redacted; empty without one."""
    branch: str = ""
    """The branch that is checked out; empty for a tag or commit."""


def disabled_name(pack: Pack, origin: PackOrigin) -> str:
    """What its folder is called in `custom_nodes/.disabled`: the version is told as ComfyUI-Manager tells it.

    The folder's own name is kept, so that enabling brings it back to the very place; Manager reads the id
    from the files (4.3, `InstalledNodePackage.from_fullpath`).
    """
    name = f"{pack.name}.py" if pack.is_file else pack.name
    if origin.kind == REGISTRY and pack.version:
        return f"{name}@{pack.version.replace('.', '_')}"
    return f"{name}@nightly" if origin.kind == NIGHTLY else name


def repository_url(origin: PackOrigin) -> str:
    """The address git takes; empty without one. A plain path becomes a file URL."""
    url = origin.url.replace("://***@", "://")  # What was a password there is not known any more.
    if "://" not in url and PurePath(url).is_absolute():
        return PurePath(url).as_uri()
    return url


def same_repository(one: str, other: str) -> bool:
    """Whether two addresses mean the same repository: scheme, user and `.git` do not count.

    >>> same_repository("git@example.org:a/B.git", "https://example.org/a/b")
    True
    """
    return bool(one and other) and _plain_address(one) == _plain_address(other)


def _plain_address(text: str) -> str:
    text = text.strip()
    if not _SCHEME.match(text) and (scp := _SCP_LIKE.match(text)):
        text = f"{scp['host']}/{scp['path']}"
    return _SCHEME.sub("", text).rstrip("/").removesuffix(".git").casefold()


def matching(packs: Sequence[tuple[Pack, PackOrigin]], subject: str) -> tuple[tuple[Pack, PackOrigin], ...]:
    """The packs a user means: by the folder's very name, else its name in other case, else id, else repository."""
    folded = fold_name(subject)
    tests = (
        lambda pack, _: pack.name == subject,
        lambda pack, _: fold_name(pack.name) == folded,
        lambda _, origin: bool(origin.id) and fold_name(origin.id) == folded,
        lambda _, origin: same_repository(origin.url, subject),
    )
    for test in tests:
        if found := tuple((pack, origin) for pack, origin in packs if test(pack, origin)):
            return found
    return ()


def by_version(packs: Sequence[Pack]) -> list[Pack]:
    """The packs, newest version first; what has none comes last."""

    def key(pack: Pack) -> tuple[bool, Version]:
        try:
            return True, Version(pack.version)
        except InvalidVersion:
            return False, Version("0")

    return sorted(packs, key=key, reverse=True)
