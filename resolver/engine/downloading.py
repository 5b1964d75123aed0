"""How much of a plan's download has arrived, by what uv says of each file while it fills a stage."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable

from packaging.utils import canonicalize_name

from ..core.types import LockedPackage
from ..ports import Reporter

# uv 0.13 says so of every file of a megabyte or more, and at the end of all.
_ARRIVED = re.compile(r"^\s*Downloaded\s+(?P<name>[A-Za-z0-9][\w.-]*)\s*$")
_ALL = re.compile(r"^\s*Prepared\s+\d+\s+packages?\b")


class Download:
    """Hears uv's lines, from any thread, and tells the reporter what has arrived, as whole files.

    In bytes where the index has told every size, else in packages. A file that is under way counts for nothing
    yet: uv unpacks it as it comes, and does not say how far it is.
    """

    def __init__(self, packages: Iterable[LockedPackage], report: Reporter) -> None:
        sizes = {package.name: package.size for package in packages}
        known = all(sizes.values())
        self._unit = "bytes" if known else "packages"
        self._left = sizes if known else dict.fromkeys(sizes, 1)
        self._total = sum(self._left.values())
        self._report = report
        self._lock = threading.Lock()

    def heard(self, line: str) -> None:
        """One line of uv."""
        self._report.log(line)
        with self._lock:
            if match := _ARRIVED.match(line):
                arrived = self._left.pop(canonicalize_name(match["name"]), 0)
            elif _ALL.match(line):
                arrived = sum(self._left.values())
                self._left.clear()
            else:
                return
            if arrived:
                self._report.progress(self._total - sum(self._left.values()), self._total, self._unit)
