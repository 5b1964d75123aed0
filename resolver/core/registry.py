"""What the Comfy Registry says of packs, versions and nodes. Values alone; `registry_answers` reads them. Pure.

Field names and meanings are those of the Registry's published OpenAPI document (https://api.comfy.org/openapi).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from packaging.version import InvalidVersion, Version

from .types import Finding

Value = TypeVar("Value")

ACTIVE = "active"
PENDING = "pending"
"""Not looked through yet; clears by itself."""
FLAGGED = "flagged"
"""The Registry's security scan found something; does not clear by itself."""
BANNED = "banned"
DELETED = "deleted"
INSTALLABLE = (ACTIVE, PENDING)
"""What ComfyUI-Manager asks for as well (`cnr_utils.all_versions_of_node`)."""

NIGHTLY = "nightly"
"""The head of the pack's repository instead of a published version."""
LATEST = "latest"
UNCLAIMED = "unclaimed"
"""Id and name of the publisher of packs nobody has claimed: they have no installable version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[Value]):
    """What the Registry answered, and when."""

    value: Value
    age: float = 0.0
    """Seconds since it was asked; 0 for an answer of right now."""
    findings: tuple[Finding, ...] = ()
    """`registry-answer-old` where an old answer had to do, because the Registry was not reached or not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Where a pack or version says it runs; empty means that it does not say."""

    systems: tuple[str, ...] = ()
    """As written, such as `Microsoft :: Windows`, `OS Independent`, `linux`."""
    accelerators: tuple[str, ...] = ()
    """As written, such as `GPU :: NVIDIA CUDA`, `CUDA`."""
    comfyui: str = ""
    """Versions of ComfyUI, as a PEP 440 specifier."""
    frontend: str = ""
    """Versions of comfyui-frontend-package, as a PEP 440 specifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryVersion:
    """One published version of a pack (`NodeVersion`)."""

    pack: str
    """Id of the pack it is of."""
    version: str
    """Three numbers by the Registry's rule; as written."""
    status: str = ACTIVE
    """active, pending, flagged, banned, deleted; another word where the Registry has learnt one."""
    status_reason: str = ""
    download_url: str = ""
    dependencies: tuple[str, ...] = ()
    """Requirement lines as they were when it was published: a preview, not what its files say."""
    changelog: str = ""
    created: str = ""
    deprecated: bool = False
    support: Support = field(default_factory=Support)

    @property
    def order(self) -> tuple[bool, Version, str]:
        """A key to sort by: the newest is the greatest, what is no version is the smallest."""
        try:
            return (True, Version(self.version), self.version)
        except InvalidVersion:
            return (False, Version("0"), self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPack:
    """One pack (`Node`)."""

    id: str
    name: str = ""
    description: str = ""
    author: str = ""
    publisher: str = ""
    """Id of its publisher; empty where it has none."""
    publisher_name: str = ""
    repository: str = ""
    license: str = ""
    icon: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    downloads: int = 0
    github_stars: int = 0
    rating: float = 0.0
    created: str = ""
    status: str = ACTIVE
    """active, banned, deleted; another word where the Registry has learnt one."""
    status_detail: str = ""
    latest: RegistryVersion | None = None
    """None for a pack without a version (`nightly` is what there is)."""
    preempted_nodes: tuple[str, ...] = ()
    """Node types that are this pack's though others have them too."""
    support: Support = field(default_factory=Support)

    @property
    def unclaimed(self) -> bool:
        """Whether nobody has claimed it: there is no version to install, only its repository."""
        return UNCLAIMED in (self.publisher.lower(), self.publisher_name.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """One page of packs."""

    packs: tuple[RegistryPack, ...] = ()
    total: int = 0
    page: int = 1
    """From 1."""
    limit: int = 0
    """Packs to a page, as served: the Registry lowers what is too much."""
    pages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ComfyNode:
    """One node type of a version (`ComfyNode`)."""

    name: str
    """The class name workflows use."""
    category: str = ""
    description: str = ""
    deprecated: bool = False
    experimental: bool = False
    policy: str = ACTIVE
    """active, banned, localonly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionState:
    """What a bulk question told of one version."""

    pack: str
    version: str
    found: RegistryVersion | None = None
    """None where the Registry does not know it, or could not tell."""
    error: str = ""
    """Why it could not tell; empty where it knows, or knows it not."""
