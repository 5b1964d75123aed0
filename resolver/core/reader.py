"""How a pack's files reach the pure rooms: a function that reads, and the one way it may fail."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import SafeInstallError
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
