"""The routes on ComfyUI's server. Importing this brings in nothing heavy; the first request does, in a thread."""

from __future__ import annotations

from typing import Any


def register(server: Any) -> None:
    """Put every route on the host's server; `server` is its `PromptServer.instance`. To be called at import.

    Later the host's router is frozen. Brings in the standard library and aiohttp alone.
    """
    from .dispatch import register as put_on

    put_on(server)
    from .manager.joining import join

    join(server)
