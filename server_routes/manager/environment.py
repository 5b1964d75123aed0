"""PIP_CONSTRAINT and UV_CONSTRAINT of this process: what pip and uv beside us must not break.

Standard library alone, and cheap: it is called while ComfyUI starts. What is set here reaches every child of
ComfyUI, ComfyUI-Manager's among them, and outlives its restart by execv. Ours do not see it
(`resolver.io.child_environment`). Which call of Manager's minds which variable: per-line pip the first, per-line
`uv pip install` the second, its `uv pip compile` neither.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path

PIP, UV = "PIP_CONSTRAINT", "UV_CONSTRAINT"
OURS = "SAFE_INSTALL_CONSTRAINTS"
"""What we put into them, so that a later process of the same environment can take it out again."""
FILE = Path("protection", "constraints.txt")
_CORE_MARK = b"# core: "
_protected: list[tuple[Path, Path]] = []
"""What this process has put into its own environment: the constraints, and ComfyUI's requirements.txt."""
_LARGEST = 4 * 1024 * 1024


def protect(state: Path, requirements: Path, environment: MutableMapping[str, str] = os.environ) -> bool:
    """Have pip and uv read what is published in the state folder; whether there is something that can be read.

    The user's own constraints stay. Where nothing is published, or it speaks of another requirements.txt of
    ComfyUI, only what we set before is taken out. Raises nothing.
    """
    expose(environment)
    path = state / FILE
    if not _speaks_of(path, requirements):
        return False
    # Both tools take several, separated by spaces, so a path with spaces must be an address: pip 23 to 26
    # splits at each space, uv 0.13 too, and both read file addresses.
    try:
        address = path.resolve().as_uri()
    except (OSError, ValueError):
        return False
    # The variable takes the place of what pip's own configuration says, so that is said again.
    configured = [] if environment.get(PIP) else _configured(environment)
    if environment is os.environ:
        _protected[:] = [(path, requirements)]
    environment[OURS] = " ".join((address, *configured))
    environment[PIP] = " ".join((*environment.get(PIP, "").split(), *configured, address))
    environment[UV] = " ".join((*environment.get(UV, "").split(), address))
    return True


def expose(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take out what `protect` put in, here or in the process this one was started by."""
    ours = environment.pop(OURS, "").split()
    for name in (PIP, UV) if ours else ():
        rest = [each for each in environment.get(name, "").split() if each not in ours]
        if rest:
            environment[name] = " ".join(rest)
        else:
            environment.pop(name, None)


def in_force() -> Path | None:
    """The constraints this process has put into its own environment; None without."""
    return _protected[0][0] if _protected and OURS in os.environ else None


def is_of_now(constraints: bytes) -> bool:
    """Whether these constraints speak of ComfyUI's requirements.txt as it is now."""
    return any(_is_of(constraints, requirements) for _, requirements in _protected)


def _speaks_of(path: Path, requirements: Path) -> bool:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError:
        return False
    return len(text) <= _LARGEST and _is_of(text, requirements)


def _is_of(constraints: bytes, requirements: Path) -> bool:
    try:
        digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    except OSError:
        return False
    return _CORE_MARK + digest.encode() in constraints.splitlines()


def _configured(environment: MutableMapping[str, str]) -> list[str]:
    """The constraints of pip's configuration files: later files win, and `[install]` wins over `[global]`."""
    found: dict[str, list[str]] = {}
    for path in _configurations(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (OSError, ValueError, configparser.Error):
            continue  # pip will say so itself.
        for section in ("global", "install"):
            for key in ("constraint", "constraints"):
                if value := parser.get(section, key, fallback="").split():
                    found[section] = value
    return found.get("install") or found.get("global") or []


def _configurations(environment: MutableMapping[str, str]) -> Iterator[Path]:
    """Where pip looks (its `configuration.get_configuration_files`), in its order."""
    chosen = environment.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return
    name = "pip.ini" if os.name == "nt" else "pip.conf"
    home = Path("~").expanduser()
    if os.name == "nt":
        yield Path(environment.get("PROGRAMDATA", r"C:\ProgramData"), "pip", name)
        yield home / "pip" / name
        yield Path(environment.get("APPDATA", str(home)), "pip", name)
    else:
        shared = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        yield from (Path(each, "pip", name) for each in reversed(shared.split(":")) if each)
        yield Path("/etc", name)
        yield home / ".pip" / name
        yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config", "pip", name)
        if sys.platform == "darwin":
            yield home / "Library" / "Application Support" / "pip" / name
    yield Path(sys.prefix, name)
    if chosen:
        yield Path(chosen)
