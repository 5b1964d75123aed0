"""What the user has set in `settings.toml` of the state folder. A file nobody but this machine's user can write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from ..errors import Hint, UsageError

_KNOWN = frozenset({"keep", "manager", "registry", "security", "server"})
PUBLIC_REGISTRY = "https://api.comfy.org"
SECURITY_LEVELS = ("strong", "normal", "normal-", "weak")
NETWORK_MODES = ("public", "private", "offline", "personal_cloud")
"""The words of ComfyUI-Manager 4.3 (data_models, SecurityLevel and NetworkMode)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The table `[server]`: who may call the routes that change anything."""

    hosts: tuple[str, ...] = ()
    """Names, beside loopback names and IP addresses, by which browsers may reach this ComfyUI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    """The table `[security]`: what may be asked for over HTTP, in the words of ComfyUI-Manager's config.ini.

    Counts only where there is no config.ini of Manager's, which otherwise decides.
    """

    security_level: str = "normal"
    """strong, normal, normal- or weak."""
    network_mode: str = "public"
    """public, private, offline or personal_cloud."""
    allow_git_url_install: bool = False
    allow_flagged_nodepack_install: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerSettings:
    """The table `[manager]`: how we live beside ComfyUI-Manager."""

    protect: bool = True
    """Publish core's versions as constraints, so that its pip and uv calls cannot break core."""
    take_over: bool = False
    """Installs clicked in its own window go through us."""
    install_py: bool = False
    """Then install.py of those packs runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """The table `[registry]`: where packs are looked up by id."""

    url: str = PUBLIC_REGISTRY
    offline: bool = False
    """Answer from the cache alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything in the file but `[keep]`, which `retention` reads."""

    server: ServerSettings = field(default_factory=ServerSettings)
    security: SecuritySettings = field(default_factory=SecuritySettings)
    manager: ManagerSettings = field(default_factory=ManagerSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)


def parse_settings(table: Mapping[str, object]) -> Settings:
    """The settings in the file's tables. Raises UsageError `settings-invalid`.

    >>> parse_settings({"server": {"hosts": ["comfy.lan"]}}).server.hosts
    ('comfy.lan',)
    """
    if unknown := sorted(table.keys() - _KNOWN):
        raise invalid_settings(f"there is no table [{unknown[0]}]")
    server = _table(table, "server", {"hosts"})
    manager = _table(table, "manager", {"install_py", "protect", "take_over"})
    registry = _table(table, "registry", {"url", "offline"})
    return Settings(
        server=ServerSettings(hosts=_hosts(server.get("hosts", []))),
        security=_security(table),
        manager=ManagerSettings(
            protect=_flag(manager, "manager", "protect", default=True),
            take_over=_flag(manager, "manager", "take_over", default=False),
            install_py=_flag(manager, "manager", "install_py", default=False),
        ),
        registry=RegistrySettings(
            url=_address(registry.get("url", PUBLIC_REGISTRY)),
            offline=_flag(registry, "registry", "offline", default=False),
        ),
    )


def invalid_settings(why: str) -> UsageError:
    """The error for settings that make no sense."""
    return UsageError(
        "settings-invalid",
        f"The settings cannot be used: {why}.",
        hints=(Hint("fix-settings-file", "Correct settings.toml in the state folder, or remove it."),),
    )


def _table(table: Mapping[str, object], name: str, known: set[str]) -> Mapping[str, object]:
    value = table.get(name, {})
    if not isinstance(value, dict):
        raise invalid_settings(f"[{name}] must be a table")
    if unknown := sorted(value.keys() - known):
        raise invalid_settings(f"[{name}] has no setting {unknown[0]}")
    return value


def _security(table: Mapping[str, object]) -> SecuritySettings:
    given = _table(table, "security", {each.name for each in fields(SecuritySettings)})
    usual = SecuritySettings()
    return SecuritySettings(
        security_level=_word(given, "security_level", usual.security_level, SECURITY_LEVELS),
        network_mode=_word(given, "network_mode", usual.network_mode, NETWORK_MODES),
        allow_git_url_install=_flag(given, "security", "allow_git_url_install", default=False),
        allow_flagged_nodepack_install=_flag(
            given, "security", "allow_flagged_nodepack_install", default=False
        ),
    )


def _word(table: Mapping[str, object], key: str, usual: str, known: tuple[str, ...]) -> str:
    value = table.get(key, usual)
    if value not in known:
        raise invalid_settings(f"{key} in [security] must be one of {', '.join(known)}")
    return str(value)


def _flag(table: Mapping[str, object], name: str, key: str, *, default: bool) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise invalid_settings(f"{key} in [{name}] must be true or false")
    return value


def _hosts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise invalid_settings("hosts in [server] must be a list of names")
    return tuple(str(each).lower() for each in value)


def _address(value: object) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid_settings("url in [registry] must be an http or https address")
    return str(value).rstrip("/")
