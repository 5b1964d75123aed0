"""Making broken distributions whole again: torn, listed twice, or edited in place. A transaction like any other."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.mending import Ground, choose_version, regard_broken
from ..core.ownership import Holding, RecordedFile
from ..core.snapshot import SnapshotDistribution
from ..core.swap_types import Arrival
from ..core.types import Distribution, Environment, Finding
from ..errors import CancelledError, SafeInstallError
from ..ports import Kept
from .applying import Applier
from .baseline import read_baseline
from .fetching import fetch_again
from .in_force import IN_FORCE, in_force
from .movement import Movement
from .order import Applied, Order
from .repair_plan import (
    DOUBLED,
    FAULTS,
    TORN,
    Mending,
    RepairPlan,
    not_installed,
    not_on_index,
    not_ours,
    read_request,
)
from .session import Session
from .stillness import look_when_still


@dataclass(slots=True)
class Repair:
    """Repairs distributions of one session's site. Blocks; call from a thread."""

    session: Session

    def plan(self, wanted: Sequence[str] = ()) -> RepairPlan:
        """What is broken among the named distributions (`NAME` or `NAME==VERSION`), or among all. Touches nothing.

        Blocks; hashes the files of those it looks at. Raises UsageError `not-installed`, `usage`.
        """
        asked = dict(read_request(text) for text in wanted)
        drifted = self.session.drift().findings
        site, cancel = self.session.site, self.session.cancel
        plan, seen = look_when_still(site, lambda: self._look(asked), cancel)
        return replace(plan, findings=(*drifted, *plan.findings), moment=seen)

    def _look(self, asked: Mapping[str, str]) -> RepairPlan:
        site = self.session.site
        environment = site.environment()
        by_name: dict[str, list[Distribution]] = {}
        for dist in environment.distributions:
            by_name.setdefault(dist.name, []).append(dist)
        for name in asked:
            if name not in by_name:
                raise not_installed(name)
        self.session.report.stage("verify", "Hashing installed files")
        faults = self._faults(environment, frozenset(asked) or None)
        baseline = read_baseline(site.state, site.python.prefix)
        left = {each.name: each for each in baseline.seen.snapshot.distributions} if baseline else {}
        twice = baseline.seen.doubled if baseline else frozenset()
        mendings: list[Mending] = []
        findings: list[Finding] = []
        for name, found in sorted(faults.items()):
            copies = by_name[name]
            foreign = next((dist for dist in copies if dist.conda or dist.editable), None)
            if foreign is not None:
                findings.append(not_ours(foreign))
                continue
            known = left.get(name) if name not in twice else None
            version, why = choose_version(
                copies,
                left=known.version if known and found.keys() & {DOUBLED, TORN} else "",
                intact={dist.metadata_dir for dist in copies if _path(dist) not in _places(found)},
            )
            if asked.get(name):
                version, why = asked[name], "as you say"
            payload = self._payload(name, version, known, copies)
            origins = [dist.origin for dist in (known, *copies) if dist and dist.version == version]
            if payload is None and any(origins):
                findings.append(not_on_index(name, version))
                continue
            mendings.append(
                Mending(
                    name=name,
                    version=version,
                    before=tuple(dist.version for dist in copies),
                    faults=tuple(found),
                    why=why,
                    payload=payload,
                )
            )
        return RepairPlan(
            environment=environment,
            mendings=tuple(mendings),
            findings=tuple(findings),
            hashes={
                each.name: left[each.name].hashes
                for each in mendings
                if each.name in left and left[each.name].version == each.version
            },
        )

    def apply(self, plan: RepairPlan) -> Applied:
        """Carry it out; snapshotted, so that `rollback` takes it back. Raises what `Applier.apply` raises."""
        names = frozenset(each.name for each in plan.mendings)
        broken = {each.name: each.before for each in plan.mendings}
        listed: dict[str, list[RecordedFile]] = {}
        versions = {**plan.environment.versions, **{each.name: each.version for each in plan.mendings}}

        def fill(stage: Path) -> tuple[Arrival, ...]:
            site = self.session.site
            arrivals = [
                site.payload_arrival(each.payload, [each.name]) for each in plan.mendings if each.payload
            ]
            pins = {each.name: each.version for each in plan.mendings if not each.payload}
            if pins:
                arrivals.append(self._fetch(stage / "whole", pins, plan.hashes))
            for arrival in (*arrivals, *self._other_versions(stage, plan)):
                for holding in arrival.holdings:
                    listed.setdefault(holding.distribution.name, []).extend(holding.files)
            return tuple(arrivals)

        def regard(holdings: Sequence[Holding]) -> tuple[Holding, ...]:
            ground = Ground(exists=os.path.lexists, is_file=os.path.isfile, names_in=_names_in)
            return regard_broken(holdings, names, listed, ground)

        order = Order(
            operation=f"repair {', '.join(sorted(names))}",
            seen=plan.environment,
            summary={
                "fingerprint": "",
                "changes": [
                    {
                        "name": name,
                        "action": "replace",
                        "from": ", ".join(before),
                        "to": versions[name],
                    }
                    for name, before in sorted(broken.items())
                ],
                "packs": [],
                IN_FORCE: in_force(self.session.site.state).to_dict(),
            },
            fill=fill,
            movement=Movement(leaving=names, expected=versions, touched=names),
            regard=regard,
            moment=plan.moment,
        )
        session = self.session
        applier = Applier(
            site=session.site, report=session.report, cancel=session.cancel, begun=session.begun
        )
        return applier.apply(order)

    def _faults(
        self, environment: Environment, names: frozenset[str] | None
    ) -> dict[str, dict[str, set[str]]]:
        """{name: {code: metadata folders}} of what is broken."""
        owner = {_path(dist): dist.name for dist in environment.distributions}
        _, unreadable = self.session.site.holdings(environment)
        faults: dict[str, dict[str, set[str]]] = {}
        for finding in (*self.session.site.verify(environment, names), *unreadable):
            name = owner.get(Path(finding.file))
            if name and finding.code in FAULTS and (names is None or name in names):
                faults.setdefault(name, {}).setdefault(finding.code, set()).add(finding.file)
        return faults

    def _payload(
        self, name: str, version: str, known: SnapshotDistribution | None, copies: Sequence[Distribution]
    ) -> Kept | None:
        """Where the very bytes are kept: of the build as we left it, else of the one that is there."""
        digests = [known.record_digest] if known and known.version == version else []
        digests += [dist.record_digest for dist in copies if dist.version == version]
        for digest in dict.fromkeys(each for each in digests if each):
            wanted = SnapshotDistribution(name=name, version=version, record_digest=digest)
            payload = self.session.site.find_distribution(wanted, "")
            if payload is not None:
                return payload
        return None

    def _fetch(self, folder: Path, pins: Mapping[str, str], hashes: Mapping[str, tuple[str, ...]]) -> Arrival:
        return fetch_again(self.session.site, folder, pins, hashes, self.session.cancel)

    def _other_versions(self, stage: Path, plan: RepairPlan) -> list[Arrival]:
        """Wheels of torn versions that go away and have no RECORD: only they tell which files to take along."""
        without = {
            dist.name: dist.version
            for dist in plan.environment.distributions
            if not dist.record_digest
            and any(each.name == dist.name and each.version != dist.version for each in plan.mendings)
        }
        found = []
        for name, version in without.items():
            try:
                found.append(self._fetch(stage / f"other-{name}", {name: version}, {}))
            except CancelledError:
                raise
            except SafeInstallError:
                continue  # What is left of it stays where it lies, and nobody owns it.
        return found


def _names_in(folder: str) -> list[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except OSError:
        return []


def _path(dist: Distribution) -> Path:
    return Path(dist.site, dist.metadata_dir)


def _places(found: Mapping[str, set[str]]) -> set[Path]:
    """The metadata folders something is wrong with, apart from there being two."""
    return {Path(place) for code, places in found.items() if code != DOUBLED for place in places}
