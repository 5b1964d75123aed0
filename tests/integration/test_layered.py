"""ComfyUI in a container image: site-packages lies in a lower layer whose folders cannot be renamed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.engine.planned import Options
from comfyui_safe_install.resolver.engine.rolling_back import Rollback
from comfyui_safe_install.resolver.engine.session import Session
from comfyui_safe_install.resolver.wiring import PageProbe, open_site
from comfyui_safe_install.tests.kit.comfy import make_comfy
from comfyui_safe_install.tests.kit.index import IndexServer
from comfyui_safe_install.tests.kit.trees import hash_tree
from comfyui_safe_install.tests.kit.venvs import install, make_venv
from comfyui_safe_install.tests.kit.wheels import make_wheel

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounting an overlay takes Linux and root"
)


@pytest.fixture
def image(tmp_path: Path, dists: Path) -> Iterator[Path]:
    """A mounted overlay whose lower layer holds a ComfyUI folder with its environment and a pack."""
    lower, merged = tmp_path / "lower", tmp_path / "merged"
    for folder in (lower, merged, tmp_path / "upper", tmp_path / "work"):
        folder.mkdir()
    # Built where it will be used from, so that the environment knows its own place: bind, fill, unmount.
    _mount("--bind", str(lower), str(merged))
    try:
        comfy = make_comfy(merged / "ComfyUI", requirements="one\n", packs={"old-pack": {"a/b.txt": "kept"}})
        venv = make_venv(comfy / ".venv")
        install(
            venv, make_wheel(dists, "one", "1.0", files={"one/__init__.py": "", "one/deep/x.py": "x = 1\n"})
        )
        install(venv, make_wheel(dists, "two", "1.0"))
    finally:
        subprocess.run(["umount", str(merged)], check=True)
    options = f"lowerdir={lower},upperdir={tmp_path / 'upper'},workdir={tmp_path / 'work'}"
    _mount("-t", "overlay", "overlay", "-o", options, str(merged))
    try:
        yield merged / "ComfyUI"
    finally:
        subprocess.run(["umount", str(merged)], check=True)


def test_an_image_layer_is_changed_and_restored_file_by_file(
    image: Path, dists: Path, index: IndexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade and a replaced pack in a lower layer work and come back exactly."""
    with pytest.raises(OSError, match="cross-device"):
        (image / "custom_nodes" / "old-pack").rename(image / "custom_nodes" / "elsewhere")
    make_wheel(dists, "two", "2.0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    source = tmp_path / "old-pack"
    source.mkdir()
    (source / "__init__.py").write_text("import two\nNODE_CLASS_MAPPINGS = {}\n", encoding="utf-8")
    (source / "requirements.txt").write_text("two>=2\n", encoding="utf-8")
    session = Session(site=open_site(image, python=image / ".venv" / "bin" / "python"), probe=PageProbe())
    before = _state(image)

    with session.plan_install([str(source)], Options(), to_apply=True) as planned:
        session.apply(planned)
    after = _state(image)
    rollback = Rollback(session)
    plan = rollback.plan(rollback.find())
    rollback.apply(plan)

    assert "custom_nodes/old-pack/a/b.txt" not in after
    assert plan.is_exact
    assert _state(image) == before


def _state(comfy: Path) -> dict[str, object]:
    return {
        f"{root}/{path}": entry
        for root in (".venv", "custom_nodes")
        for path, entry in hash_tree(comfy / root).items()
        if ".safe-install" not in path
    }


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
