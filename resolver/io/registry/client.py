"""The Registry behind its port: asks it, remembers what it said, and makes do with that when it must."""

from __future__ import annotations

import threading
import time
import urllib.parse
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...core.registry import (
    ACTIVE,
    BANNED,
    INSTALLABLE,
    Answer,
    ComfyNode,
    RegistryPack,
    RegistryVersion,
    SearchPage,
    VersionState,
)
from ...core.registry_answers import (
    parse_message,
    parse_nodes,
    parse_pack,
    parse_page,
    parse_states,
    parse_version,
    parse_versions,
)
from ...core.registry_judgement import no_version
from ...core.types import Finding
from ...errors import Hint, SafeInstallError, UsageError, from_os_error
from ...registry_port import Downloaded, OnBytes
from ..downloads import may_follow
from .conversation import DAY, HOUR, MINUTE, Conversation
from .refusals import check_same, pack_missing, refuse_missing, version_missing
from .reply import Reply
from .shelf import Shelf

if TYPE_CHECKING:
    from .web.asking import Web

_Value = TypeVar("_Value")

_FRESH_LIST = 10 * MINUTE
_FRESH_VERSION = HOUR
_FRESH_OWNER = DAY
_FRESH_NODES = 7 * DAY
"""The nodes of a published version do not change; that it was looked into may come later."""
_MOST_AT_ONCE = 1000
"""Versions in one bulk question, by the Registry's own limit."""
_NODES_PER_PAGE = 100
_STATUS = {
    each: f"NodeVersionStatus{each.capitalize()}"
    for each in ("active", "pending", "flagged", "banned", "deleted")
}


