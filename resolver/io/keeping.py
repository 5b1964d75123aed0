"""What is kept so that one can go back: snapshots, payloads, and what the lock knew of each file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ..core.layout import Layout
from ..core.ownership import Holding
from ..core.snapshot import (
    Artefact,
    Snapshot,
    SnapshotDistribution,
    SnapshotPack,
    UnownedFile,
    take_snapshot,
)
from ..core.swap_types import Arrival, Swap
from ..core.types import Environment, Finding, LockedPackage, Pack, PythonInfo
from ..errors import redact
from ..ports import Kept
from ..transaction import fs
from .displacement import Displacement, plan_displacement, plan_pack_displacement
from .environment import freeze_text, read_environment
from .git_folder import read_git_folder
from .guard.live import LiveGuard
from .keepers import others
from .listing import digest_pack, unowned_files
from .own_folders import refuse_linked_folders
from .pack_source import remember_archives, source_again
from .packs import list_packs, pack_state
from .payload import Payload
from .payloads import PayloadStore, area_for, pack_area, pack_areas
from .records import installed_holdings, verify_distribution
from .snapshots import SnapshotStore, timestamp
from .staging import Flaw
from .storage import Storage
from .workspace import Workspace

ARTEFACTS = "artefacts.json"
FLAWS = "flaws.json"


class Keeping:
    """Snapshots and payloads of one environment and its packs. All blocks; writers hold the lock."""

    def __init__(self, workspace: Workspace, python: PythonInfo) -> None:
        """Writes nothing."""
        self.workspace = workspace
        self.python = python
        self.state = workspace.state
        self.area = area_for(python)
        self._pack_area: Path | None = None
        refuse_linked_folders(self.state, (self.area, *self._pack_areas))
        self.payloads = PayloadStore(self.area)
        self.snapshots = SnapshotStore(workspace.state, before_save=self._join)
        self._flaws = {
            name: tuple(str(label) for label in labels)
            for name, labels in _read_object(self.state / FLAWS).items()
            if isinstance(labels, list)
        }

    @property
    def pack_area(self) -> Path:
        """Where new packs wait and displaced ones are kept, on the volume of custom_nodes."""
        if self._pack_area is None:
            self._pack_area = pack_area(self.workspace.custom_nodes[0])
        return self._pack_area

    @property
    def pack_payloads(self) -> PayloadStore:
        """The payloads of packs; in the other area where only that has some, from before a volume was mounted."""
        used = (area for area in self._pack_areas if (area / "payloads").is_dir())
        return PayloadStore(next(used, self.pack_area))

    @property
    def storage(self) -> Storage:
        """What our folders hold, and who else goes back with it."""
        stores = (self.guard.store,)
        return Storage(self.state, self.area, self._pack_areas, snapshots=self.snapshots, full_copies=stores)

    @property
    def guard(self) -> LiveGuard:
        """Full snapshots."""
        return LiveGuard(
            workspace=self.workspace,
            python=self.python,
            area=self.area,
            find_pack_area=lambda: self.pack_area,
            owned_files=self._owned_files,
        )

    def _owned_files(self) -> dict[str, str]:
        holdings, _ = self.holdings(read_environment(self.python))
        return {file.path: each.distribution.name for each in holdings for file in each.files}

    def _join(self) -> None:
        self.storage.join()

    @property
    def _pack_areas(self) -> tuple[Path, Path]:
        """First the one in use."""
        first, second = pack_areas(self.workspace.custom_nodes[0])
        return (first, second) if self.pack_area == first else (second, first)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders below which a transaction may change anything."""
        layout = Layout.of(self.python)
        places = {Path(root) for _, root in layout.roots} | {self.area}
        places |= {*self.workspace.custom_nodes, *self._pack_areas}
        return tuple(sorted(places))

    @property
    def areas(self) -> tuple[Path, ...]:
        """Where stages and payloads lie: who changes anything holds the locks of these too."""
        return (self.area, self.pack_area)

    @property
    def neighbours(self) -> tuple[Path, ...]:
        """The other state folders that work here, as far as they are to be found."""
        known = (each for area in (self.area, *self._pack_areas) for each in others(area, self.state))
        return tuple(sorted({each.state for each in known if each.present}))

    def holdings(self, environment: Environment) -> tuple[tuple[Holding, ...], tuple[Finding, ...]]:
        """Every distribution with its files, and what is wrong with their RECORDs."""
        installed = installed_holdings(environment)
        return installed.holdings, installed.findings

    def displace(self, swap: Swap, holdings: Sequence[Holding], transaction: str) -> Displacement:
        """The payloads the swap fills, and its outgoing moves."""
        return plan_displacement(
            self.area, Layout.of(self.python), swap, holdings, transaction=transaction, displaced=timestamp()
        )

    def displace_pack(self, pack: Pack, transaction: str) -> Displacement:
        """The payload for a pack that goes away, as it is now: a snapshot names it by that too."""
        digest = digest_pack(Path(pack.path))
        return plan_pack_displacement(
            self.pack_area, pack_state(pack), digest, transaction=transaction, displaced=timestamp()
        )

    # --- verification -------------------------------------------------------------------------------------

    def verify(
        self,
        environment: Environment,
        names: Collection[str] | None = None,
        *,
        accepted: Collection[str] = (),
    ) -> tuple[Finding, ...]:
        """What is wrong with the files of those distributions (all by default); hashes every file.

        `accepted` are live paths of files that need not be what their RECORD says.
        """
        known = [Layout.of(self.python).label(path) for path in accepted]
        found: list[Finding] = list(environment.findings)
        for dist in environment.distributions:
            if (names is None or dist.name in names) and dist.record_digest and not dist.conda:
                flaws = (*self._flaws.get(f"{dist.name}=={dist.version}", ()), *known)
                found += verify_distribution(self.python, dist, accepted=flaws)
        return tuple(found)

    def accept_flaws(self, versions: Mapping[str, str], flaws: Sequence[Flaw]) -> None:
        """Remember which files of published wheels do not match their own RECORD: they are no damage."""
        if not flaws:
            return
        for flaw in flaws:
            key = f"{flaw.distribution}=={versions[flaw.distribution]}"
            self._flaws[key] = tuple(sorted({*self._flaws.get(key, ()), flaw.label}))
        fs.write_json(self.state / FLAWS, {name: list(labels) for name, labels in self._flaws.items()})

    def flawed_places(self, versions: Mapping[str, str]) -> tuple[str, ...]:
        """Live paths of files of these {name: version} that need not be what their published RECORD says."""
        layout = Layout.of(self.python)
        keys = [f"{name}=={version}" for name, version in versions.items()]
        return tuple(layout.place(label) for key in keys for label in self._flaws.get(key, ()))

    @property
    def requirements_file(self) -> str:
        """ComfyUI's own requirements.txt, absolute."""
        return str(self.workspace.core_requirements)

    # --- snapshots ----------------------------------------------------------------------------------------

    def take_snapshot(self, environment: Environment, reason: str, *, label: str = "") -> Snapshot:
        """The state now, not stored yet."""
        created = timestamp()
        holdings, _ = self.holdings(environment)
        git = read_git_folder(self.workspace.comfyui)
        return take_snapshot(
            environment,
            self.snapshot_packs(),
            id=self.snapshots.next_id(created),
            created=created,
            reason=reason,
            label=label,
            freeze=freeze_text(environment),
            unowned=unowned_files(self.python, holdings),
            comfyui_version=self.workspace.comfyui_version,
            comfyui_commit=git.commit if git else "",
            artefacts=self._artefacts(environment),
        )

    def snapshot_packs(self) -> tuple[SnapshotPack, ...]:
        """Every pack, disabled ones too, with the digest of its content."""
        return tuple(
            SnapshotPack(
                pack=pack_state(pack, with_dirty=True),
                digest=digest_pack(Path(pack.path)),
                source=source_again(self.state, pack),
            )
            for pack in list_packs(self.workspace)
        )

    def remember_archives(self, archives: Mapping[str, str]) -> None:
        """Keep the sha256 of the archives that packs of the Registry came from, by `id@version`."""
        remember_archives(self.state, archives)

    def remember_artefacts(self, packages: Sequence[LockedPackage]) -> None:
        """Keep what the lock knows of installed files: later snapshots can then name and pin them."""
        known = self._known_artefacts()
        for package in packages:
            if package.url:
                known[package.name] = {
                    "version": package.version,
                    "url": redact(package.url),
                    "hashes": list(package.hashes),
                }
        fs.write_json(self.state / ARTEFACTS, known)

    def _artefacts(self, environment: Environment) -> dict[str, Artefact]:
        found = {}
        for name, entry in self._known_artefacts().items():
            if environment.versions.get(name) == entry.get("version"):
                hashes = entry.get("hashes")
                kept = tuple(str(each) for each in hashes) if isinstance(hashes, list) else ()
                found[name] = Artefact(url=str(entry.get("url", "")), hashes=kept)
        return found

    def _known_artefacts(self) -> dict[str, dict[str, object]]:
        found = _read_object(self.state / ARTEFACTS)
        return {name: entry for name, entry in found.items() if isinstance(entry, dict)}

    # --- payloads -----------------------------------------------------------------------------------------

    def find_distribution(
        self, wanted: SnapshotDistribution, since: str, taken_for: str = ""
    ) -> Payload | None:
        """The payload that brings a distribution back byte for byte, checked; None where there is none.

        `taken_for` is the transaction the snapshot was taken for.
        """
        return self.payloads.choose_whole(
            wanted.name,
            wanted.version,
            wanted.record_digest,
            Layout.of(self.python),
            since=since,
            displaced_by=taken_for,
            accepted=self._flaws.get(f"{wanted.name}=={wanted.version}", ()),
            hashes=False,
        )

    def find_pack(self, wanted: SnapshotPack, since: str) -> Payload | None:
        """The payload that brings a pack back byte for byte; None where there is none."""
        layout = Layout.of(self.python)
        pack = wanted.pack
        return self.pack_payloads.choose_whole(pack.name, pack.version, wanted.digest, layout, since=since)

    def find_file(self, wanted: UnownedFile, since: str) -> Payload | None:
        """The payload that brings a file back that nobody owns; None where there is none."""
        layout = Layout.of(self.python)
        return self.payloads.choose_whole(wanted.path, "", wanted.digest, layout, since=since)

    def payload_arrival(self, payload: Kept, names: Collection[str]) -> Arrival:
        """Distributions of a payload of `find_distribution` as something to bring in."""
        if not isinstance(payload, Payload):
            raise TypeError(f"{payload.folder} is no payload of ours")
        members = [member for member in payload.note.members if member.name in names]
        return self.payloads.arrival(payload, Layout.of(self.python), members)

    def tidy(self) -> None:
        """Remove our own folders that are empty, and our name from them where we keep no snapshot."""
        self.storage.leave()
        for area in (self.area, *self._pack_areas):
            units = (area / "payloads").glob("*")
            for folder in (
                *units,
                *(area / name for name in ("stages", "incoming", "payloads", "trash")),
                area,
            ):
                try:
                    folder.rmdir()
                except OSError:
                    continue


def _read_object(path: Path) -> dict[str, object]:
    """The JSON object in a file of conveniences; empty where there is none: nothing is lost but comfort."""
    try:
        value = json.loads(fs.read_regular(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(name): entry for name, entry in value.items()} if isinstance(value, dict) else {}
