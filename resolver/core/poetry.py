"""`[tool.poetry.dependencies]` as PEP 508 requirements, where that is exact.

The rules are those of Poetry's page "Dependency specification" (caret, tilde, wildcard, exact; the table's
keys). What they say and PEP 508 cannot, or not simply, raises ValueError with the reason.
"""

from __future__ import annotations

import re

from packaging.specifiers import SpecifierSet
from packaging.version import Version

_SIGNIFICANT = 3
"""Caret and tilde look at major, minor and patch only."""
_TABLE_KEYS = frozenset(
    (
        "version",
        "extras",
        "markers",
        "optional",
        "git",
        "branch",
        "tag",
        "rev",
        "subdirectory",
        "url",
    )
)


def poetry_specifier(constraint: str) -> str:
    """The PEP 440 specifier that means the same; empty for any version.

    `^1.2.3` is `>=1.2.3,<2`, `~1.2` is `>=1.2,<1.3`, `1.2` is `==1.2`. Raises ValueError where there is none.
    """
    if "|" in constraint:
        raise ValueError("alternatives (||) cannot be said in PEP 508")
    # Blanks may stand after an operator and, in place of a comma, between two constraints.
    joined = re.sub(r"([<>=!~^])\s+", r"\1", constraint.strip())
    parts = [_one_specifier(part) for part in re.split(r"[\s,]+", joined) if part]
    specifier = ",".join(part for part in parts if part)
    SpecifierSet(specifier)
    return specifier


def _one_specifier(part: str) -> str:
    if part == "*":
        return ""
    if part.startswith("^"):
        version = Version(part[1:])
        release = version.release[:_SIGNIFICANT]
        bumped = next((index for index, number in enumerate(release) if number), len(release) - 1)
        return f">={version},<{_bump(version, bumped)}"
    if part.startswith("~") and not part.startswith("~="):
        version = Version(part[1:])
        return f">={version},<{_bump(version, min(1, len(version.release) - 1))}"
    if part[0].isdigit() or part[0] == "v":
        return f"=={part}"
    return "=" + part if re.match(r"=[^=]", part) else part


def _bump(version: Version, index: int) -> str:
    numbers = [*version.release[:index], version.release[index] + 1]
    epoch = f"{version.epoch}!" if version.epoch else ""
    return epoch + ".".join(map(str, numbers))


def poetry_requirement(name: str, wanted: object) -> str:
    """One dependency as PEP 508 text; raises ValueError with the reason where that is not exact."""
    if isinstance(wanted, str):
        return name + poetry_specifier(wanted)
    if not isinstance(wanted, dict):
        raise ValueError("neither a string nor a table")  # noqa: TRY004 - it is the user's data that is wrong
    strange = sorted(str(key) for key in wanted if key not in _TABLE_KEYS)
    if strange:
        raise ValueError(f"{', '.join(strange)} cannot be converted")
    texts = {key: value for key, value in wanted.items() if isinstance(value, str)}
    extras = wanted.get("extras", [])
    if not isinstance(extras, list) or not all(isinstance(extra, str) for extra in extras):
        raise ValueError("extras is no list of strings")
    marker = f" ; {texts['markers']}" if texts.get("markers") else ""
    head = f"{name}[{','.join(extras)}]" if extras else name
    url = _url(texts)
    return f"{head} @ {url}{marker}" if url else head + poetry_specifier(texts.get("version", "*")) + marker


def _url(texts: dict[str, str]) -> str:
    if "url" in texts:
        return texts["url"]
    if "git" not in texts:
        return ""
    if not re.match(r"(https?|ssh)://", texts["git"]):
        raise ValueError("the git address is no https:// or ssh:// URL")
    revision = texts.get("rev") or texts.get("tag") or texts.get("branch")
    at = f"@{revision}" if revision else ""
    subdirectory = f"#subdirectory={texts['subdirectory']}" if "subdirectory" in texts else ""
    return f"git+{texts['git']}{at}{subdirectory}"
