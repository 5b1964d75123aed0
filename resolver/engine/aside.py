"""Folders of our own in which fetched packs wait, and which must not outlive the process that made them."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ..errors import SafeInstallError
from ..ports import Site
from ..transaction.locks.lockfile import OwnerLock

_LOCK = ".lock"
_FRESH_SECONDS = 60.0
"""A folder may be so young that its process has not taken its lock yet."""


class Aside:
    """A folder from which packs can be renamed into place. Ours until `close`.

    An OS lock in it tells others that its process lives; what a kill leaves is swept by a later change.
    """

    def __init__(self, site: Site, operation: str) -> None:
        """Make the folder. Raises SafeInstallError `lock-unavailable`, OSError."""
        self.folder = site.make_aside()
        self._site = site
        self._given_away = False
        self._lock = OwnerLock(self.folder / _LOCK, operation)
        self._lock.__enter__()

    def hand_over(self) -> None:
        """The folder belongs to a transaction now, which deletes it: Windows deletes no locked file."""
        if self._lock.held:
            self._lock.__exit__(None, None, None)

    def give_away(self) -> None:
        """The folder outlives this process, for a transaction that waits: only that one deletes it."""
        self._given_away = True

    def close(self) -> None:
        """Nothing is left of the folder, unless it was given away. Calling it twice does no harm.

        On a disk that fails something may be left; a later change sweeps it.
        """
        with suppress(OSError):
            self.hand_over()
            if not self._given_away:
                self._site.remove(self.folder)


class Scratch:
    """A folder for a plan that is only looked at."""

    def __init__(self) -> None:
        """Make the folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="safe-install-"))

    def close(self) -> None:
        """Nothing is left of the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def sweep_asides(site: Site, *, spare: Collection[Path] = ()) -> None:
    """Remove the folders of processes that are gone. The caller holds the lock of the state folder.

    Those in `spare` belong to transactions that wait.
    """
    for folder in site.asides():
        if folder not in spare and _is_abandoned(folder):
            with suppress(OSError):
                site.remove(folder)


def _is_abandoned(folder: Path) -> bool:
    try:
        was_locked = (folder / f"{_LOCK}.owner").is_file()
        if not was_locked and time.time() - folder.stat().st_mtime < _FRESH_SECONDS:
            return False
        with OwnerLock(folder / _LOCK, "sweep"):
            return True
    except (SafeInstallError, OSError):  # Its process lives, or nothing can be known.
        return False
