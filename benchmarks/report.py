"""Tables for people."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Table:
    """A table in Markdown."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """One more row."""
        self.rows.append(tuple(cell.replace("|", "/") for cell in cells))

    def __str__(self) -> str:
        """The table with columns aligned, so that it reads well unrendered too."""
        widths = [
            max(len(row[column]) for row in (self.heads, *self.rows)) for column in range(len(self.heads))
        ]
        lines = [self._line(self.heads, widths), self._line(tuple("-" * width for width in widths), widths)]
        return "\n".join(
            ["", f"## {self.title}", "", *lines, *(self._line(row, widths) for row in self.rows)]
        )

    @staticmethod
    def _line(cells: tuple[str, ...], widths: list[int]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def figure(seconds: float | None) -> str:
    """Seconds with as many digits as mean something."""
    if seconds is None:
        return "-"
    return f"{seconds:.2g}" if seconds < 1 else f"{seconds:.3g}" if seconds < 100 else f"{seconds:.0f}"  # noqa: PLR2004


def ratio(seconds: float | None, ours: float | None) -> str:
    """How many times as long as ours."""
    return "-" if not seconds or not ours else f"{seconds / ours:.2f}"
