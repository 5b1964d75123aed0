"""The locks of a state folder together with those of the areas it works in."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from ...errors import SafeInstallError
from .lockfile import OwnerLock, area_lock_path, lock_path


class PlaceLock:
    """The lock of a state folder, and those of the areas it works in, which other state folders may share.

    Two ComfyUIs with one Python, or two names of a state folder given by hand, meet at the areas. Taken in
    one order by all, so nobody waits for each other; errors as `OwnerLock`.
    """

    def __init__(self, state_dir: Path, areas: Sequence[Path], operation: str) -> None:
        self.state = OwnerLock(lock_path(state_dir), operation)
        places = {os.path.realpath(area): area for area in areas}
        self._areas = [
            OwnerLock(area_lock_path(place), operation, fleeting=True) for _, place in sorted(places.items())
        ]
        self._stack = ExitStack()

    def __enter__(self) -> OwnerLock:
        with ExitStack() as stack:
            stack.enter_context(self.state)
            for lock in self._areas:
                try:
                    stack.enter_context(lock)
                except SafeInstallError as error:
                    # Who may not write there changes nothing there: it is looked at only.
                    if not _is_forbidden(error.__cause__):
                        raise
            self._stack = stack.pop_all()
        return self.state

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _is_forbidden(cause: BaseException | None) -> bool:
    return isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
