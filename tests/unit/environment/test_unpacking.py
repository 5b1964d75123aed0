"""What uv has under way is seen in its cache, as bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from comfyui_safe_install.resolver.io import unpacking
from comfyui_safe_install.resolver.io.unpacking import Unpacking, cache_folder
from comfyui_safe_install.tests.kit.waiting import wait_until


def _noting(looked: threading.Event) -> Callable[[Path], list[str]]:
    """The look into the cache, which says when it was first done."""
    real = unpacking._folders

    def look(cache: Path) -> list[str]:
        found = real(cache)
        looked.set()
        return found

    return look


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """uv's cache, an empty one; looked at often."""
    folder = tmp_path / "uv"
    folder.mkdir()
    monkeypatch.setenv("UV_CACHE_DIR", str(folder))
    monkeypatch.setattr(unpacking, "_PAUSE", 0.02)
    return folder


def test_what_comes_is_counted_until_it_is_whole(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of others that were there before do not count, nor does what has its own name by now."""
    (cache / ".tmpOther").mkdir()
    (cache / ".tmpOther" / "file").write_bytes(b"x" * 999)
    told: list[int] = []
    looked = threading.Event()
    monkeypatch.setattr(unpacking, "_folders", _noting(looked))
    with Unpacking(told.append):
        assert looked.wait(20)
        mine = cache / ".tmpMine" / "deep"
        mine.mkdir(parents=True)
        (mine / "a").write_bytes(b"x" * 100)
        wait_until(lambda: told[-1:] == [100])
        (mine / "b").write_bytes(b"x" * 50)
        wait_until(lambda: told[-1:] == [150])
        mine.parent.rename(cache / "archive")
        wait_until(lambda: told[-1:] == [0])
    assert told == [*sorted(told[:-1]), 0]


def test_the_cache_is_where_uv_says(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the user has set it; where that is no folder, nothing is told and nothing fails."""
    assert cache_folder() == cache
    monkeypatch.setenv("UV_CACHE_DIR", str(cache / "not" / "there"))
    told: list[int] = []
    with Unpacking(told.append):
        pass
    assert told == []
