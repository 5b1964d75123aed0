"""What the concurrency campaign works on: one installation, its packs in several versions, and what must hold."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from comfyui_safe_install.resolver.engine.rolling_back import Rollback
from comfyui_safe_install.resolver.engine.session import Session
from comfyui_safe_install.resolver.io.listing import digest_pack
from comfyui_safe_install.resolver.ports import Site
from comfyui_safe_install.resolver.wiring import PageProbe, open_site
from comfyui_safe_install.tests.kit.installation import Installation

PACKS = ("apple", "birch", "cedar")
VERSIONS = (1, 2, 3)
_SETTLED_FINAL = ("committed", "rolled-back")


@dataclass(slots=True)
class World:
    """The installation and what it began with."""

    here: Installation
    begin: dict[str, str] = field(default_factory=dict)
    sources: dict[tuple[str, int], str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    """{how journals call a pack's content: its version}: where it came from, or its digest."""
    states: tuple[Path, ...] = ()
    """The state folders that are used, as two ComfyUI with one environment would; the first is the usual one."""

    def furnish(self) -> None:
        """An environment with a few distributions, and packs whose versions want different ones."""
        here = self.here
        here.have("core-lib", "1.0", files={"core_lib/__init__.py": "", "core_lib/data.txt": "x" * 2000})
        for number in VERSIONS:
            version = f"{number}.0"
            shared = {f"shared_space/{name}.py": f"V = {version!r}\n" for name in "abc"}
            here.wheel("common", version, files={"common/__init__.py": f"V = {version!r}\n"})
            here.wheel(
                "branch", version, files={**shared, "branch.py": "import common\n"}, requires=["common"]
            )
            here.wheel(
                "leaf", version, files={"leaf.py": f"V = {version!r}\n"}, entry_points={"leaf": "leaf:main"}
            )
        for pack, name in zip(PACKS, ("common", "branch", "leaf"), strict=True):
            for edition in VERSIONS:
                folder = here.source(
                    pack,
                    "core-lib",
                    f"{name}=={edition}.0",
                    files={"version.txt": str(edition), f"only_{edition}.py": "", "js/a.js": "1"},
                )
                kept = Path(folder).parent.parent / "kept" / str(edition) / pack
                kept.parent.mkdir(parents=True, exist_ok=True)
                Path(folder).rename(kept)
                self.sources[pack, edition] = str(kept)
                self.told |= dict.fromkeys((str(kept), digest_pack(kept)[:10]), str(edition))
        self.begin = here.versions()

    def any_source(self, random_: random.Random) -> str:
        """Some pack in some version."""
        return self.sources[random_.choice(PACKS), random_.choice(VERSIONS)]

    # --- what must hold at a quiet point --------------------------------------------------------------------

    def faults(self) -> list[str]:
        """What does not hold now, while nobody is at work and after recovery; empty when all is well."""
        here = self.here
        listed = here.listed()
        found = [f"listed twice: {each}" for each in listed if [n for n, _ in listed].count(each[0]) > 1]
        records = self.records()
        found += [f"unfinished: {each['id']}" for each in records if each["state"] not in _SETTLED_FINAL]
        committed = [each for each in records if each["state"] == "committed"]
        versions, packs, wrong = replay(self.begin, committed)
        found += wrong
        if dict(listed) != versions:
            found.append(f"installed is {dict(listed)}, the journals say {versions}")
        told = {name: self.told[to] for name, to in packs.items()}
        if self.packs() != told:
            found.append(f"packs are {self.packs()}, the journals say {told}")
        found += self._torn_packs()
        found += [f"stray: {each}" for each in self.strays()]
        return [*found, *self._snapshots_without_ways_back()]

    def records(self) -> list[dict[str, Any]]:
        """The transactions of all state folders, in the order in which they ended."""
        found = [
            each
            for state in self.states
            for each in self.here.run("--state", str(state), "history").document["transactions"]
        ]
        return sorted(found, key=lambda each: each["ended"])

    def strays(self) -> list[str]:
        """Stages and half thrown away things. Packs that wait and stale locks are swept by the next change."""
        names = ("stages/", "trash/")
        inside = [each for each in self.here.leftovers() if not (self.here.comfy / each).is_dir()]
        return [each for each in inside if any(name in each for name in names) and "incoming" not in each]

    def packs(self) -> dict[str, str]:
        """{pack: its version} as it lies in custom_nodes."""
        return {
            folder.name: (folder / "version.txt").read_text()
            for folder in self.here.packs.iterdir()
            if folder.is_dir() and not folder.name.startswith(".")
        }

    def _torn_packs(self) -> list[str]:
        """Packs of which not every file is of the same version."""
        torn = []
        for pack, version in self.packs().items():
            source = Path(self.sources[pack, int(version)])
            then = {
                path.relative_to(source): path.read_bytes() for path in source.rglob("*") if path.is_file()
            }
            live = self.here.packs / pack
            now = {path.relative_to(live): path.read_bytes() for path in live.rglob("*") if path.is_file()}
            torn += [f"torn pack: {pack} {version}"] if then != now else []
        return torn

    def _snapshots_without_ways_back(self) -> list[str]:
        found = []
        for state in self.states:
            site = open_site(self.here.comfy, state=state)
            listed = site.snapshots.list()
            found += [f"{each.code}: {each.message}" for each in listed.findings]
            rollback = Rollback(session=Session(site=cast("Site", site), probe=PageProbe()))
            for snapshot in listed.snapshots:
                bad = [
                    item
                    for item in rollback.plan(snapshot).items
                    if item.how in ("same-version", "not-restorable")
                ]
                found += [
                    f"no way back to {snapshot.id}: {item.kind} {item.name}: {item.how}" for item in bad
                ]
        return found


def replay(
    begin: dict[str, str], committed: list[dict[str, Any]]
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Versions and packs after all committed transactions in their order, and where one did not fit its place."""
    versions, packs, wrong = dict(begin), dict[str, str](), []
    for record in committed:
        for change in record["summary"].get("changes", ()):
            name, before, after = change["name"], change["from"], change["to"]
            if versions.get(name, "") != (before or ""):
                wrong.append(f"{record['id']}: {name} was {versions.get(name)}, not {before}")
            if change["action"] in ("remove", "uninstall") or not after:
                versions.pop(name, None)
            else:
                versions[name] = after
        for change in record["summary"].get("packs", ()):
            name, how = change["name"], change.get("action") or change.get("how")
            if how == "add" and name in packs:
                wrong.append(f"{record['id']}: the pack {name} was there already")
            if how in ("replace", "remove") and name not in packs:
                wrong.append(f"{record['id']}: the pack {name} was not there")
            if how != "not-restorable":
                packs.pop(name, None)
            if how in ("add", "replace", "exact"):
                packs[name] = change["to"]
    return versions, packs, wrong
