"""The Registry as the settings and the environment say."""

from __future__ import annotations

import os
from pathlib import Path

from ...about import own_version
from ...core.settings import RegistrySettings, parse_settings
from .client import RegistryClient
from .patience import Patience

ADDRESS = "SAFE_INSTALL_REGISTRY"
"""Names another Registry than the settings do."""
OFFLINE = "SAFE_INSTALL_OFFLINE"
"""Set to anything but 0: the Registry is not asked."""
PATIENCE = Patience()


def open_registry(cache: Path, settings: RegistrySettings, *, refresh: bool = False) -> RegistryClient:
    """The client. `cache` is the folder of all that is remembered. Raises UsageError `settings-invalid`."""
    address = os.environ.get(ADDRESS, "").strip()
    if address:
        settings = parse_settings({"registry": {"url": address, "offline": settings.offline}}).registry
    return RegistryClient(
        settings.url,
        cache / "registry",
        agent=_agent(),
        offline=settings.offline or os.environ.get(OFFLINE, "0") not in ("", "0"),
        refresh=refresh,
        patience=PATIENCE,
    )


def _agent() -> str:
    """What we call ourselves: the project and its version."""
    return f"comfyui-safe-install/{own_version()}"
