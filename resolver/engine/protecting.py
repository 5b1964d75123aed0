"""What core needs, published as a constraints file for the pip and uv calls that others make beside us.

ComfyUI-Manager installs line by line with pip or `uv pip`, and neither looks at what core needs. Both read
constraints named in the environment (PIP_CONSTRAINT, UV_CONSTRAINT), so that a line that would break core fails
instead. This writes the file; who sets the variables is `server_routes.manager.environment`.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from ..core.families import as_installed
from ..core.protection import core_closure, limit_texts, pins_of, runtime_limits
from ..core.rules import Rules
from ..core.types import Environment, Gathered
from ..core.wishes import read_wishes
from ..ports import Site
from ..transaction import fs

FOLDER = "protection"
CONSTRAINTS = "constraints.txt"
CORE_MARK = "# core: "
"""Before the sha256 of core's requirements.txt: of another one these constraints say nothing."""
_INSTALLERS = frozenset({"pip", "setuptools", "wheel"})
"""Constraints count for the environments packages are built in as well, and those need other installers."""


def constraints_of(environment: Environment, core: Gathered, rules: Rules) -> tuple[str, ...]:
    """Constraint lines: core's closure and the kept families as installed, and the bounds of our own runtime.

    What core itself does not accept as it is now is left out, so that anybody can mend it.
    """
    read = read_wishes(core.lines, rules=rules, environment=environment, allowed=("urls",))
    lines = as_installed(read.lines, rules=rules, environment=environment)
    pins = pins_of(environment, lines, rules, repair=True)
    reached = core_closure(environment, lines)
    names = {name for name in pins if name in reached or rules.keeping(name)} - _INSTALLERS
    exact = {name: f"{name}=={pins[name].version}" for name in names}
    bounds = limit_texts(runtime_limits(environment, {name: pins[name] for name in names}))
    return tuple(sorted(text for text in (*exact.values(), *bounds) if _is_readable(text)))


def publish(site: Site) -> Path:
    """The constraints file in the state folder, as everything is now; durable. Blocks. Raises OSError."""
    folder = site.state / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    requirements = Path(site.requirements_file)
    text = "".join(
        f"{line}\n"
        for line in (
            "# Written by Safe Install after each change: what ComfyUI needs, for pip and uv beside it.",
            f"{CORE_MARK}{digest_of(requirements)}",
            *constraints_of(site.environment(), site.core(), site.rules),
        )
    )
    path = folder / CONSTRAINTS
    with suppress(OSError):
        if fs.read_regular(path).decode("utf-8") == text:
            return path
    fs.write_bytes(path, text.encode())
    return path


def refresh(site: Site) -> None:
    """Publish anew where somebody makes use of it: the running ComfyUI has published before. Raises OSError."""
    if (site.state / FOLDER).is_dir():
        publish(site)


def withdraw(state: Path) -> None:
    """Nothing is published any more. Raises OSError."""
    fs.remove_tree(state / FOLDER)


def digest_of(requirements: Path) -> str:
    """sha256 of core's requirements.txt, hexadecimal; empty where it cannot be read."""
    try:
        return hashlib.sha256(requirements.read_bytes()).hexdigest()
    except OSError:
        return ""


def _is_readable(text: str) -> bool:
    """Whether pip and uv can read the line; one version no standard knows would make every call of theirs fail."""
    try:
        return not Requirement(text).url
    except InvalidRequirement:
        return False
