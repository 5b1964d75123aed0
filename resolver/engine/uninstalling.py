"""The plan that removes a pack, and what only it brought."""

from __future__ import annotations

from pathlib import Path

from ..core.orphans import orphans
from ..core.plan import PackChange, Plan
from ..core.types import Pack
from ..core.verdicts import changes_between, library_findings, library_lines
from ..errors import Hint, UsageError
from ..ports import Site
from ..transaction.history import read_transactions
from .planned import Options, Planned


def plan_uninstall(site: Site, name: str) -> Planned:
    """The plan without that pack, and without the distributions that only it brought. Needs no network; blocks.

    Raises UsageError `pack-not-found`.
    """
    packs = {pack.name: pack for pack in site.packs()}
    pack = packs.get(name)
    if pack is None:
        raise _not_found(name, packs)
    environment = site.environment()
    gathered = {each.name: site.gather(each.name, Path(each.path)) for each in packs.values()}
    gone = orphans(
        environment,
        site.core(),
        [each for other, each in gathered.items() if other != name],
        gathered[name],
        rules=site.rules,
        brought_by_us=brought_by_us(site.state),
    )
    after = {each: version for each, version in environment.versions.items() if each not in gone}
    requires = {dist.name: dist.requires for dist in environment.distributions}
    library = library_lines(environment, after, requires, {})
    before = pack.version or pack.commit[:10]
    plan = Plan(
        environment=environment,
        lock=(),
        pylock="",
        changes=changes_between(environment, after, ()),
        pack_changes=(PackChange(name=name, action="remove", before=before, target=pack.path),),
        findings=library_findings([line for line in library if not line.was_broken], {}),
        library_lines=library,
    )
    return Planned(plan=plan, operation=f"uninstall {name}", options=Options(), replaced=(pack,))


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


def _not_found(name: str, packs: dict[str, Pack]) -> UsageError:
    return UsageError(
        "pack-not-found",
        f"No pack {name} is installed.",
        hints=(Hint("list-packs", f"Installed are: {', '.join(sorted(packs)) or 'none'}."),),
    )
