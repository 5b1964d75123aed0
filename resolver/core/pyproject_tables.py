"""Tables of a TOML file, read by type and with their places, so that a wrong type is a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import Hint
from .place import Place
from .toml_lines import TomlLines
from .types import Finding


class Table:
    """One table; an absent one is empty. What has the wrong type is added to `findings`."""

    def __init__(
        self,
        data: Mapping[str, object],
        path: tuple[str, ...],
        lines: TomlLines,
        place: Place,
        findings: list[Finding],
    ) -> None:
        self.data = data
        self.path = path
        self.findings = findings
        self._lines = lines
        self._place = place

    @property
    def pack(self) -> str:
        """The pack whose file it is."""
        return self._place.pack

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def place_of(self, key: str) -> Place:
        """Where the key stands; where this is not known, where the table does."""
        line = self._lines.key(*self.path, key)
        for end in range(len(self.path), 0, -1):
            line = line or self._lines.key(*self.path[:end])
        return self._place.at(line)

    def table(self, *path: str) -> Table:
        """The table at that path below; empty where it is missing or no table (a finding)."""
        data: Mapping[str, object] = self.data
        for depth, key in enumerate(path):
            value = data.get(key, {})
            if not isinstance(value, Mapping):
                above = Table(data, (*self.path, *path[:depth]), self._lines, self._place, self.findings)
                above.wrong_type(key, "a table")
                value = {}
            data = value
        return Table(data, (*self.path, *path), self._lines, self._place, self.findings)

    def text(self, key: str) -> str:
        """The string of that key; empty where it is missing or no string (a finding)."""
        value = self.data.get(key, "")
        if isinstance(value, str):
            return value
        self.wrong_type(key, "a string")
        return ""

    def entries(self, key: str) -> tuple[tuple[object, Place], ...]:
        """The elements of that array with their places; none where it is missing or no array (a finding)."""
        value = self.data.get(key, [])
        if not isinstance(value, list):
            self.wrong_type(key, "an array")
            return ()
        lines = self._lines.elements(len(value), *self.path, key)
        otherwise = self.place_of(key)
        return tuple(
            (entry, self._place.at(line) if line else otherwise)
            for entry, line in zip(value, lines, strict=True)
        )

    def texts(self, key: str) -> tuple[tuple[str, Place], ...]:
        """The strings of that array, or the one string in its place; all else is a finding."""
        value = self.data.get(key)
        if isinstance(value, str):
            return ((value, self.place_of(key)),)
        strings = []
        for entry, place in self.entries(key):
            if isinstance(entry, str):
                strings.append((entry, place))
            else:
                self.findings.append(not_a_string(entry, place, key))
        return tuple(strings)

    def wrong_type(self, key: str, wanted: str) -> None:
        """Find that the key's value is not what it must be."""
        name = ".".join((*self.path, key))
        self.findings.append(
            self.place_of(key).finding(
                "wrong-type",
                f"{name} is not {wanted} and is not read.",
                Hint("fix-type", f"Write {key} as {wanted}."),
            )
        )


def not_a_string(entry: object, place: Place, key: str) -> Finding:
    """The finding for an element of `key` that should be a string."""
    return place.finding(
        "wrong-type",
        f"An entry of {key} is no string and is not read ({type(entry).__name__}).",
        Hint("fix-type", 'Each dependency is a string of its own, such as "numpy>=1.25".'),
    )
