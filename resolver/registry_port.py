"""The Comfy Registry as the engine sees it; `wiring` gives it the real client, tests a server of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .core.registry import (
    INSTALLABLE,
    Answer,
    ComfyNode,
    RegistryPack,
    RegistryVersion,
    SearchPage,
    VersionState,
)

OnBytes = Callable[[int, int], None]
"""Hears (bytes so far, bytes in all; 0 where unknown) of a download; may be called often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """An archive that was brought here whole."""

    path: Path
    sha256: str
    """Hexadecimal. The Registry publishes no checksum: this says what was got, not what was meant."""
    size: int


class Registry(Protocol):
    """Asks the Registry, or answers from what it said before. Every method blocks: call from a thread.

    All raise SafeInstallError `registry-unreachable` (no connection, or it took too long), `registry-busy`
    (429 again and again), `registry-failed` (it answers with an error), `registry-answer-invalid`,
    `registry-answer-too-large`, and `registry-offline` where it may not be asked and nothing is remembered.
    """

    def search(self, text: str, *, page: int = 1, limit: int = 30) -> Answer[SearchPage]:
        """One page of the packs that match; pages count from 1. An empty text lists all."""

    def search_by_node(self, class_name: str, *, page: int = 1, limit: int = 30) -> Answer[SearchPage]:
        """One page of the packs that have a node type whose name matches."""

    def pack(self, pack: str) -> Answer[RegistryPack]:
        """The pack of that id. Raises UsageError `registry-pack-not-found`."""

    def versions(
        self, pack: str, statuses: Sequence[str] = INSTALLABLE
    ) -> Answer[tuple[RegistryVersion, ...]]:
        """The pack's versions with one of these statuses, newest first; () where it has none.

        Raises UsageError `registry-pack-not-found`; RefusedError `registry-banned`.
        """

    def version(self, pack: str, version: str) -> Answer[RegistryVersion]:
        """One version. Raises UsageError `registry-pack-not-found`, `registry-version-not-found`."""

    def newest(self, pack: str) -> Answer[RegistryVersion]:
        """The newest active version.

        Raises UsageError `registry-pack-not-found`, `registry-no-version` (nightly may be had instead).
        """

    def nodes(self, pack: str, version: str) -> Answer[tuple[ComfyNode, ...]]:
        """The node types of a version, of all pages; () where the Registry has not looked into it."""

    def pack_of_node(self, class_name: str) -> Answer[RegistryPack | None]:
        """The pack the Registry holds for the owner of a node type; None where it knows none."""

    def status_of(self, versions: Sequence[tuple[str, str]]) -> Answer[tuple[VersionState, ...]]:
        """What the Registry knows of each (id, version), in that order, asked in bulk."""

    def count_install(self, pack: str, version: str) -> None:
        """Tell the Registry that this version was installed: its only question with a side effect.

        Once for each real installation. Raises nothing: it is a courtesy, and not done offline.
        """

    def download(
        self,
        version: RegistryVersion,
        target: Path,
        *,
        cancel: threading.Event | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Downloaded:
        """The version's archive as the file `target`, whole; what an earlier try left there is gone on with.

        Raises SafeInstallError `download-failed`, `download-cut-off`, `download-too-large`,
        `download-not-an-archive`, `registry-unreachable`, `registry-offline`, `disk-full`; CancelledError.
        """
