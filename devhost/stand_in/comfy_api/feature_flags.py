"""What server and page tell each other they can do (comfy_api/feature_flags.py of 0.8.0)."""

from __future__ import annotations

from typing import Any

from ..comfy.cli_args import args

SERVER_FEATURE_FLAGS: dict[str, Any] = {
    "supports_preview_metadata": True,
    "max_upload_size": args.max_upload_size * 1024 * 1024,
    # Shown with and without Manager, by ComfyUI too.
    "extension": {"manager": {"supports_v4": True}},
}


def get_server_features() -> dict[str, Any]:
    """A copy of the flags."""
    return SERVER_FEATURE_FLAGS.copy()


def supports_feature(metadata: dict[str, dict[str, Any]], sid: str, name: str) -> bool:
    """Whether the page said it can do that."""
    return metadata.get(sid, {}).get("feature_flags", {}).get(name, False) is True
