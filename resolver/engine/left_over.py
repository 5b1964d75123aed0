"""What packs leave behind that go: distributions only they brought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.orphans import orphans
from ..core.types import Environment, Gathered
from ..ports import Site
from ..transaction.history import read_transactions


def left_over(
    site: Site,
    environment: Environment,
    core: Gathered,
    staying: Sequence[Gathered],
    going: Sequence[Gathered],
) -> frozenset[str]:
    """Installed names that only the packs in `going` want, among those that transactions of ours brought."""
    if not going:
        return frozenset()
    lines = tuple(line for each in going for line in each.lines)
    removed = Gathered(pack=going[0].pack, lines=lines)
    known = brought_by_us(site.state)
    return orphans(environment, core, staying, removed, rules=site.rules, brought_by_us=known)


def brought_by_us(state: Path) -> frozenset[str]:
    """Distributions that transactions of ours installed anew, as far as the history reaches."""
    names = set()
    for record in read_transactions(state):
        changes = record.summary.get("changes")
        if record.state is None or record.state.value != "committed" or not isinstance(changes, list):
            continue
        names |= {
            str(change.get("name"))
            for change in changes
            if isinstance(change, dict) and change.get("action") == "install"
        }
    return frozenset(names)
