"""The running ComfyUI, as far as our routes need it. The one module that asks the host's own modules.

The host's modules are asked anew each time and by feature, never by version: ComfyUI 0.3.64 to the newest, the
stand-in host, and loaders without a server differ in what they have.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .dispatch import packs_loaded_at

IMPORT_LOG_MARK = "keeps_import_failures_for_safe_install"
"""As `MARK` of `resolver/at_start/import_log.py`."""

MANAGED_PYTHON = "SAFE_INSTALL_PYTHON"
"""Names another interpreter to manage than the one that runs the host (tests of the host alone need it)."""


class Host:
    """What we ask of the host we are loaded into. Nothing here blocks for longer than a listing of a folder."""

    def __init__(self, server: Any) -> None:
        """`server` is the host's `PromptServer.instance`."""
        self.server = server

    # --- places ---------------------------------------------------------------------------------------------

    @property
    def comfyui(self) -> Path:
        """The folder with ComfyUI's own requirements.txt, which `--base-directory` does not move."""
        import folder_paths

        return Path(folder_paths.__file__).resolve().parent

    @property
    def custom_nodes(self) -> tuple[Path, ...]:
        """The folders packs lie in; the first is the one for new ones."""
        import folder_paths

        return tuple(Path(folder) for folder in folder_paths.get_folder_paths("custom_nodes"))

    @property
    def state(self) -> Path:
        """Our state folder; older hosts do not name it for us."""
        import folder_paths

        if hasattr(folder_paths, "get_system_user_directory"):
            return Path(folder_paths.get_system_user_directory("safe_install"))
        return Path(folder_paths.get_user_directory()) / "__safe_install"

    @property
    def python(self) -> Path:
        """The interpreter whose environment is managed."""
        return Path(os.environ.get(MANAGED_PYTHON) or sys.executable)

    # --- what runs ------------------------------------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The server's event loop."""
        loop: asyncio.AbstractEventLoop = self.server.loop
        return loop

    @property
    def tasks_remaining(self) -> int:
        """Prompts that run or wait."""
        queue = getattr(self.server, "prompt_queue", None)
        return int(queue.get_tasks_remaining()) if queue is not None else 0

    @property
    def node_types(self) -> Mapping[str, str]:
        """{node type: python module, such as `custom_nodes.Pack` or `nodes`} of everything loaded."""
        mappings: Mapping[str, Any] = _host_nodes().NODE_CLASS_MAPPINGS
        return {
            name: str(getattr(each, "RELATIVE_PYTHON_MODULE", "nodes")) for name, each in mappings.items()
        }

    @property
    def loaded_packs(self) -> Mapping[str, Path]:
        """{name: folder} of the packs that loaded."""
        loaded: Mapping[str, str] = getattr(_host_nodes(), "LOADED_MODULE_DIRS", {})
        return {name: Path(folder) for name, folder in loaded.items()}

    @property
    def packs_loaded_at(self) -> float:
        """When every pack had been loaded, in seconds since 1970."""
        return packs_loaded_at()

    @property
    def import_failures(self) -> Mapping[str, tuple[str, tuple[str, ...]]] | None:
        """{path of a pack: (why it did not load, the lines of the log)}; None where nobody kept them.

        Our prestartup script, which another copy of us may have run, leaves a keeper among the root logger's
        handlers (`resolver/at_start/import_log.py`); it is known by its mark.
        """
        for handler in logging.getLogger().handlers:
            if getattr(type(handler), IMPORT_LOG_MARK, None) == 1:
                kept: Mapping[str, tuple[str, tuple[str, ...]]] = handler.failures()  # type: ignore[attr-defined]
                return kept
        return None

    @property
    def listens_on(self) -> tuple[str, ...]:
        """The addresses given with `--listen`, each one alone; empty where the host does not tell."""
        try:
            from comfy.cli_args import args

            address = args.listen
        except (ImportError, AttributeError):
            # The server keeps but the first of its addresses (ComfyUI 0.8.0, server.py:1186).
            address = getattr(self.server, "address", None)
        if not address:
            return ()
        return tuple(each.strip() for each in str(address).split(",") if each.strip())

    # --- telling clients ------------------------------------------------------------------------------------

    def send(self, event: str, data: Mapping[str, object], client: str | None = None) -> None:
        """Send an event to one page, or to all. From any thread; nothing is raised, a page may be gone."""
        with contextlib.suppress(Exception):  # A lost event is no reason to stop; pages ask again by GET.
            self.server.send_sync(event, dict(data), client)


def _host_nodes() -> Any:
    """The host's module `nodes`, which our own folder of that name must not be taken for."""
    return sys.modules["nodes"]
