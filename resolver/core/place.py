"""Where a line stands, and findings about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import Hint, redact
from .types import Finding

_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a line stands."""

    pack: str
    file: str
    line: int = 0

    def at(self, line: int) -> Place:
        """Another line of the same file; 0 for the file as a whole."""
        return replace(self, line=line)

    def finding(self, code: str, message: str, *hints: Hint) -> Finding:
        """A finding about this place. What the parsers quote in their errors is redacted here too."""
        return Finding(
            code=code, message=redact(message), pack=self.pack, file=self.file, line=self.line, hints=hints
        )


def shown(text: str) -> str:
    """The text for a message: without credentials, and not too long."""
    # Redacted first: a cut through a URL could leave a password without the "@" that marks it.
    text = redact(text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "\N{HORIZONTAL ELLIPSIS}"
