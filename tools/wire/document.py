"""Print the OpenAPI document of our routes as JSON; `types.js` makes types of it."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

# Its package name, as in tests, without running the root's `__init__.py`, which is ComfyUI's entry.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
import_module("kit.package").register_package()

from comfyui_safe_install.server_routes.openapi import document  # noqa: E402

json.dump(document(), sys.stdout)
