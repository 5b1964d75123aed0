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

# About how we call uv, which is no business of whoever reads this.
_NOISE = re.compile(r"^warning: The `--pylock` option")
UNDER_WAY = "bytes under way, unpacked"
"""A unit of its own, without a total."""


class Download:
    """Hears uv's lines, from any thread, and tells the reporter what has arrived, as whole files.

    In bytes where the index has told every size, else in packages. A file that is under way counts for nothing
    yet: uv unpacks it as it comes, and does not say how far it is. What can be seen of it is told beside.
    """

    def __init__(self, packages: Iterable[LockedPackage], report: Reporter) -> None:
        sizes = {package.name: package.size for package in packages}
        known = all(sizes.values())
        self._unit = "bytes" if known else "packages"
        self._left = sizes if known else dict.fromkeys(sizes, 1)
        self._total = sum(self._left.values())
        self._report = report
        self._begun = False
        self._lock = threading.Lock()

    def unpacked(self, count: int) -> None:
        """So many bytes of what is under way are unpacked; how many there will be, nobody knows."""
        self._report.progress(count, 0, UNDER_WAY)

    def line(self, text: str) -> None:
        """One line of uv."""
        if not _NOISE.match(text):
            self._report.log(text)
        with self._lock:
            if not self._begun:
                # Only now: what lies in uv's cache is not downloaded, and uv says nothing of it.
                self._begun = True
                self._report.progress(0, self._total, self._unit)
            if match := _ARRIVED.match(text):
                arrived = self._left.pop(canonicalize_name(match["name"]), 0)
            elif _ALL.match(text):
                arrived = sum(self._left.values())
                self._left.clear()
            else:
                return
            if arrived:
                self._report.progress(self._total - sum(self._left.values()), self._total, self._unit)
