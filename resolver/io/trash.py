"""How folders of ours go away: renamed out of sight in one act each, durably, and only then deleted.

So a process that is killed at any instant leaves each folder whole or gone; what lies in the trash of a dead
process is swept by the next run.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from ..transaction import fs

TRASH = "trash"
"""Folder name in an area."""


class Trash:
    """The trash of one area. Every method blocks; callers hold the transaction lock."""

    def __init__(self, area: Path) -> None:
        """Makes nothing."""
        self.folder = area / TRASH

    @property
    def _is_elsewhere(self) -> bool:
        """Whether a link leads out of the area: what lies behind it was never thrown away by us."""
        return self.folder.is_symlink() or self.folder.parent.is_symlink()

    def take(self, folders: Iterable[Path]) -> tuple[Path, ...]:
        """Those folders that are gone from their places, durably; one that Windows holds open stays.

        A parent that is left empty goes as well. Raises OSError where the trash cannot be made.
        """
        gone: list[Path] = []
        if self._is_elsewhere:
            raise NotADirectoryError(f"{self.folder} is a link to another place")
        for folder in folders:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                fs.rename(folder, self.folder / secrets.token_hex(8))
            except OSError:
                continue
            gone.append(folder)
        for parent in sorted({folder.parent for folder in gone}):
            fs.fsync_dir(parent)
            remove_if_empty(parent)
        if gone:
            fs.fsync_dir(self.folder)
        return tuple(gone)

    def empty(self) -> None:
        """Delete what was taken; a file that Windows holds open is left for the next time."""
        if self._is_elsewhere:
            return
        try:
            taken = list(self.folder.iterdir())
        except FileNotFoundError:
            return
        for each in taken:
            try:
                fs.remove_tree(each)
            except OSError:
                continue
        remove_if_empty(self.folder)


def remove_if_empty(folder: Path) -> None:
    """No folder there where nothing is in it."""
    try:
        folder.rmdir()
    except OSError:
        return
