"""Where an installed distribution came from (PEP 610), compared with what a line asks for."""

from __future__ import annotations

import re

from ..errors import redact
from .types import Distribution, Environment

_COMMIT = re.compile(r"[0-9a-f]{40}")


def installed_from(url: str, name: str, environment: Environment) -> Distribution | None:
    """The distribution that was installed from that URL; `name` may be empty."""
    return next(
        (
            dist
            for dist in environment.distributions
            if name in ("", dist.name) and dist.origin and is_from(url, dist.origin)
        ),
        None,
    )


def is_from(url: str, origin: str) -> bool:
    """Whether `url`, as somebody wrote it, is where `origin` came from. A branch may have moved since."""
    (wanted, ref), (found, commit) = _reference(url), _reference(origin)
    return wanted == found and (ref == commit or not _COMMIT.fullmatch(ref))


def _reference(url: str) -> tuple[str, str]:
    """(where, ref) of a direct reference, without credentials: `git+https://host/x@v1#egg=x` gives `v1`."""
    where, _, fragment = redact(url).partition("#")
    subdirectory = next((part for part in fragment.split("&") if part.startswith("subdirectory=")), "")
    path, at, ref = where.rpartition("@")
    if where.startswith("git+") and at and "://" in path and "/" in path.partition("://")[2]:
        return f"{path}#{subdirectory}", ref
    return f"{where}#{subdirectory}", ""
