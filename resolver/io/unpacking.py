"""What uv is unpacking at this moment. It writes each file, as it comes, into a folder of its cache."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ..errors import SafeInstallError
from .process import clean_environment, run
from .uv import find_uv

_UNDER_WAY = ".tmp"
"""How the names of those folders begin (uv 0.13); when a file is whole, its folder gets another name."""
_PAUSE = 1.0
_SHARE = 20
"""To look may take a twentieth of the time: a large package has tens of thousands of files."""


class Unpacking:
    """Inside its `with` block, tells about once a second how many bytes lie there of files still under way.

    Those are unpacked bytes, more than were downloaded for them. Of what other processes of uv unpack at the
    same time nothing can be told apart. Where uv's cache is not found, nothing is told.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        """`tell` is called from a thread, only when the number has changed; it must not raise."""
        self._tell = tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="safe-install-unpacking", daemon=True)

    def __enter__(self) -> Unpacking:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        cache = cache_folder()
        if cache is None:
            return
        others = set(_folders(cache))
        pause, told = _PAUSE, 0
        while not self._over.wait(pause):
            begun = time.monotonic()
            found = sum(_bytes_below(each) for each in _folders(cache) if each not in others)
            pause = max(_PAUSE, (time.monotonic() - begun) * _SHARE)
            if found != told and not self._over.is_set():
                told = found
                self._tell(found)


def cache_folder() -> Path | None:
    """Where uv keeps its cache; None where it does not say. Starts uv once."""
    try:
        done = run([str(find_uv()), "cache", "dir"], env=clean_environment({"NO_COLOR": "1"}), timeout=30)
    except SafeInstallError:
        return None
    found = done.stdout.strip()
    return Path(found) if done.returncode == 0 and found else None


def _folders(cache: Path) -> list[str]:
    try:
        with os.scandir(cache) as entries:
            return [each.path for each in entries if each.name.startswith(_UNDER_WAY)]
    except OSError:
        return []


def _bytes_below(folder: str) -> int:
    """Bytes of the files below it; of what goes away meanwhile, nothing."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return found
