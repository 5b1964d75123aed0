"""How this ComfyUI stands: what its owner allows over HTTP, and who can reach it."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import TYPE_CHECKING

from ..resolver.core.settings import SecuritySettings
from .authority import read_name
from .security import Standing

if TYPE_CHECKING:
    from .desk import Desk

_GIT_LEVELS = frozenset({"normal-", "weak"})


def read_standing(state: Path, listens_on: tuple[str, ...], settings: SecuritySettings) -> Standing:
    """How this ComfyUI stands now. Blocks; reads a small file anew each time.

    Manager's config.ini decides where there is one, `[security]` of our settings.toml elsewhere, and Manager's own
    defaults for what neither says.
    """
    addresses = [read_name(each) for each in listens_on]
    local = bool(addresses) and all(each is not None and each.is_loopback for each in addresses)
    # Manager 4.3 and late 3.x keep it in a system user's folder, older ones in the default user's.
    new, old = (state.parent / folder / "config.ini" for folder in ("__manager", "default/ComfyUI-Manager"))
    if (given := _read_config(new)) is not None:
        return standing_of_config(given, local=local, source=str(new))
    if (given := _read_config(old)) is not None:
        # Manager 3.x has no setting for git URLs: it allows them by its level (its tier high+).
        by_level = str(given.get("security_level", "").strip().lower() in _GIT_LEVELS)
        return standing_of_config({"allow_git_url_install": by_level, **given}, local=local, source=str(old))
    return standing_of_settings(settings, local=local, source=str(state / "settings.toml"))


def standing_at(desk: Desk) -> Standing:
    """How the ComfyUI of this desk stands now. Blocks. Raises UsageError `settings-invalid`."""
    return read_standing(desk.host.state, desk.host.listens_on, desk.settings().security)


def standing_of_config(given: dict[str, str], *, local: bool, source: str) -> Standing:
    """How it stands by the table `[default]` of Manager's config.ini (`read_config` of 4.3). Pure."""
    return Standing(
        level=given.get("security_level", "normal").strip().lower(),
        network=given.get("network_mode", "public").strip().lower(),
        local=local,
        git_urls=_is_true(given, "allow_git_url_install"),
        flagged=_is_true(given, "allow_flagged_nodepack_install"),
        source=source,
    )


def standing_of_settings(settings: SecuritySettings, *, local: bool, source: str) -> Standing:
    """How it stands by the table `[security]` of our settings.toml. Pure."""
    return Standing(
        level=settings.security_level,
        network=settings.network_mode,
        local=local,
        git_urls=settings.allow_git_url_install,
        flagged=settings.allow_flagged_nodepack_install,
        source=source,
    )


def _is_true(given: dict[str, str], key: str) -> bool:
    return given.get(key, "").strip().lower() == "true"


def _read_config(path: Path) -> dict[str, str] | None:
    """The table `[default]`; None without a file. A file that makes no sense says nothing, as for Manager."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError:
        return None
    except OSError:
        return {}
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(text)
        return dict(parser["default"])
    except (configparser.Error, KeyError):
        return {}
