"""What is said when the state folder cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Hint, SafeInstallError


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns an OSError into `state-unwritable`."""
    try:
        yield
    except OSError as error:
        raise SafeInstallError(
            "state-unwritable",
            f"The state folder cannot be written: {error.strerror or error} ({path})",
            context={"path": path},
            hints=(Hint("free-space", "See that the disk is not full and that this folder is writable."),),
        ) from error
