"""Sources of packs as the engine sees them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from .core.registry_judgement import Here
from .core.types import Finding, Pack
from .registry_port import OnBytes, Registry


class Fetched(Protocol):
    """A pack that was brought here, or lies in a custom_nodes folder already (`in_place`)."""

    @property
    def name(self) -> str:
        """The folder name it gets."""

    @property
    def tree(self) -> Path:
        """Where it lies now."""

    @property
    def origin(self) -> str:
        """The source as the user wrote it, redacted."""

    @property
    def commit(self) -> str:
        """The commit checked out, or empty."""

    @property
    def in_place(self) -> bool:
        """True where nothing is to be moved."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed while fetching."""

    @property
    def registry_id(self) -> str:
        """Its id in the Registry; empty for what came from elsewhere."""

    @property
    def version(self) -> str:
        """The version the Registry published it as; else empty."""

    @property
    def replaces(self) -> Pack | None:
        """The pack it is another version of, which is to give it its place; None where its name alone says it."""

    @property
    def sha256(self) -> str:
        """Of the archive it was unpacked from; empty without one."""


class Fetches(Protocol):
    """Brings sources here. Blocks."""

    @property
    def registry(self) -> Registry:
        """The Registry, asked as the settings say. Raises UsageError `settings-invalid`."""

    def here(self) -> Here:
        """What packs of the Registry are judged against. Reads the environment."""

    def fetch(
        self,
        text: str,
        aside: Path,
        cancel: threading.Event | None,
        on_line: Callable[[str], None],
        *,
        allowed: Collection[str] = (),
        on_bytes: OnBytes | None = None,
    ) -> Fetched:
        """A clean copy of a source in `aside`, or its live folder; `allowed` are the user's consents."""

    def count_install(self, pack: str, version: str) -> None:
        """Tell the Registry that a version of it was installed here. Raises nothing."""
