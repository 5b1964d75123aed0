"""What is shown on a running host: an environment that may be changed, an index, packs to install."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from comfyui_safe_install.tests.kit.comfy import make_comfy, put_product_in
from comfyui_safe_install.tests.kit.index import Fault, IndexServer
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.kit.venvs import install, make_venv
from comfyui_safe_install.tests.kit.wheels import make_wheel

from .hosts import COMFYUI_PYTHON, REAL, STAND_IN, HostDied, Running, start
from .talking import Events, Reply

CORE = "show-core<2\n"
"""ComfyUI's own requirements, where the stand-in runs; a real one has its own."""

NODE = """
class {name}:
    CATEGORY = "show"
    RETURN_TYPES = ("STRING",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {{"required": {{}}}}

    def run(self):
        return ({value},)
"""


class HoldingIndex(IndexServer):
    """An index that does not send certain wheels until it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked = threading.Event()
        """Set once somebody waits for one of them."""
        self._held: frozenset[str] = frozenset()
        self._go = threading.Event()

    def __enter__(self) -> HoldingIndex:
        """Start answering."""
        super().__enter__()
        return self

    @contextmanager
    def hold(self, *wheels: Path) -> Iterator[None]:
        """For as long as this lasts, these do not come."""
        self.asked.clear()
        self._go.clear()
        self._held = frozenset(wheel.name for wheel in wheels)
        try:
            yield
        finally:
            self._held = frozenset()
            self._go.set()

    def fault_of(self, what: str) -> Fault | None:
        """Wait in the answer to a whole wheel; its metadata comes at once."""
        if what in self._held and self.requests[f"/files/{what}"]:
            self.asked.set()
            self._go.wait(60)
        return super().fault_of(what)


@dataclass(slots=True)
class Ground:
    """One ComfyUI that is started and stopped; what it manages is its own and may be changed."""

    kind: str
    root: Path
    index: HoldingIndex
    python: Path
    variables: dict[str, str]
    arguments: Sequence[str] = ()
    running: Running | None = None

    @property
    def base(self) -> Path:
        """With custom_nodes and user."""
        return self.root / "base"

    @property
    def packs(self) -> Path:
        """custom_nodes."""
        return self.base / "custom_nodes"

    @property
    def state(self) -> Path:
        """Our state folder."""
        return self.base / "user" / "__safe_install"

    @property
    def host(self) -> Running:
        """The host, which must run."""
        assert self.running is not None
        return self.running

    # --- making ---------------------------------------------------------------------------------------------

    def wheel(self, name: str, version: str, **details: Any) -> Path:
        """A wheel that the index offers; the arguments of `make_wheel`."""
        return make_wheel(self.index.folder, name, version, **details)

    def pack(self, name: str, *requirements: str, node: str = "", code: str = "", uses: str = "") -> str:
        """A folder with a pack to install; its path.

        `node`: the type of its one node; `uses`: a module it imports; `code`: more of its `__init__.py`.
        """
        folder = self.root / "sources" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        value = f"{uses}.__version__" if uses else "'-'"
        lines = [f"import {uses}" if uses else "", code, NODE.format(name=node, value=value) if node else ""]
        lines.append(f"NODE_CLASS_MAPPINGS = {{{f'{node!r}: {node}' if node else ''}}}")
        (folder / "__init__.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "requirements.txt").write_text(
            "".join(f"{each}\n" for each in requirements), encoding="utf-8"
        )
        return str(folder)

    # --- the host -------------------------------------------------------------------------------------------

    def start(self, *arguments: str) -> Running:
        """Start it and return when it answers. Raises HostDied."""
        python = self.python if self.kind == STAND_IN else None
        self.running = start(
            self.kind,
            self.base,
            *self.arguments,
            *arguments,
            python=python,
            environment=self.variables,
            log=self.root / "host.log",
        )
        return self.running

    def start_and_die(self) -> int:
        """Start it, when it is known to end by itself; its exit code."""
        with pytest.raises(HostDied) as died:
            self.start()
        self.running = None
        return died.value.code

    def stop(self) -> None:
        """End it, if it runs."""
        if self.running is not None:
            with self.running:
                self.running = None

    # --- asking ---------------------------------------------------------------------------------------------

    def ask(self, kind: str, params: Mapping[str, object], client: str = "", **more: Any) -> Reply:
        """One task, as it is sent."""
        body = {"ui_id": f"{kind}-1", "client_id": client, "kind": kind, "params": params, **more}
        return self.host.post("./tasks", body)

    def install(self, source: str, client: str = "", **more: Any) -> Reply:
        """Install from a folder, an archive, a URL or the Registry."""
        return self.ask("install", {"source": source}, client, **more)

    def do(self, kind: str, params: Mapping[str, object], **more: Any) -> dict[str, Any]:
        """The job of one task, once it is done; the test fails where it ends in another way."""
        job = self.host.job(self.ask(kind, params, **more))
        assert job["state"] == "done", (job["state"], job["error"], job["log"][-20:])
        return job

    def have(self, source: str, **more: Any) -> dict[str, Any]:
        """The job that installed a pack."""
        return self.do("install", {"source": source}, **more)

    def roll_back(self, snapshot: str = "") -> dict[str, Any]:
        """The job that went back, to before the last change where nothing is named: shown first, then agreed to."""
        task = {"ui_id": "back", "client_id": "", "kind": "rollback", "params": {"snapshot": snapshot}}
        shown = self.host.job(self.host.post("./plan", task))
        assert shown["state"] == "done", shown
        return self.do("apply", {"plan_id": shown["plan_id"]}, agree=shown["result"]["fingerprint"])

    def events(self, client: str) -> Events:
        """The websocket of a page."""
        return self.host.events(client)

    def nodes(self) -> set[str]:
        """The node types the host offers."""
        return set(self.host.get("/object_info").json())

    def versions(self) -> dict[str, str]:
        """{name: version} of what is installed in the environment."""
        (site,) = self.python.parent.parent.glob("lib/python*/site-packages")
        found = (path.name.removesuffix(".dist-info").partition("-") for path in site.glob("*.dist-info"))
        return {name.lower().replace("_", "-"): version for name, _, version in found}

    def picture(self) -> dict[str, object]:
        """The environment and the packs, to be compared: content where it is small, else size, time and inode.

        Without our own hidden folders, and without bytecode, which whoever runs may write.
        """
        root = self.python.parent.parent
        left_out = (".safe-install*", "__pycache__", ".lock", "safe-install.v1")
        packs = {f"packs/{path}": entry for path, entry in hash_tree(self.packs, exclude=left_out).items()}
        if self.kind == STAND_IN:
            files = hash_tree(root, exclude=left_out).items()
            return {**packs, **{f"env/{path}": each for path, each in files}}
        found: dict[str, object] = {}
        for folder, names, bare in os.walk(root):
            names[:] = [
                name for name in names if name not in left_out and not name.startswith(".safe-install")
            ]
            for name in bare:
                if name not in left_out:
                    info = Path(folder, name).lstat()
                    found[f"{folder}/{name}"] = (info.st_size, info.st_mtime_ns, info.st_ino)
        return {**packs, **found}


@contextmanager
def lay_ground(kind: str, root: Path, *, settings: str = "") -> Iterator[Ground]:
    """A ground below `root`, not started yet; ended with the block."""
    dists = root / "dists"
    python = _real_environment(root) if kind == REAL else _small_environment(root, dists)
    dists.mkdir(exist_ok=True)
    with HoldingIndex(dists) as index:
        variables = {
            "UV_DEFAULT_INDEX": index.url,
            "UV_CACHE_DIR": str(root / "uv-cache"),
            "UV_HTTP_RETRIES": "0",
            # What Manager would fetch at each start.
            "COMFYUI_MANAGER_SKIP_MANAGER_REQUIREMENTS": "1",
        }
        made = Ground(kind=kind, root=root, index=index, python=python, variables=variables)
        # A copy: a checkout that is worked in has far more in it than a pack, and every snapshot looks at it.
        put_product_in(make_comfy(made.base, requirements=CORE))
        made.state.mkdir(parents=True)
        if settings:
            (made.state / "settings.toml").write_text(settings, encoding="utf-8")
        before = os.environ.get(COMFYUI_PYTHON)
        if kind == REAL:
            os.environ[COMFYUI_PYTHON] = str(python)
        try:
            yield made
        finally:
            made.stop()
            if before is not None:
                os.environ[COMFYUI_PYTHON] = before


def _small_environment(root: Path, dists: Path) -> Path:
    """An environment with a core of one distribution; everything else comes from our own, behind it."""
    venv = make_venv(root / "venv")
    install(venv, make_wheel(dists, "show-core", "1.0"))
    return venv.python


def _real_environment(root: Path) -> Path:
    """A copy of the environment a real host runs in, by links where the disk can: everybody replaces files."""
    python = os.environ.get(COMFYUI_PYTHON)
    if not python:
        pytest.skip(f"{COMFYUI_PYTHON} names no interpreter of an environment that can be copied")
    template = Path(python).parent.parent

    def link(source: str, target: str) -> str:
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:
            shutil.copy2(source, target, follow_symlinks=False)
        return target

    shutil.copytree(template, root / "venv", symlinks=True, copy_function=link)
    return root / "venv" / "bin" / Path(python).name


def wait_until(true: Any, what: str, seconds: float = 30.0) -> None:
    """Return when `true()` is; the test fails when it does not become so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
