"""Deleting what a finished transaction has left over: its stage, empty payload folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import SafeInstallError
from . import fs
from .journal import Journal


def clean(journal: Journal, paths: Sequence[Path]) -> tuple[Path, ...]:
    """What could not be deleted; when that is nothing, the journal says `cleaned`, and all is settled.

    Only after the outcome is in the journal, and only for paths that `refuse_cleanup_outside` let through.
    Can be killed and called again. Never raises for a file in use: leftovers harm nobody, and the outcome
    stands. They are tried again at the next recovery.
    """
    left: list[Path] = []
    for path in paths:
        try:
            fs.remove_tree(path)
        except OSError:
            left.append(path)
    if not left:
        try:
            journal.append({"kind": "cleaned"})
        except SafeInstallError:  # A full disk, say: the next recovery writes it.
            return ()
    return tuple(left)
