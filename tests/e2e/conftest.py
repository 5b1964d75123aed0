"""Fixtures of tests that run a whole host: a throw-away ComfyUI folder, an environment, an index, a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.installation import Installation

from .hosts import Running, kinds, start

NEEDS_ITS_PACKAGES = "a real ComfyUI's own requirements are not in this index; test_show.py changes one"
_USERS_UV = ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")


@dataclass(slots=True, kw_only=True)
class Scene:
    """A ComfyUI folder with an environment of its own, whose packages come from our index alone."""

    kind: str
    here: Installation
    index: IndexServer
    environment: dict[str, str]
    """Of the host: uv knows only our index, and has a cache of its own."""
    _started: list[Running] = field(default_factory=list)

    def start(self, *arguments: str, environment: dict[str, str] | None = None) -> Running:
        """Start the host on it; it is ended with the scene. Raises HostDied when it did not come up."""
        running = start(
            self.kind,
            self.here.comfy,
            *arguments,
            python=self.here.venv.python,
            environment={**self.environment, **(environment or {})},
        )
        self._started.append(running)
        return running

    def end(self) -> None:
        """End every host that still runs."""
        for running in self._started:
            if running.process.poll() is None:
                running.kill()


@pytest.fixture(params=kinds(), scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of host there is; the stand-in always."""
    return str(request.param)


MakeScene = Callable[[str], Scene]


@pytest.fixture(scope="module")
def make_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeScene]:
    """Makes scenes of a kind of host; a test that needs one of its own asks for this."""
    made: list[Scene] = []
    with pytest.MonkeyPatch.context() as patch:

        def make(kind: str) -> Scene:
            folder = tmp_path_factory.mktemp("scene")
            scene = _make_scene(folder, kind, patch)
            made.append(scene)
            return scene

        yield make
    for scene in made:
        scene.end()
        scene.index.__exit__(None, None, None)


def _make_scene(folder: Path, kind: str, patch: pytest.MonkeyPatch) -> Scene:
    dists = folder / "dists"
    dists.mkdir()
    index = IndexServer(dists).__enter__()
    for name in _USERS_UV:
        patch.delenv(name, raising=False)
    environment = {
        "UV_DEFAULT_INDEX": index.url,
        "UV_CACHE_DIR": str(folder / "uv-cache"),
        "UV_HTTP_RETRIES": "0",
    }
    for name, value in environment.items():
        patch.setenv(name, value)  # For commands in this process; those of the newest scene hold.
    here = Installation(root=folder, dists=dists)
    return Scene(kind=kind, here=here, index=index, environment=environment)


@pytest.fixture(scope="module")
def scene(make_scene: MakeScene, kind: str) -> Scene:
    """The scene all tests of a module share, one for each kind of host."""
    return make_scene(kind)


@pytest.fixture(scope="module")
def host(scene: Scene) -> Running:
    """The host that runs on it, shared too: leave it as you found it."""
    return scene.start()
