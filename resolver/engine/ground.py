"""What every solve of one plan stands on, and the questions put to the solver from there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from ..core.merge import Pin, Policy
from ..core.solve import SolveInput, SolveRequest
from ..core.wishes import SolveLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every solve of one plan stands on."""

    pins: Mapping[str, Pin]
    constraints: tuple[str, ...]
    placeholders: Mapping[str, str]
    """{name: placeholder version} forced upon everybody; see `core.solve.provided_by`."""
    preferences: Mapping[str, str]
    allow_builds: bool
    policy: Policy
    indexes: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """{pack: (granted index URL, names it serves)}."""
    core_texts: tuple[str, ...] = ()

    def request(
        self, lines: Sequence[SolveLine], overrides: Mapping[str, str], *, preferring: bool = False
    ) -> SolveRequest:
        """The question whether these lines can be met, with these versions forced.

        `preferring`: keep what is installed where the lines allow it.
        """
        groups: dict[str, list[str]] = {}
        limits: list[str] = []
        for line in sorted(lines, key=lambda line: line.key):
            if line.line.constraint:
                limits += [line.solver_text()] if line.applies and line.asks_version else []
            else:
                groups.setdefault(line.line.pack, []).append(line.solver_text())
        inputs = [SolveInput(label="ComfyUI", texts=self.core_texts)] if self.core_texts else []
        for pack, texts in groups.items():
            index, indexed = self.indexes.get(pack, ("", ()))
            inputs.append(
                SolveInput(label=pack, texts=tuple(dict.fromkeys(texts)), index=index, indexed=indexed)
            )
        forced = {**self.placeholders, **overrides}
        return SolveRequest(
            inputs=tuple(inputs),
            constraints=(*(text for text in self.constraints if name_of(text) not in forced), *limits),
            overrides=tuple(f"{name}=={version}" for name, version in sorted(forced.items())),
            preferences=self.preferences if preferring else {},
            allow_builds=self.allow_builds,
        )


def name_of(text: str) -> str:
    """The canonical name at the start of a requirement text; empty where there is none."""
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text)
    return canonicalize_name(match.group()) if match else ""
