"""Reading what tools write: pinned requirements files."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


def read_pins(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """({name: version}, {name: URL}) of a requirements file with exact versions, as compilers write it."""
    versions: dict[str, str] = {}
    urls: dict[str, str] = {}
    for raw in text.splitlines():
        line = raw.partition(" #")[0].strip().rstrip("\\").strip()
        if not line or line.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            # A bare URL: uv writes one only where it could learn no name.
            urls[line] = line
            continue
        name = canonicalize_name(requirement.name)
        versions[name] = next((part.version for part in requirement.specifier), "")
        if requirement.url:
            urls[name] = requirement.url
    return versions, urls
