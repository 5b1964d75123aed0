"""A ComfyUI with an environment and an index of its own, driven through the command line."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from comfyui_safe_install.resolver.cli import main
from comfyui_safe_install.resolver.engine.session import Session
from comfyui_safe_install.resolver.io.site import LiveSite
from comfyui_safe_install.resolver.wiring import PageProbe, open_site

from .comfy import make_comfy
from .package import ROOT
from .trees import Entry, hash_tree
from .venvs import Venv, install, make_venv
from .wheels import make_wheel

Files = Mapping[str, "str | bytes"]
State = dict[str, Entry]

NEVER = 10**9
"""More journal lines than there ever are: a process that kills itself after so many ends as usual."""

_HIDDEN = (".safe-install", ".lock")
"""Our own folder beside site-packages, and the empty file by which uv keeps others of its kind away."""

_LISTED = (
    "import importlib.metadata as m, json; "
    "print(json.dumps(sorted((d.metadata['Name'].lower(), d.version) for d in m.distributions())))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command said with --json."""

    code: int
    document: dict[str, Any]
    words: str
    """stderr."""

    @property
    def error(self) -> str:
        """Code of the error; empty when there is none."""
        return str(self.document.get("error", {}).get("code", ""))

    @property
    def applied(self) -> dict[str, Any]:
        """What was done; the test fails when nothing was."""
        assert self.code == 0, self
        assert self.document["applied"], self.document
        return dict(self.document["applied"])


@dataclass(slots=True)
class Installation:
    """One ComfyUI in `root`, with a virtual environment in it; `dists` is the folder its index serves."""

    root: Path
    dists: Path
    core: str = ""
    """Its requirements.txt."""
    comfy: Path = field(init=False)
    venv: Venv = field(init=False)

    def __post_init__(self) -> None:
        self.comfy = make_comfy(self.root / "comfy", requirements=self.core)
        self.venv = make_venv(self.comfy / ".venv")

    @property
    def state(self) -> Path:
        """Safe Install's own folder."""
        return self.comfy / "user" / "__safe_install"

    @property
    def packs(self) -> Path:
        """custom_nodes."""
        return self.comfy / "custom_nodes"

    @property
    def area(self) -> Path:
        """The hidden folder beside site-packages."""
        return self.venv.site_packages.parent / ".safe-install"

    # --- making ---------------------------------------------------------------------------------------------

    def wheel(self, name: str, version: str, **details: Any) -> Path:
        """A wheel that the index offers; the arguments of `make_wheel`."""
        return make_wheel(self.dists, name, version, **details)

    def have(self, name: str, version: str, **details: Any) -> None:
        """A distribution that is installed already, as from an index; the index offers it as well."""
        self.wheel(name, version, **details)
        arguments = [
            "--offline",
            "--no-index",
            "--no-deps",
            "--no-cache",
            "--no-config",
            "--link-mode",
            "copy",
        ]
        subprocess.run(
            [
                *(find_uv_bin(), "pip", "install", "--quiet", *arguments),
                *("--find-links", str(self.dists), "--python", str(self.venv.python), f"{name}=={version}"),
            ],
            check=True,
            timeout=120,
        )

    def have_build(self, name: str, version: str, **details: Any) -> None:
        """A distribution that is installed already from a file, and which no index has."""
        install(self.venv, make_wheel(self.root / "builds", name, version, **details))

    def source(self, name: str, *requirements: str, files: Files | None = None) -> str:
        """A pack to install, made anew; its folder as the command line takes it."""
        folder = self.root / "sources" / name
        shutil.rmtree(folder, ignore_errors=True)
        contents = {
            "__init__.py": "NODE_CLASS_MAPPINGS = {}\n",
            "requirements.txt": "".join(f"{line}\n" for line in requirements),
            **(files or {}),
        }
        for relative, content in contents.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(folder)

    # --- driving --------------------------------------------------------------------------------------------

    def run(self, *arguments: str) -> Answer:
        """One command with --json, in this process."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*self._places(), "--json", *arguments])
        return Answer(code=code, document=json.loads(out.getvalue()), words=err.getvalue())

    def start(
        self, *arguments: str, kill_after: int | str = NEVER, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """One command with --json, in a process of its own; `kill_after` as `kit.kill_after` takes it."""
        script = ROOT / "tests" / "kit" / "kill_after.py"
        return subprocess.Popen(
            [sys.executable, str(script), str(kill_after), *self._places(), "--json", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def finish(self, process: subprocess.Popen[str]) -> Answer:
        """The answer of a process that was started."""
        out, err = process.communicate(timeout=120)
        return Answer(code=process.returncode, document=json.loads(out) if out else {}, words=err)

    def session(self) -> Session:
        """The same without a command line."""
        return Session(site=self.site(), probe=PageProbe())

    def site(self) -> LiveSite:
        """This ComfyUI, opened."""
        return open_site(self.comfy)

    def _places(self) -> list[str]:
        return ["--comfyui", str(self.comfy)]

    # --- looking --------------------------------------------------------------------------------------------

    def tree(self) -> State:
        """Everything below the environment and custom_nodes, by content, less our own hidden folder."""
        return {
            **{f"venv/{path}": entry for path, entry in hash_tree(self.venv.root, exclude=_HIDDEN).items()},
            **{f"packs/{path}": entry for path, entry in hash_tree(self.packs).items()},
        }

    def listed(self) -> list[tuple[str, str]]:
        """(name, version) of every distribution importlib.metadata finds, each as often as it finds it."""
        return [(name, version) for name, version in json.loads(self.python(_LISTED))]

    def versions(self) -> dict[str, str]:
        """{name: version}; the test fails where one is listed twice."""
        listed = self.listed()
        assert len(dict(listed)) == len(listed), listed
        return dict(listed)

    def python(self, code: str) -> str:
        """What `code` prints in the environment, stripped; writes no bytecode."""
        done = subprocess.run(
            [str(self.venv.python), "-I", "-B", "-c", code],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def compile(self) -> None:
        """Bytecode beside every source, as it is in an environment that is in use."""
        command = [str(self.venv.python), "-I", "-m", "compileall", "-q", str(self.venv.site_packages)]
        subprocess.run(command, check=True, timeout=120)

    def leftovers(self) -> list[str]:
        """What lies in our hidden folders: stages, payloads, packs that wait; not who keeps snapshots."""
        areas = (self.area, self.comfy / ".safe-install", self.packs / ".safe-install.disabled")
        found = [
            path for area in areas for path in sorted(area.rglob("*")) if area / "keepers" not in path.parents
        ]
        # The lock file of a killed process is nobody's stage: the next change takes it away.
        passed_over = ("keepers", "lock", "lock.owner", ".lock.next")
        return [str(path.relative_to(self.comfy)) for path in found if path.name not in passed_over]

    def files_aside(self) -> list[str]:
        """The files in our hidden folders; folders that are empty do not count."""
        return [path for path in self.leftovers() if not (self.comfy / path).is_dir()]


def differences(before: State, after: State, *, expected: Sequence[str] = ()) -> list[str]:
    """The paths that differ, so that a failing comparison can be read; those in `expected` left out."""
    changed = {path for path, _ in set(before.items()) ^ set(after.items())}
    return sorted(changed - set(expected))
