"""Our own folders: somebody who can put a link into them could have us work wherever it points."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import Hint, RefusedError


def refuse_linked_folders(state: Path, areas: Iterable[Path]) -> None:
    """Raise RefusedError `own-folder-linked` where one of our folders, or a folder right in it, is a link.

    The state folder itself may be one: it is the user's to place. Blocks for some file system calls.
    """
    for area in areas:
        if area.is_symlink():
            raise _linked(area)
    for folder in (state, *areas):
        try:
            with os.scandir(folder) as entries:
                found = [entry.path for entry in entries if entry.is_symlink() and entry.is_dir()]
        except OSError:  # It is not there yet, or not ours to list: whoever needs it will say so.
            continue
        if found:
            raise _linked(Path(min(found)))


def _linked(path: Path) -> RefusedError:
    return RefusedError(
        "own-folder-linked",
        f"{path} is a link to another place; nothing there is read, written or removed.",
        context={"path": path},
        hints=(
            Hint(
                "remove-link", "Remove the link; if the folder behind it was ours, move it back in its place."
            ),
        ),
    )
