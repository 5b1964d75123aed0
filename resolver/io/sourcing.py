"""Bringing sources to this machine: from the Registry, from repositories, archives and folders."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..core.pack_origin import REGISTRY, PackOrigin, repository_url
from ..core.registry_judgement import Here, here_of
from ..core.settings import RegistrySettings
from ..core.sources import SourceKind
from ..core.types import PythonInfo
from ..core.uploads import without_places
from ..errors import SafeInstallError
from ..registry_port import OnBytes
from ..transaction import fs
from .environment import read_environment
from .fetched import FetchedPack
from .git import remote_commit
from .pack_origin import read_origin
from .packs import list_packs
from .registry.client import RegistryClient
from .registry.fetching import RegistryFetcher
from .registry.opening import open_registry
from .sources import fetch_source, no_raw_os_errors, read_source
from .watching import Watching
from .workspace import Workspace, check_writable

_MOST_TRIES = 50


class Sourcing(Watching):
    """Fetches packs to folders of our own. Everything blocks."""

    def __init__(
        self,
        workspace: Workspace,
        python: PythonInfo,
        registry: RegistrySettings,
        *,
        refresh: bool = False,
    ) -> None:
        """`refresh`: ask the Registry for everything again."""
        super().__init__(workspace, python)
        self._registry = registry
        self._asks_anew = refresh
        self._client: RegistryClient | None = None
        self._scratch: Path | None = None

    @property
    def cache(self) -> Path:
        """Where answers are remembered; for this run only where nothing may be written."""
        if self._scratch is None:
            folder = self.state / "cache"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                check_writable(folder)
            except (OSError, SafeInstallError):
                self._scratch = Path(tempfile.mkdtemp(prefix="safe-install-"))
                weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
            else:
                return folder
        return self._scratch

    @property
    def registry(self) -> RegistryClient:
        """The Registry, asked as the settings say. Raises UsageError `settings-invalid`."""
        if self._client is None:
            self._client = open_registry(self.cache, self._registry, refresh=self._asks_anew)
        return self._client

    def here(self) -> Here:
        """What packs of the Registry are judged against."""
        return here_of(read_environment(self.python), self.workspace.comfyui_version)

    def fetch(
        self,
        text: str,
        aside: Path,
        cancel: threading.Event | None,
        on_line: Callable[[str], None] | None = None,
        *,
        allowed: Collection[str] = (),
        on_bytes: OnBytes | None = None,
    ) -> FetchedPack:
        """A clean copy of a source in `aside`, or its live folder."""
        packs = list_packs(self.workspace)
        installed = [pack.name for pack in packs]
        spec = read_source(text, installed=installed)
        # What a page has sent is known by its name, in plans, errors and the history.
        spec = replace(spec, text=without_places(spec.text, self.state))
        if spec.kind is SourceKind.REGISTRY:
            fetcher = RegistryFetcher(
                client=self.registry,
                here=self.here(),
                known=[(pack, read_origin(pack)) for pack in packs],
                allowed=allowed,
                cancel=cancel,
                on_line=on_line,
                on_bytes=on_bytes,
            )
            with no_raw_os_errors(spec):
                return fetcher.fetch(spec, aside)
        return fetch_source(
            spec,
            aside,
            custom_nodes=self.workspace.custom_nodes,
            installed=installed,
            cancel=cancel,
            on_line=on_line,
        )

    def count_install(self, pack: str, version: str) -> None:
        """Tell the Registry that a version of it was installed here. Raises nothing."""
        with suppress(SafeInstallError):
            self.registry.count_install(pack, version)

    def newest(self, origin: PackOrigin, cancel: threading.Event | None) -> str:
        """The version or commit an update would bring; empty where nobody can tell without fetching it."""
        if origin.kind == REGISTRY:
            try:
                return self.registry.newest(origin.id).value.version
            except SafeInstallError:
                return ""
        url = repository_url(origin)
        return remote_commit(url, origin.branch, cancel=cancel) if url else ""

    def make_aside(self) -> Path:
        """A new folder for fetched packs, from which they can be renamed into place."""
        folder = self.pack_area / "incoming" / secrets.token_hex(6)
        for _ in range(_MOST_TRIES):
            # Another process may take the folders above away in between, since they are empty.
            try:
                folder.mkdir(parents=True)
            except (FileNotFoundError, FileExistsError):
                continue
            return folder
        raise SafeInstallError(
            "folder-not-writable", f"{folder} cannot be made: its parent goes away again and again."
        )

    def asides(self) -> tuple[Path, ...]:
        """The folders of `make_aside` that are still there, of other processes too."""
        return tuple(sorted(each for area in self._pack_areas for each in (area / "incoming").glob("*")))

    def remove(self, path: Path) -> None:
        """Nothing at `path` any more, nor its parent where that is empty now. For places of our own only."""
        fs.remove_tree(path)
        for parent in (path.parent, path.parent.parent):
            try:
                parent.rmdir()
            except OSError:
                return
