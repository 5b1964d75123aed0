"""One ComfyUI and its Python environment, as the engine sees and handles them. The only wide door between the two."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..core.closure import applying_requirements
from ..core.gather import gather
from ..core.layout import Layout
from ..core.offered import offered_modules, shared_packages, vanishing_modules
from ..core.ownership import Holding
from ..core.rules import Rules
from ..core.snapshot import Artefact, Snapshot, SnapshotPack, take_snapshot
from ..core.swap import plan_swap
from ..core.swap_types import Arrival, Swap
from ..core.trials import TrialReport
from ..core.types import CORE, Distribution, Environment, Finding, Gathered, Pack, PythonInfo
from ..transaction import fs
from .artefacts import ArtefactFinder
from .displacement import Displacement, plan_displacement, plan_pack_displacement, prepare
from .environment import freeze_text, read_environment
from .git_folder import read_git_folder
from .listing import digest_pack, survey, unowned_files
from .pack_files import pack_reader, root_names
from .packs import list_packs, pack_state
from .payload import Payload
from .payloads import PayloadStore, area_for, pack_area
from .records import installed_holdings, verify_distribution
from .snapshots import SnapshotStore, new_id, timestamp
from .sources import FetchedPack, fetch_source, read_source
from .staging import read_stage
from .stubs import Stub, stand_ins, write_stubs
from .trial import try_stage
from .uv import Uv
from .workspace import Workspace, check_writable, make_state_folder


class LiveSite:
    """Reads and prepares; what changes live files is the transaction, with the steps the engine gives it. All blocks."""

    def __init__(
        self, workspace: Workspace, python: PythonInfo, rules: Rules, *, refresh: bool = False
    ) -> None:
        """`refresh`: ask the index again for everything at the first solve."""
        self.workspace = workspace
        self.python = python
        self.rules = rules
        self.state = workspace.state
        self.area = area_for(python)
        self.payloads = PayloadStore(self.area)
        self.snapshots = SnapshotStore(workspace.state)
        self._refresh = refresh
        self._pack_area: Path | None = None

    # --- what is there -------------------------------------------------------------------------------------------

    @property
    def pack_area(self) -> Path:
        """Where new packs wait and displaced ones are kept, on the volume of custom_nodes."""
        if self._pack_area is None:
            self._pack_area = pack_area(self.workspace.custom_nodes[0])
        return self._pack_area

    @property
    def pack_payloads(self) -> PayloadStore:
        """The payloads of packs."""
        return PayloadStore(self.pack_area)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders below which a transaction may change anything."""
        layout = Layout.of(self.python)
        places = {Path(root) for _, root in layout.roots} | {self.area}
        places |= {*self.workspace.custom_nodes, self.pack_area, self.area.parent}
        return tuple(sorted(places))

    def environment(self) -> Environment:
        """The target environment now."""
        return read_environment(self.python)

    def packs(self) -> tuple[Pack, ...]:
        """The enabled packs."""
        return tuple(pack for pack in list_packs(self.workspace) if not pack.disabled)

    def core(self) -> Gathered:
        """Core's own requirement lines."""
        return gather(CORE, pack_reader(self.workspace.comfyui), ("requirements.txt",))

    def gather(self, name: str, tree: Path) -> Gathered:
        """What a pack's files declare."""
        if not tree.is_dir():
            return Gathered(pack=name)
        return gather(name, pack_reader(tree), root_names(tree))

    def pack_digest(self, tree: Path) -> str:
        """sha256 over a pack's content."""
        return digest_pack(tree)

    def check_writable(self) -> None:
        """Raise SafeInstallError `folder-not-writable` before anything is begun that would fail later."""
        layout = Layout.of(self.python)
        make_state_folder(self.workspace)
        for folder in (
            Path(layout.purelib),
            Path(layout.purelib).parent,
            Path(layout.scripts),
            *self.workspace.custom_nodes[:1],
        ):
            if folder.is_dir():
                check_writable(folder)

    def free_bytes(self) -> int:
        """Bytes free on the environment's volume."""
        return fs.free_bytes(self.area)

    # --- sources -------------------------------------------------------------------------------------------------

    def fetch(
        self, text: str, aside: Path, cancel: threading.Event | None, on_line: object = None
    ) -> FetchedPack:
        """A clean copy of a source in `aside`, or its live folder."""
        installed = [pack.name for pack in list_packs(self.workspace)]
        spec = read_source(text, installed=installed)
        return fetch_source(
            spec,
            aside,
            custom_nodes=self.workspace.custom_nodes,
            installed=installed,
            cancel=cancel,
            on_line=on_line if callable(on_line) else None,
        )

    def make_aside(self) -> Path:
        """A new folder for fetched packs, from which they can be renamed into place."""
        folder = self.pack_area / "incoming" / secrets.token_hex(6)
        folder.mkdir(parents=True)
        return folder

    def remove(self, path: Path) -> None:
        """Nothing at `path` any more, nor its parent where that is empty now. For places of our own only."""
        fs.remove_tree(path)
        for parent in (path.parent, path.parent.parent):
            try:
                parent.rmdir()
            except OSError:
                return

    # --- solving -------------------------------------------------------------------------------------------------

    def open_solver(
        self,
        environment: Environment,
        pins: Collection[str],
        absent: Collection[str],
        *,
        allow_builds: bool,
        repair: bool,
    ) -> tuple[Uv, ArtefactFinder]:
        """uv with stubs for what is pinned as installed and placeholders for what is `absent`, and what knows its files."""
        cache = self.state / "cache"
        # In a build, uv fills an isolated environment from the same places; a stub there would be an empty package.
        stubbed = [
            dist
            for dist in environment.distributions
            if dist.is_local_build or (dist.name in pins and not allow_builds)
        ]
        stubs = [
            Stub(
                dist.name,
                dist.version,
                _holding_requires(dist, environment, pins, repair=repair),
                dist.provides_extras,
            )
            for dist in stubbed
        ]
        families = [[member.name for member in rule.members] for rule in self.rules.of_kind("one-of")]
        stubs += stand_ins(families, absent)
        uv = Uv(self.python, cache=cache, stubs=write_stubs(stubs, cache), refresh=self._refresh)
        self._refresh = False
        return uv, ArtefactFinder(uv, self.python, cache=cache, allow_builds=allow_builds)

    # --- staging and trial ---------------------------------------------------------------------------------------

    def stage_folder(self, transaction: str) -> Path:
        """Where that transaction's stage lies."""
        return self.area / "stages" / transaction

    def fill_stage(
        self,
        lock_text: str,
        folder: Path,
        expected: Mapping[str, str],
        *,
        allow_builds: bool,
        offline: bool = False,
        cancel: threading.Event | None = None,
    ) -> Arrival:
        """The stage, filled by uv and checked against every RECORD."""
        folder.mkdir(parents=True, exist_ok=True)
        pylock = folder / "pylock.toml"
        pylock.write_text(lock_text, encoding="utf-8")
        prefix = folder / "prefix"
        Uv(self.python, cache=self.state / "cache").stage(
            pylock, prefix, allow_builds=allow_builds, offline=offline, cancel=cancel
        )
        return read_stage(prefix, self.python, expected)

    def try_out(
        self,
        arrivals: Sequence[Arrival],
        leaving: Collection[str],
        holdings: Sequence[Holding],
        packs: Sequence[tuple[str, Path]],
        cancel: threading.Event | None,
        on_line: object = None,
    ) -> TrialReport:
        """The trial of what arrives, with what leaves masked."""
        layout = Layout.of(self.python)
        sites = (layout.purelib, layout.platlib)
        going = {
            holding.distribution.name: _site_files(holding, sites)
            for holding in holdings
            if holding.metadata_path in leaving
        }
        staying = [
            file
            for holding in holdings
            if holding.metadata_path not in leaving
            for file in _site_files(holding, sites)
        ]
        coming = [
            (holding.distribution.name, _site_files(holding, sites))
            for arrival in arrivals
            for holding in arrival.holdings
        ]
        stage_sites = [
            Path(site)
            for arrival in arrivals
            for site in dict.fromkeys((arrival.layout.purelib, arrival.layout.platlib))
        ]
        return try_stage(
            self.python,
            stage_sites,
            vanishing_modules(going, staying),
            packs,
            [(name, module) for name, files in coming for module in offered_modules(files)],
            shared=shared_packages([file for _, files in coming for file in files], staying),
            host=self.workspace.comfyui,
            cancel=cancel,
            on_line=on_line if callable(on_line) else None,
        )

    # --- moving --------------------------------------------------------------------------------------------------

    def holdings(self, environment: Environment) -> tuple[tuple[Holding, ...], tuple[Finding, ...]]:
        """Every distribution with its files, and what is wrong with their RECORDs."""
        installed = installed_holdings(environment)
        return installed.holdings, installed.findings

    def swap(
        self,
        holdings: Sequence[Holding],
        leaving: Collection[str],
        arrivals: Sequence[Arrival],
        displaced: Collection[str] = (),
    ) -> Swap:
        """The moves by which `leaving` (metadata paths) goes and the arrivals come."""
        layout = Layout.of(self.python)
        paths = {
            file.path for holding in holdings if holding.metadata_path in leaving for file in holding.files
        }
        paths |= {holding.metadata_path for holding in holdings if holding.metadata_path in leaving} | set(
            displaced
        )
        paths |= {file.path for arrival in arrivals for holding in arrival.holdings for file in holding.files}
        live = survey(layout, sorted(paths))
        return plan_swap(
            layout=layout,
            live=live,
            holdings=holdings,
            leaving=leaving,
            arrivals=arrivals,
            displaced=displaced,
        )

    def displace(self, swap: Swap, holdings: Sequence[Holding], transaction: str) -> Displacement:
        """The payloads the swap fills, and its outgoing moves."""
        return plan_displacement(
            self.area, Layout.of(self.python), swap, holdings, transaction=transaction, displaced=timestamp()
        )

    def displace_pack(self, pack: Pack, transaction: str) -> Displacement:
        """The payload for a pack that goes away."""
        return plan_pack_displacement(
            self.pack_area, pack, digest_pack(Path(pack.path)), transaction=transaction, displaced=timestamp()
        )

    def prepare(self, displacement: Displacement) -> None:
        """Make the payload folders, durable."""
        prepare(displacement)

    # --- verification --------------------------------------------------------------------------------------------

    def verify(self, environment: Environment, names: Collection[str] | None = None) -> tuple[Finding, ...]:
        """What is wrong with the files of those distributions (all by default); hashes every file."""
        layout = Layout.of(self.python)
        found: list[Finding] = list(environment.findings)
        for dist in environment.distributions:
            if (names is None or dist.name in names) and dist.record_digest and not dist.conda:
                found += verify_distribution(layout, dist)
        return tuple(found)

    # --- snapshots -----------------------------------------------------------------------------------------------

    def take_snapshot(
        self,
        environment: Environment,
        reason: str,
        *,
        label: str = "",
        artefacts: Mapping[str, Artefact] | None = None,
        lock: str = "",
    ) -> Snapshot:
        """The state now, not stored yet."""
        created = timestamp()
        holdings, _ = self.holdings(environment)
        packs = tuple(
            SnapshotPack(pack=pack_state(pack, with_dirty=True), digest=digest_pack(Path(pack.path)))
            for pack in list_packs(self.workspace)
        )
        git = read_git_folder(self.workspace.comfyui)
        return take_snapshot(
            environment,
            packs,
            id=new_id(created),
            created=created,
            reason=reason,
            label=label,
            freeze=freeze_text(environment),
            unowned=unowned_files(self.python, holdings),
            comfyui_version=self.workspace.comfyui_version,
            comfyui_commit=git.commit if git else "",
            lock=lock,
            artefacts=artefacts,
        )

    def payload_arrival(self, payload: Payload, names: Collection[str]) -> Arrival:
        """Distributions of a payload as something to bring in."""
        members = [member for member in payload.note.members if member.name in names]
        return self.payloads.arrival(payload, Layout.of(self.python), members)

    def payload_is_whole(self, payload: Payload, name: str) -> bool:
        """Whether that member can come back byte for byte."""
        layout = Layout.of(self.python)
        member = next(member for member in payload.note.members if member.name == name)
        store = self.payloads if member.metadata else self.pack_payloads
        return not store.check(payload, member, layout, hashes=False)


def _site_files(holding: Holding, sites: Sequence[str]) -> list[str]:
    files = []
    for file in holding.files:
        for site in sites:
            if file.path.startswith(f"{site}/"):
                files.append(file.path[len(site) + 1 :])
                break
    return files


def _holding_requires(
    dist: Distribution, environment: Environment, pins: Collection[str], *, repair: bool
) -> tuple[str, ...]:
    """The requirements of an installed distribution a solve shall respect.

    What does not hold now must not make every solve fail; with `repair` it is kept where it can be mended.
    """
    installed = environment.versions
    kept = []
    for text in dist.requires:
        requirement = _parsed(text)
        if requirement is None:
            continue
        name = canonicalize_name(requirement.name)
        applies = bool(applying_requirements((text,), environment.python.markers))
        holds = name in installed and requirement.specifier.contains(installed[name], prereleases=True)
        if not applies or holds or (repair and name not in pins):
            kept.append(text)
    return tuple(kept)


def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except ValueError:
        return None
