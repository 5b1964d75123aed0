"""How a pack's files reach the pure rooms: a function that reads, and the one way it may fail."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from ..errors import Hint, SafeInstallError
from .types import Finding

MAX_FILE_BYTES = 1024 * 1024
"""A dependency file larger than this is not read. The largest real one seen has 30 kB."""

Reader = Callable[[str], bytes]
"""Reads one file of a pack by its path inside the pack, with "/" between the parts.

Gives the whole content, or raises UnreadableFile; nothing else.
"""


class UnreadableFile(SafeInstallError):  # noqa: N818 - it becomes a finding, it does not end the work
    """A file of a pack that cannot or may not be read.

    Codes: `file-missing`, `file-outside-pack`, `not-a-regular-file`, `file-too-large`, `file-unreadable`.
    """

    def finding(self, *, pack: str, file: str, line: int = 0) -> Finding:
        """The same as a finding at the place where the file was asked for."""
        return Finding(
            code=self.code, message=self.message, pack=pack, file=file, line=line, hints=self.hints
        )


def path_inside(including: str, target: str) -> str:
    """The path inside the pack that `target` means in the file `including`.

    Raises UnreadableFile `file-outside-pack` or `include-remote`. Says nothing about links: only the reader
    can see those.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.\-]+:", target):
        raise UnreadableFile(
            "include-remote",
            f"{target} is not in the pack; only files of the pack are read.",
            hints=(Hint("copy-lines", "Copy its lines into the pack's requirements.txt."),),
        )
    path = posixpath.normpath(posixpath.join(posixpath.dirname(including), target))
    if path.startswith(("/", "../")) or path == ".." or re.match(r"[A-Za-z]:", path):
        raise UnreadableFile(
            "file-outside-pack",
            f"{target} lies outside the pack and is not read.",
            hints=(Hint("copy-lines", "Copy its lines into a file inside the pack."),),
        )
    return path
