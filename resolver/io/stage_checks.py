"""What no wheel may bring: things that are not a distribution's, and trees that are traps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..core.layout import Layout
from ..core.ownership import Holding
from ..errors import Hint, RefusedError
from .records import slashed

_DEEPEST = 200
"""Folders in each other; whoever walks a tree recursively falls over a thousand."""


def refuse_imposters(holdings: Sequence[Holding]) -> None:
    """Raise RefusedError `unsafe-wheel` for a staged distribution that calls itself editable.

    Nothing in a stage is; once live, nobody could ever replace it.
    """
    for holding in holdings:
        if holding.distribution.editable:
            raise _unsafe(holding.distribution.name, "it says that it is editable, which it is not")


def refuse_intruders(prefix: Path, staged: Layout, live: Layout) -> None:
    """Raise RefusedError `unsafe-wheel` for a stage that would change more than its distributions. Blocks.

    That is what would land on the interpreter, its configuration, the standard library or in our own folder;
    links and devices, which no wheel can hold; trees that are too deep to be walked.
    """
    if not prefix.is_dir():
        return
    top = slashed(str(prefix))
    folders = [(top, 0)]
    while folders:
        folder, depth = folders.pop()
        if depth > _DEEPEST:
            raise _unsafe(_beginning(folder, top), f"it lies in more than {_DEEPEST} folders")
        with os.scandir(folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append((path, depth + 1))
                elif live.is_pythons_own(live.place(staged.label(path))):
                    raise _unsafe(
                        _beginning(path, top), "it would change Python itself, or what keeps the ways back"
                    )
                elif not entry.is_file(follow_symlinks=False):
                    raise _unsafe(_beginning(path, top), "it is a link, a pipe or a device")


def _beginning(path: str, top: str) -> str:
    return path[len(top) + 1 :][:200]


def _unsafe(what: str, why: str) -> RefusedError:
    return RefusedError(
        "unsafe-wheel",
        f"A package is refused because of {what}: {why}.",
        context={"entry": what},
        hints=(
            Hint("do-not-trust", "Do not install this package: no build tool makes such a wheel by itself."),
        ),
    )