class RegistryClient(Conversation):
    """The `Registry` of `registry_port`. Every method blocks; any thread may call."""

    @property
    def shelf(self) -> Shelf:
        """Archives that were downloaded."""
        return Shelf(self.cache / "archives")

    def anew(self, cancel: threading.Event | None = None) -> RegistryClient:
        """The same, which asks anew: what was true ten minutes ago is no ground to install on."""
        return replace(self, refresh=True, cancel=cancel)

    # --- packs --------------------------------------------------------------------------------------------

    def search(self, text: str, *, page: int = 1, limit: int = 30) -> Answer[SearchPage]:
        """One page of the packs that match; an empty text lists all."""
        query = [("page", str(max(1, page))), ("limit", str(max(1, limit)))]
        if not text.strip():
            return self._listed("/nodes", query)
        return self._listed("/nodes/search", [("search", text.strip()), *query])

    def search_by_node(self, class_name: str, *, page: int = 1, limit: int = 30) -> Answer[SearchPage]:
        """One page of the packs that have a node type whose name matches."""
        query = [
            ("comfy_node_search", class_name),
            ("page", str(max(1, page))),
            ("limit", str(max(1, limit))),
        ]
        return self._listed("/nodes/search", query)

    def pack(self, pack: str) -> Answer[RegistryPack]:
        """The pack of that id."""

        def read(reply: Reply) -> RegistryPack:
            if reply.status == HTTPStatus.FORBIDDEN:
                # Of what it has banned the Registry need not tell more; its judgement is the same.
                return RegistryPack(id=pack, status=BANNED, status_detail=parse_message(reply.value))
            refuse_missing(reply, pack)
            found = parse_pack(reply.value)
            check_same(pack, found.id)
            return found

        return self.told(f"/nodes/{_part(pack)}", read, _FRESH_LIST)

    def versions(
        self, pack: str, statuses: Sequence[str] = INSTALLABLE
    ) -> Answer[tuple[RegistryVersion, ...]]:
        """The pack's versions with one of these statuses, newest first."""

        def read(reply: Reply) -> tuple[RegistryVersion, ...]:
            refuse_missing(reply, pack)
            return parse_versions(reply.value, pack=pack)

        query = [("statuses", _STATUS.get(each, each)) for each in statuses]
        return self.told(f"/nodes/{_part(pack)}/versions", read, _FRESH_LIST, query)

    def version(self, pack: str, version: str) -> Answer[RegistryVersion]:
        """One version."""

        def read(reply: Reply) -> RegistryVersion:
            if reply.status == HTTPStatus.NOT_FOUND:
                raise version_missing(pack, version)
            refuse_missing(reply, pack)
            found = parse_version(reply.value, pack=pack)
            check_same(pack, found.pack)
            check_same(version, found.version)
            return found

        return self.told(f"/nodes/{_part(pack)}/versions/{_part(version)}", read, _FRESH_VERSION)

    def newest(self, pack: str) -> Answer[RegistryVersion]:
        """The newest active version."""
        return self.newest_of(self.pack(pack))

    def newest_of(self, told: Answer[RegistryPack]) -> Answer[RegistryVersion]:
        """The newest active version of a pack that was told of."""
        pack, latest = told.value.id, told.value.latest
        if latest is not None and latest.status == ACTIVE and latest.download_url:
            return replace_value(told, latest)
        listed = self.versions(pack, (ACTIVE,))
        if not listed.value:
            refusal = no_version(told.value)
            raise UsageError(refusal.code, refusal.message, context={"pack": pack}, hints=refusal.hints)
        return replace_value(listed, listed.value[0])

    # --- nodes --------------------------------------------------------------------------------------------

    def nodes(self, pack: str, version: str) -> Answer[tuple[ComfyNode, ...]]:
        """The node types of a version, of all pages."""
        found: list[ComfyNode] = []
        age, findings = 0.0, set[Finding]()
        for page in range(1, self.patience.most_pages + 1):

            def read(reply: Reply) -> tuple[tuple[ComfyNode, ...], int]:
                if reply.status == HTTPStatus.NOT_FOUND:
                    return (), 0
                refuse_missing(reply, pack)
                return parse_nodes(reply.value)

            told = self.told(
                f"/nodes/{_part(pack)}/versions/{_part(version)}/comfy-nodes",
                read,
                _FRESH_NODES,
                [("page", str(page)), ("limit", str(_NODES_PER_PAGE))],
            )
            nodes, pages = told.value
            found += nodes
            age = max(age, told.age)
            findings |= set(told.findings)
            if not nodes or page >= pages:
                break
            if told.age == 0.0:
                time.sleep(self.patience.page_pause)
        return Answer(value=tuple(found), age=age, findings=tuple(findings))

    def pack_of_node(self, class_name: str) -> Answer[RegistryPack | None]:
        """The pack the Registry holds for the owner of a node type; None where it knows none."""

        def read(reply: Reply) -> RegistryPack | None:
            if reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
                return None
            refuse_missing(reply, class_name)
            return parse_pack(reply.value)

        return self.told(f"/comfy-nodes/{_part(class_name)}/node", read, _FRESH_OWNER)

    # --- many at once -------------------------------------------------------------------------------------

    def status_of(self, versions: Sequence[tuple[str, str]]) -> Answer[tuple[VersionState, ...]]:
        """What the Registry knows of each (id, version), in that order, asked in bulk."""
        states: dict[tuple[str, str], VersionState] = {}
        age, findings = 0.0, set[Finding]()
        wanted = list(dict.fromkeys(versions))
        for first in range(0, len(wanted), _MOST_AT_ONCE):
            asked = wanted[first : first + _MOST_AT_ONCE]
            body = {"node_versions": [{"node_id": pack, "version": version} for pack, version in asked]}

            def read(reply: Reply) -> tuple[VersionState, ...]:
                refuse_missing(reply, "the versions")
                return parse_states(reply.value)

            told = self.told("/bulk/nodes/versions", read, _FRESH_LIST, body=body)
            states |= {(each.pack.lower(), each.version): each for each in told.value}
            age = max(age, told.age)
            findings |= set(told.findings)
        return Answer(
            value=tuple(
                states.get((pack.lower(), version))
                or VersionState(pack=pack, version=version, error="the Registry does not say")
                for pack, version in versions
            ),
            age=age,
            findings=tuple(findings),
        )

    # --- installing ---------------------------------------------------------------------------------------

    def count_install(self, pack: str, version: str) -> None:
        """Tell the Registry that this version was installed. Raises nothing."""
        if self.offline or self.is_down:
            return
        path = f"/nodes/{_part(pack)}/install"
        # Nobody waits long for a courtesy.
        brief = replace(
            self, patience=replace(self.patience, connect_seconds=5, silent_seconds=5, answer_seconds=8)
        )
        with suppress(SafeInstallError, OSError):
            # Once: a count that may have arrived is not sent again.
            brief.converse(lambda web: web.ask(path, [("version", version)], tries=1))

    def download(
        self,
        version: RegistryVersion,
        target: Path,
        *,
        cancel: threading.Event | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Downloaded:
        """The version's archive as the file `target`, whole; one that is there already is checked and taken."""
        known = self.shelf.find(target)
        if known is not None:
            return known
        if self.offline:
            raise self.not_asked(f"{version.pack} {version.version} was not downloaded before")
        self._check_address(version)
        try:
            with self.shelf.part_of(target) as part:

                async def bring(web: Web) -> None:
                    from .web.downloading import Download

                    await Download(web, version.download_url, part, on_bytes).bring()

                self.converse(bring, cancel)
                return self.shelf.keep(part, target)
        except OSError as error:
            raise from_os_error(error) from error

    def _check_address(self, version: RegistryVersion) -> None:
        address = version.download_url
        try:
            sound = bool(address) and may_follow(self.base, address)
        except ValueError:
            sound = False
        if not sound:
            raise SafeInstallError(
                "download-address-refused",
                f"The Registry names no address to download {version.pack} {version.version} from that may be used:"
                f" {address[:200] or 'none at all'}.",
                context={"pack": version.pack, "version": version.version, "address": address[:500]},
                hints=(Hint("use-another-version", "Take another version, or its repository: ID@nightly."),),
            )

    # --- inside -------------------------------------------------------------------------------------------

    def _listed(self, path: str, query: Sequence[tuple[str, str]]) -> Answer[SearchPage]:
        def read(reply: Reply) -> SearchPage:
            if reply.status == HTTPStatus.NOT_FOUND:
                return SearchPage()
            refuse_missing(reply, "the search")
            return parse_page(reply.value)

        return self.told(path, read, _FRESH_LIST, query)


def replace_value(
    told: Answer[RegistryPack] | Answer[tuple[RegistryVersion, ...]], value: _Value
) -> Answer[_Value]:
    """Another value, told at the same moment."""
    return Answer(value=value, age=told.age, findings=told.findings)


def _part(text: str) -> str:
    """One part of a path. What would be another path there is no name of anything."""
    if text in ("", ".", ".."):
        raise pack_missing(text)
    return urllib.parse.quote(text.encode("utf-8", "replace"), safe="")
