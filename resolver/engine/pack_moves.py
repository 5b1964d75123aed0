"""What becomes of packs, as the changes a plan shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core.plan import PackChange
from ..core.reload import AtStart, Difference
from ..core.types import Pack
from ..ports import Site
from .brought import Brought
from .task_reading import Relocation


def arrival(site: Site, each: Brought, installed: Mapping[str, Pack], *, runs_script: bool) -> PackChange:
    """A pack that comes, in the place of what has its name. `runs_script`: its install.py is run. Blocks."""
    old = installed.get(each.name)
    marks = site.marks_at_start(each.tree)
    if marks is not None and not runs_script:
        marks -= {AtStart.INSTALL_SCRIPT}
    return PackChange(
        name=each.name,
        action="replace" if old else "add",
        before=(old.version or (old.commit[:10] if each.instead else "")) if old else "",
        after=each.commit[:10] or each.origin,
        target=str(site.new_packs_folder / each.name),
        digest=each.digest or site.pack_digest(each.tree),
        sha256=each.sha256,
        at_start=marks,
        # An install.py may change what no comparison sees.
        difference=Difference.CODE
        if old is None or marks is None or AtStart.INSTALL_SCRIPT in marks
        else site.difference_of(Path(old.path), each.tree),
    )


def relocation(site: Site, each: Relocation) -> PackChange:
    """A pack that is enabled or disabled. Blocks."""
    version = each.pack.version or each.pack.commit[:10]
    # Its install.py is not run again.
    marks = site.marks_at_start(Path(each.pack.path)) if each.enable else None
    return PackChange(
        name=each.name,
        action="enable" if each.enable else "disable",
        before=version,
        after=version,
        target=str(each.target),
        at_start=None if marks is None else marks - {AtStart.INSTALL_SCRIPT},
    )


def removal(pack: Pack) -> PackChange:
    """A pack that goes."""
    before = pack.version or pack.commit[:10]
    return PackChange(name=pack.name, action="remove", before=before, target=pack.path)
