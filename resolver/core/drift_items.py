"""One thing that others changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Hint, redact

MOST_FILES = 5
"""Files that are named of one item; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftItem:
    """One thing that others changed, and who probably did."""

    code: str
    """drift-added, -removed, -version, -files (same version, installed again), -torn, -doubled, -edited,
    -pack, -unowned, -python, -comfyui."""
    name: str
    """Of the distribution or pack; the folder for files."""
    before: str = ""
    after: str = ""
    text: str = ""
    """What happened, in words; a sentence without its end."""
    files: tuple[str, ...] = ()
    """The first few; `count` has the number."""
    count: int = 0
    minor: bool = False
    """Such as what a program writes into its own folder: shown by `verify`, never a warning."""
    who: str = ""
    """In words that say how sure it is; empty where nothing tells."""
    evidence: tuple[str, ...] = ()
    hints: tuple[Hint, ...] = ()

    @property
    def sentence(self) -> str:
        """What happened; a name at the beginning stays as it is written."""
        return f"T{self.text[1:]}" if self.text.startswith("the ") else self.text

    def to_dict(self) -> dict[str, object]:
        """The item as the JSON object of `verify --json`."""
        return {
            "code": self.code,
            "name": redact(self.name),
            "from": redact(self.before),
            "to": redact(self.after),
            "message": redact(self.text),
            "who": redact(self.who),
            "evidence": [redact(each) for each in self.evidence],
            "files": [redact(each) for each in self.files],
            "count": self.count,
            "minor": self.minor,
            "hints": [hint.to_dict() for hint in self.hints],
        }


def item(
    code: str,
    name: str,
    before: str,
    after: str,
    text: str,
    *,
    files: Sequence[str] = (),
    hints: tuple[Hint, ...] = (),
    minor: bool = False,
) -> DriftItem:
    """An item nobody is blamed for yet."""
    return DriftItem(
        code=code,
        name=name,
        before=before,
        after=after,
        text=text,
        files=tuple(files[:MOST_FILES]),
        count=len(files),
        hints=hints,
        minor=minor,
    )
