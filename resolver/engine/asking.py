"""Everybody's requirement lines as they are now: read once, for `why` and for the picture of all wishes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.families import settle_families
from ..core.types import Environment, Finding, RequirementLine
from ..core.wishes import SolveLine, Wishes, read_wishes
from ..ports import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLine:
    """One line after the rules."""

    name: str
    """The package it asks for, once import names are put right; empty for a URL without a name."""
    settled: SolveLine
    """The same, under the name of the family's member that stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The lines of ComfyUI and of every enabled pack that apply to this Python."""

    environment: Environment
    lines: tuple[AskedLine, ...]
    turned_away: tuple[tuple[str, RequirementLine], ...]
    """(package, line) of those for which a rule has nothing installed: part of Python, never fetched."""
    wishes: Wishes
    """What the rules said: `decisions` and `findings` on lines turned away, `stands_for`."""
    findings: tuple[Finding, ...]
    """What is wrong with the files themselves."""


def read_asked(site: Site) -> Asked:
    """The lines now. Blocks; reads every enabled pack's files and the environment."""
    environment, rules = site.environment(), site.rules
    gathered = [site.core(), *(site.gather(pack.name, Path(pack.path)) for pack in site.packs())]
    lines = [line for each in gathered for line in each.lines]
    read = read_wishes(lines, rules=rules, environment=environment, allowed=("urls",))
    settled = settle_families(read, rules=rules, environment=environment)
    # A line that stands in two lists of one file has one place there, and a rule turns both away or none.
    taken = {line.key for line in read.lines}
    markers = environment.python.markers
    return Asked(
        environment=environment,
        lines=tuple(
            AskedLine(name=before.name, settled=after)
            for before, after in zip(read.lines, settled.lines, strict=True)
            if after.applies
        ),
        turned_away=tuple(
            ((rules.renamed(line.name) or (line.name,))[0], line)
            for line in lines
            if (line.pack, line.file, line.line, line.text) not in taken
            and not line.constraint
            and line.applies(markers)
        ),
        wishes=settled,
        findings=tuple(finding for each in gathered for finding in each.findings),
    )
