"""What the Registry has, beside what is installed: for whoever looks for packs. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..core.pack_names import fold_name
from ..core.pack_origin import NIGHTLY as IS_NIGHTLY
from ..core.pack_origin import REGISTRY
from ..core.registry import FLAGGED, INSTALLABLE, RegistryPack, RegistryVersion, SearchPage, Support
from ..core.registry_judgement import Judgement, judge
from ..core.registry_preview import dependency_lines
from ..core.types import Finding
from ..errors import RefusedError, redact
from ..ports import Fetches, KnowsPacks
from ..registry_port import Registry

_SHOWN = (*INSTALLABLE, FLAGGED)


class Place(Fetches, KnowsPacks, Protocol):
    """A site, as far as looking needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of packs."""

    page: SearchPage
    age: float
    """Seconds since the Registry said so."""
    findings: tuple[Finding, ...] = ()
    installed: Mapping[str, str] = field(default_factory=dict)
    """{id, folded: version that is installed, `nightly` for a repository}."""

    def to_dict(self) -> dict[str, object]:
        """The page as a JSON object."""
        page = self.page
        return {
            "packs": [
                {**_pack(each), "installed": self.installed.get(fold_name(each.id), "")}
                for each in page.packs
            ],
            "total": page.total,
            "page": page.page,
            "pages": page.pages,
            "limit": page.limit,
            "age": round(self.age),
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One pack with its versions, each judged."""

    pack: RegistryPack
    versions: tuple[tuple[RegistryVersion, Judgement], ...]
    """Newest first."""
    nightly: Judgement
    """Of the head of its repository."""
    age: float
    findings: tuple[Finding, ...] = ()
    installed: str = ""

    def to_dict(self) -> dict[str, object]:
        """The pack as a JSON object."""
        return {
            **_pack(self.pack),
            "installed": self.installed,
            "status_detail": redact(self.pack.status_detail),
            "support": _support(self.pack.support),
            "versions": [{**_version(each), **_judgement(judged)} for each, judged in self.versions],
            "nightly": _judgement(self.nightly),
            "age": round(self.age),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def search(
    registry: Registry,
    text: str,
    *,
    node: str = "",
    page: int = 1,
    limit: int = 30,
    installed: Mapping[str, str] | None = None,
) -> Found:
    """One page of packs for the text; with `node` those that have a node type named so. Blocks.

    Raises what `Registry` raises.
    """
    told = (
        registry.search_by_node(node, page=page, limit=limit)
        if node
        else registry.search(text, page=page, limit=limit)
    )
    return Found(page=told.value, age=told.age, findings=told.findings, installed=installed or {})


def look_up(site: Place, pack: str) -> Detail:
    """One pack with its versions, judged for this environment. Blocks. Raises what `Registry` raises."""
    registry, here = site.registry, site.here()
    told = registry.pack(pack)
    age, findings = told.age, told.findings
    versions: tuple[RegistryVersion, ...] = ()
    try:
        listed = registry.versions(told.value.id, _SHOWN)
    except RefusedError:
        pass  # Of a banned one nothing is listed; that it is banned, its judgements say.
    else:
        versions, age = listed.value, max(age, listed.age)
        findings = tuple(dict.fromkeys((*findings, *listed.findings)))
    return Detail(
        pack=told.value,
        versions=tuple((each, judge(told.value, each, here)) for each in versions),
        nightly=judge(told.value, None, here),
        age=age,
        findings=findings,
        installed=installed_ids(site).get(fold_name(told.value.id), ""),
    )


def installed_ids(site: KnowsPacks) -> dict[str, str]:
    """{id in the Registry, folded: version, or `nightly`} of the enabled packs. Reads a few small files each."""
    found = {}
    for pack in site.every_pack():
        origin = site.origin_of(pack)
        if not pack.disabled and origin.id and origin.kind in (REGISTRY, IS_NIGHTLY):
            found[fold_name(origin.id)] = "nightly" if origin.kind == IS_NIGHTLY else pack.version
    return found


def _pack(pack: RegistryPack) -> dict[str, object]:
    return {
        "id": pack.id,
        "name": pack.name,
        "description": pack.description,
        "author": pack.author,
        "publisher": pack.publisher_name or pack.publisher,
        "repository": redact(pack.repository),
        "license": pack.license,
        "icon": redact(pack.icon),
        "category": pack.category,
        "tags": list(pack.tags),
        "downloads": pack.downloads,
        "github_stars": pack.github_stars,
        "created": pack.created,
        "status": pack.status,
        "unclaimed": pack.unclaimed,
        "latest": pack.latest.version if pack.latest else "",
    }


def _version(version: RegistryVersion) -> dict[str, object]:
    return {
        "version": version.version,
        "status": version.status,
        "status_reason": redact(version.status_reason),
        "created": version.created,
        "changelog": version.changelog,
        "deprecated": version.deprecated,
        "dependencies": [redact(line) for line in dependency_lines(version.dependencies)],
        "support": _support(version.support),
    }


def _support(support: Support) -> dict[str, object]:
    return {
        "systems": list(support.systems),
        "accelerators": list(support.accelerators),
        "comfyui": support.comfyui,
        "frontend": support.frontend,
    }


def _judgement(judgement: Judgement) -> dict[str, object]:
    return {
        "findings": _dicts(judgement.findings),
        "refusals": _dicts(judgement.refusals),
    }


def _dicts(findings: Sequence[Finding]) -> list[dict[str, object]]:
    return [finding.to_dict() for finding in findings]
