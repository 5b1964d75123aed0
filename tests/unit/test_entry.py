"""ComfyUI loads us by path, under a made-up module name, before or after everything else is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from comfyui_safe_install.tests.kit.comfy import make_comfy, put_product_in

LOAD_AS_THE_HOST_DOES = """
import importlib.util, json, os, sys
before = set(sys.modules)
folder = sys.argv[1]
name = folder.replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, os.path.join(folder, "__init__.py"))
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
spec.loader.exec_module(module)
print(json.dumps({
    "mappings": sorted(module.NODE_CLASS_MAPPINGS),
    "names": sorted(module.NODE_DISPLAY_NAME_MAPPINGS),
    "imported": sorted(set(sys.modules) - before),
    "path": sys.path,
}))
"""


def test_the_entry_imports_nothing_heavy_and_leaves_the_path_alone(tmp_path: Path) -> None:
    """Loading the entry brings in no pydantic, packaging, importlib.metadata, aiohttp or resolver."""
    pack = put_product_in(make_comfy(tmp_path / "comfy"))
    done = subprocess.run(
        [sys.executable, "-B", "-c", LOAD_AS_THE_HOST_DOES, str(pack)],
        check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    heavy = ("pydantic", "packaging", "importlib.metadata", "aiohttp", "yaml", "uv")
    assert [name for name in loaded["imported"] if name.startswith(heavy) or ".resolver" in name] == []
    assert loaded["names"] == loaded["mappings"]
    assert not any(Path(entry) == pack for entry in loaded["path"])
