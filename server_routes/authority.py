"""Names and ports, as the headers Host and Origin write them. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_AUTHORITY = re.compile(r"^(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._\-]+)(?::(?P<port>[0-9]{1,5}))?$")
_ORIGIN = re.compile(r"^(?P<scheme>https?)://(?P<authority>[^/?#@\s]+)$")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Authority:
    """A name and, where one is written, a port."""

    name: str
    """In small letters, without a dot at the end; an IPv6 address in its shortest form, without brackets."""
    port: int | None = None

    @property
    def is_address(self) -> bool:
        """True for an IP address. No page of another site can have one of ours as its own name."""
        try:
            ipaddress.ip_address(self.name)
        except ValueError:
            return False
        return True

    @property
    def is_loopback(self) -> bool:
        """True for this machine's own addresses, and for the names that always mean them (RFC 6761)."""
        if self.is_address:
            return ipaddress.ip_address(self.name).is_loopback
        return self.name == "localhost" or self.name.endswith(".localhost")

    def at(self, scheme: str) -> tuple[str, int]:
        """Name and port, with the scheme's own port where none is written."""
        return self.name, self.port if self.port is not None else _DEFAULT_PORTS[scheme]

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a page comes from, as its browser says."""

    scheme: str
    authority: Authority

    @property
    def place(self) -> tuple[str, int]:
        """Name and port."""
        return self.authority.at(self.scheme)


def read_authority(text: str) -> Authority | None:
    """`name`, `name:port` or `[IPv6]:port`; None for anything else, a user's name or a path included.

    >>> read_authority("LocalHost:8188")
    Authority(name='localhost', port=8188)
    """
    match = _AUTHORITY.match(text.strip().lower())
    if match is None:
        return None
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port <= _LARGEST_PORT:
        return None
    name = match["name"]
    if name.startswith("["):
        try:
            return Authority(str(ipaddress.IPv6Address(name[1:-1])), port)
        except ValueError:
            return None
    name = name.removesuffix(".")
    return Authority(name, port) if name and not name.startswith(".") and ".." not in name else None


def read_name(text: str) -> Authority | None:
    """What a user or `--listen` writes for a name: like a Host header, or an IPv6 address without brackets."""
    try:
        return Authority(str(ipaddress.ip_address(text.strip())))
    except ValueError:
        return read_authority(text)


def read_origin(text: str) -> Origin | None:
    """An http or https origin; None for `null`, for other schemes, and for what is no origin at all.

    >>> read_origin("https://comfy.example").place
    ('comfy.example', 443)
    """
    match = _ORIGIN.match(text.strip().lower())
    authority = read_authority(match["authority"]) if match else None
    return Origin(match["scheme"], authority) if match and authority else None
