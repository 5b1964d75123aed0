"""On which line of a TOML text a key and the elements of its array stand, which no TOML parser tells."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n|[\[\]{}=,]"
    r"|[^\s\"'\#\[\]{}=,]+",
    re.DOTALL,
)

Path = tuple[str, ...]


class TomlLines:
    """The places of all keys at the top of their tables. For text that a TOML parser has accepted.

    Keys inside inline tables have no place of their own. Where a place is unknown, the line is 0.
    """

    def __init__(self, text: str) -> None:
        """Find the places; one pass over the text."""
        self._keys: dict[Path, int] = {}
        self._elements: dict[Path, list[int]] = {}
        self._table: Path = ()
        self._words: list[str] = []
        """Of the header or key being read."""
        self._key: Path | None = None
        """Set while its value is read."""
        self._depth = 0
        self._element_begins = False
        self._walk(text)

    def key(self, *path: str) -> int:
        """The 1-based line of the key (or of the table's header); 0 where it is not found."""
        return self._keys.get(path, 0)

    def elements(self, count: int, *path: str) -> tuple[int, ...]:
        """The line of each of the array's `count` elements; the line of its key where they cannot be told."""
        lines = self._elements.get(path, [])
        return tuple(lines) if len(lines) == count else (self.key(*path),) * count

    def _walk(self, text: str) -> None:
        line = 1
        for match in _TOKEN.finditer(text):
            word = match.group()
            if word == "\n" and self._depth == 0:
                self._words, self._key = [], None
            elif self._key is None:
                self._before_value(word, line)
            elif word != "\n" and not word.startswith("#"):
                self._in_value(self._key, word, line)
            line += word.count("\n")

    def _before_value(self, word: str, line: int) -> None:
        if word == "=":
            self._key = self._table + _parts(self._words)
            self._keys.setdefault(self._key, line)
        elif word == "]" and self._words[:1] == ["["]:
            self._table = _parts([part for part in self._words if part != "["])
            self._keys.setdefault(self._table, line)
        elif not word.startswith("#"):
            self._words.append(word)

    def _in_value(self, key: Path, word: str, line: int) -> None:
        if self._element_begins and word not in {"]", ","}:
            self._elements[key].append(line)
            self._element_begins = False
        if word in {"[", "{"}:
            self._depth += 1
            if self._depth == 1 and word == "[" and key not in self._elements:
                self._elements[key] = []
                self._element_begins = True
        elif word in {"]", "}"}:
            self._depth -= 1
            self._element_begins = self._element_begins and self._depth > 0
        elif word == "," and self._depth == 1 and key in self._elements:
            self._element_begins = True


def _parts(words: list[str]) -> Path:
    """The parts of a dotted key: `a."b.c"` is ("a", "b.c")."""
    parts: list[str] = []
    for word in words:
        if word[0] in "\"'":
            parts.append(word[1:-1])
        else:
            parts.extend(part for part in word.split(".") if part)
    return tuple(parts)
