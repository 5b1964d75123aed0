"""Packs that tell what they see of the host they are in."""

from __future__ import annotations

import json
from pathlib import Path

_WITNESS = """
import os, sys
with open(os.environ["WITNESS"], "a") as file:
    file.write({word!r} + "\\n")
"""
NODE = """
class Node:
    RETURN_TYPES = ()
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}
"""
_PACK = (
    NODE
    + """
from aiohttp import web
from server import PromptServer
from . import part
import folder_paths, nodes
NODE_CLASS_MAPPINGS = {"WitnessNode": Node, "KSampler": Node}
NODE_DISPLAY_NAME_MAPPINGS = {"WitnessNode": "A witness"}
WEB_DIRECTORY = "./js"
server = PromptServer.instance

def system(name):
    if hasattr(folder_paths, "get_system_user_directory"):  # ComfyUI 0.3.64 has none.
        return folder_paths.get_system_user_directory(name)
    return os.path.join(folder_paths.get_user_directory(), "__" + name)

@server.routes.get("/witness")
async def witness(request):
    return web.json_response({
        "name": __name__, "package": __package__, "path": request.path, "loop": server.loop.is_running(),
        "folder_paths": folder_paths.__file__, "nodes": nodes.__file__, "base": folder_paths.base_path,
        "system": system("safe_install"), "cwd": part.cwd,
        "python": part.executable, "argv": sys.argv, "loaded": dict(nodes.LOADED_MODULE_DIRS),
        "remaining": server.prompt_queue.get_tasks_remaining(), "port": server.port,
        "modules": [name for name in ("comfy.cli_args", "comfy_api.feature_flags", "comfyui_version", "app.logger")
                    if name in sys.modules],
    })

@server.routes.post("/witness/late")
async def late(request):
    try:
        server.app.add_routes([web.get("/too-late", witness)])
    except RuntimeError as error:
        said = str(error)
    @server.routes.get("/decorated-late")
    async def decorated(request):
        return web.Response()
    loaded = await nodes.load_custom_node((await request.json())["path"], {"KSampler"}, "custom_nodes")
    return web.json_response({"said": said, "loaded": loaded})

@server.routes.post("/witness/restart")
async def restart(request):
    os.execv(sys.executable, [sys.executable, *sys.argv])

@server.routes.post("/witness/tell")
async def tell(request):
    import threading
    thread = threading.Thread(target=server.send_sync, args=("witness.event", {"n": 1}))
    thread.start(); thread.join()
    return web.json_response({})
"""
)
_PART = "import os, sys\ncwd, executable = os.getcwd(), sys.executable\n"
_PRESTARTUP_SEES = """
seen = [name for name in ("nodes", "server", "execution", "aiohttp", "torch") if name in sys.modules]
import folder_paths
from comfy.cli_args import args
with open(os.environ["WITNESS"], "a") as file:
    file.write(f"prestartup sees {seen} {args.listen} {__name__ in sys.modules}\\n")
"""
_THIRD_KIND = """
from comfy_api.latest import ComfyExtension, io

class ThirdKind(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="ThirdKind", display_name="Third", category="test", inputs=[], outputs=[])

    @classmethod
    def execute(cls):
        return None

class Extension(ComfyExtension):
    async def get_node_list(self):
        return [ThirdKind]

async def comfy_entrypoint():
    return Extension()
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    """Files with these texts in `folder`, which is made and returned."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_packs(packs: Path) -> None:
    """Packs of every kind into this folder: of nodes old and new, with web files, asleep, empty, broken, a file."""
    witness = _WITNESS.format(word="imported")
    write(
        packs / "wit.ness",
        {
            "__init__.py": witness + _PACK,
            "part.py": _PART,
            "prestartup_script.py": _WITNESS.format(word="prestartup") + _PRESTARTUP_SEES,
            "js/witness.js": "// seen",
            "js/helper.mjs": "// not listed",
            "locales/en/main.json": json.dumps({"greeting": "hello"}),
            "locales/en/nodeDefs.json": json.dumps({"WitnessNode": {"display_name": "Witness"}}),
            "example_workflows/first.json": "{}",
        },
    )
    write(packs / "asleep.disabled", {"__init__.py": "raise SystemExit(9)", "prestartup_script.py": "1/0"})
    write(packs / "empty", {"readme.txt": ""})
    write(packs / "broken", {"__init__.py": "raise RuntimeError('broken')\n"})
    write(packs / "web-by-toml", {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n", "web/t.js": "//"})
    write(packs / "web-by-toml", {"pyproject.toml": '[project]\nname="tomled"\n[tool.comfy]\nweb="web"\n'})
    write(packs / "third-kind", {"__init__.py": _THIRD_KIND})
    (packs / "single.py").write_text(NODE + 'NODE_CLASS_MAPPINGS = {"Single": Node}\n', encoding="utf-8")
