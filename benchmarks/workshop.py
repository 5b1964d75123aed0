"""The cache folder: peers' environments, the core environment, what may be made once and used again."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from .processes import Ran, run

ROOT = Path(__file__).resolve().parent.parent
"""The repository root, which is the product."""

PEERS: Mapping[str, tuple[str, ...]] = {
    "manager": ("comfyui-manager==4.3", "pip", "aiohttp"),
    "comfy-cli": ("comfy-cli==1.23.0", "pip"),
}
"""What is installed into each peer's own environment, besides our uv; Manager's host has aiohttp."""


class BenchError(Exception):
    """The harness cannot make what a benchmark needs; the message says what and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Everything under one cache folder. Nothing in it is precious."""

    cache: Path

    @property
    def uv(self) -> Path:
        """The uv all contenders use."""
        return Path(find_uv_bin())

    def folder(self, *parts: str, fresh: bool = False) -> Path:
        """A folder in the cache, made if missing; `fresh`: emptied."""
        path = self.cache.joinpath(*parts)
        if fresh and path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def uv_version(self) -> str:
        """Such as `0.13.9`."""
        return self._uv("--version").stdout.split()[1]

    def peer_python(self, peer: str) -> Path:
        """The interpreter of the peer's own environment, made at the first call. Raises BenchError."""
        wanted = [*PEERS[peer], f"uv=={self.uv_version()}"]
        venv = self.once(("peers", peer), wanted, lambda venv: self._make_peer(venv, wanted))
        return venv / "bin" / "python"

    def once(self, name: Sequence[str], recipe: object, make: Callable[[Path], None]) -> Path:
        """The folder of that name, made by `make` unless the same recipe made it before."""
        path = self.cache.joinpath(*name)
        stamp = path.with_name(f"{path.name}.recipe")
        digest = hashlib.sha256(json.dumps(recipe, default=str).encode()).hexdigest()
        if path.is_dir() and stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
            return path
        shutil.rmtree(path, ignore_errors=True)
        stamp.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        stamp.write_text(digest, encoding="utf-8")
        return path

    def make_venv(self, venv: Path) -> Path:
        """An empty environment of the harness's own Python version; its interpreter."""
        self._uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(venv))
        return venv / "bin" / "python"

    def install(
        self, python: Path, *arguments: str, variables: Mapping[str, str] | None = None, check: bool = True
    ) -> Ran:
        """`uv pip install` into an environment, with the workshop's own uv cache."""
        return self._uv(
            "pip", "install", "--quiet", "--python", str(python), *arguments, variables=variables, check=check
        )

    def _make_peer(self, venv: Path, wanted: Sequence[str]) -> None:
        self.install(self.make_venv(venv), *wanted)

    def _uv(self, *arguments: str, variables: Mapping[str, str] | None = None, check: bool = True) -> Ran:
        own = {"UV_CACHE_DIR": str(self.cache / "uv" / "workshop"), **(variables or {})}
        ran = run([self.uv, *arguments], cwd=self.folder(), variables=own, time_limit=900)
        if check and not ran.ok:
            raise BenchError(f"uv {' '.join(arguments[:2])} failed: {ran.complaint}")
        return ran
