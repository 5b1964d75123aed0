"""What the engine needs from the outside world; `wiring` gives it the real thing, tests may give another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from .core.drift_ports import Watches
from .core.guard_port import Guard
from .core.ownership import Holding
from .core.retention import RetentionPolicy
from .core.rules import Rules
from .core.snapshot import Snapshot, SnapshotDistribution, SnapshotPack, UnownedFile
from .core.solve import Solution, SolveFailureError, SolveRequest
from .core.swap_types import Arrival, Swap
from .core.trials import TrialReport
from .core.types import Environment, Finding, Gathered, LockedPackage, Pack, PythonInfo
from .core.waiting_port import Defers
from .source_port import Fetched, Fetches
from .storage_ports import Arriving, KnowsPacks, Snapshots, Storage

__all__ = [
    "Artefacts",
    "Displaced",
    "Fetched",
    "Fetches",
    "IndexProbe",
    "Kept",
    "KnowsPacks",
    "Reporter",
    "Silence",
    "Site",
    "Solver",
]


class Reporter(Protocol):
    """Hears how the work goes. Called from worker threads; must not raise."""

    def stage(self, name: str, text: str) -> None:
        """A new stage of the work has begun; `name` is stable, `text` is for people."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """`done` of `total` units of the current stage; total 0 when unknown."""

    def log(self, line: str) -> None:
        """One line of detail, redacted."""


class Solver(Protocol):
    """Finds version sets and says where their files are (uv)."""

    def solve(self, request: SolveRequest, cancel: threading.Event | None = None) -> Solution:
        """The solution; raises SolveFailureError."""

    def solve_each(
        self, requests: Sequence[SolveRequest], cancel: threading.Event | None = None
    ) -> list[Solution | SolveFailureError]:
        """The answers to several requests, in their order."""


class Artefacts(Protocol):
    """Knows files and dependency metadata of locked versions."""

    def locate(self, solution: Solution, kept: Mapping[str, str]) -> tuple[LockedPackage, ...]:
        """The packages of a solution with URL, hashes and size; those in `kept` {name: version} without."""

    def requires(self, packages: Sequence[LockedPackage]) -> Mapping[str, tuple[str, ...]]:
        """{name: Requires-Dist texts} of the packages whose metadata could be read."""

    def lock_text(self, solution: Solution, names: Sequence[str]) -> str:
        """PEP 751 text for those names of the solution; empty for no names."""


class IndexProbe(Protocol):
    """Asks an extra index which packages it has."""

    def served(self, index: str, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the canonical names the index has a page for; () when it cannot be reached."""


class Kept(Protocol):
    """Where something displaced can be had again."""

    @property
    def folder(self) -> Path:
        """The payload's folder."""

    @property
    def ways_back(self) -> tuple[tuple[Path, Path], ...]:
        """(place in the payload, live place) of each entry."""


class Displaced(Protocol):
    """Payloads to be made, and the moves that fill them."""

    @property
    def payloads(self) -> Sequence[Kept]:
        """The payloads."""

    @property
    def moves(self) -> Sequence[tuple[Path, Path]]:
        """(live place, place in the payload)."""


class Site(Watches, Defers, KnowsPacks, Fetches, Protocol):
    """One ComfyUI and its Python environment. All blocks.

    It reads and prepares; only transactions change what is live.
    """

    state: Path
    python: PythonInfo
    rules: Rules
    retention: RetentionPolicy

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders below which a transaction may change anything."""

    @property
    def areas(self) -> tuple[Path, ...]:
        """Where stages and payloads lie: who changes anything holds the locks of these too."""

    @property
    def neighbours(self) -> tuple[Path, ...]:
        """The other state folders that work here, as far as they are to be found."""

    @property
    def renames_folders(self) -> bool:
        """Whether folders can be renamed here; single files always can."""

    @property
    def new_packs_folder(self) -> Path:
        """Where new packs go."""

    def environment(self) -> Environment:
        """The target environment now."""

    def core(self) -> Gathered:
        """Core's own requirement lines."""

    def gather(self, name: str, tree: Path) -> Gathered:
        """What a pack's files declare."""

    def pack_digest(self, tree: Path) -> str:
        """sha256 over a pack's content."""

    def script_findings(self, name: str, tree: Path) -> tuple[Finding, ...]:
        """What a pack wants to run at install."""

    def check_writable(self) -> None:
        """Raise SafeInstallError `folder-not-writable` before anything is begun that would fail later."""

    def free_bytes(self) -> int:
        """Bytes free on the environment's volume."""

    def make_aside(self) -> Path:
        """A new folder for fetched packs, from which they can be renamed into place."""

    def asides(self) -> tuple[Path, ...]:
        """The folders of `make_aside` that are still there, of other processes too."""

    def remove(self, path: Path) -> None:
        """Nothing at `path` any more. For places of our own only."""

    def stage_folder(self, transaction: str) -> Path:
        """Where that transaction's stage lies."""

    def prepare(self, displacement: Displaced) -> None:
        """Make the payload folders, durable."""

    def tidy(self) -> None:
        """Remove our own folders that are empty."""

    def open_solver(
        self,
        environment: Environment,
        pins: Collection[str],
        absent: Collection[str],
        *,
        allow_builds: bool,
        repair: bool,
    ) -> tuple[Solver, Artefacts]:
        """The solver, knowing what is pinned as installed and what is `absent`, and what knows its files."""

    def fill_stage(
        self,
        lock_text: str,
        folder: Path,
        expected: Mapping[str, str],
        *,
        allow_builds: bool,
        offline: bool = False,
        cancel: threading.Event | None = None,
        watch: Arriving | None = None,
    ) -> Arrival:
        """The stage, filled and checked against every RECORD; `watch` hears how it comes."""

    def lock_pins(
        self,
        pins: Mapping[str, str],
        hashes: Mapping[str, Sequence[str]],
        *,
        offline: bool,
        cancel: threading.Event | None = None,
    ) -> str:
        """PEP 751 text for exactly these {name: version}, with one of the given hashes where given."""

    def try_out(
        self,
        arrivals: Sequence[Arrival],
        leaving: Collection[str],
        holdings: Sequence[Holding],
        packs: Sequence[tuple[str, Path]],
        *,
        cancel: threading.Event | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> TrialReport:
        """The trial of what arrives, with what leaves masked."""

    def holdings(self, environment: Environment) -> tuple[tuple[Holding, ...], tuple[Finding, ...]]:
        """Every distribution with its files, and what is wrong with their RECORDs."""

    def swap(
        self,
        holdings: Sequence[Holding],
        leaving: Collection[str],
        arrivals: Sequence[Arrival],
        displaced: Collection[str] = (),
    ) -> Swap:
        """The moves by which `leaving` (metadata paths) goes and the arrivals come."""

    def displace(self, swap: Swap, holdings: Sequence[Holding], transaction: str) -> Displaced:
        """The payloads the swap fills, and its outgoing moves."""

    def displace_pack(self, pack: Pack, transaction: str) -> Displaced:
        """The payload for a pack that goes away."""

    def verify(
        self,
        environment: Environment,
        names: Collection[str] | None = None,
        *,
        accepted: Collection[str] = (),
    ) -> tuple[Finding, ...]:
        """What is wrong with the files of those distributions (all by default), less the accepted paths."""

    def take_snapshot(self, environment: Environment, reason: str, *, label: str = "") -> Snapshot:
        """The state now, not stored yet."""

    def remember_artefacts(self, packages: Sequence[LockedPackage]) -> None:
        """Keep what the lock knows of installed files."""

    def remember_archives(self, archives: Mapping[str, str]) -> None:
        """Keep the sha256 of the archives that packs came from, by `id@version`."""

    def snapshot_packs(self) -> tuple[SnapshotPack, ...]:
        """Every pack with the digest of its content."""

    def find_distribution(self, wanted: SnapshotDistribution, since: str, taken_for: str = "") -> Kept | None:
        """The payload that brings a distribution back byte for byte, checked; else None."""

    def find_pack(self, wanted: SnapshotPack, since: str) -> Kept | None:
        """The payload that brings a pack back byte for byte; else None."""

    def find_file(self, wanted: UnownedFile, since: str) -> Kept | None:
        """The payload that brings a file back that nobody owns; else None."""

    def payload_arrival(self, payload: Kept, names: Collection[str]) -> Arrival:
        """Distributions of a payload as something to bring in."""

    @property
    def guard(self) -> Guard:
        """Full snapshots."""

    @property
    def storage(self) -> Storage:
        """What our folders hold, and who else goes back with it."""

    def run_install_script(
        self, pack: Path, cancel: threading.Event | None, on_line: Callable[[str], None]
    ) -> int:
        """Run a pack's install.py in a child; its exit code. It writes to the live environment."""

    @property
    def snapshots(self) -> Snapshots:
        """The stored snapshots."""


class Silence:
    """A reporter that says nothing."""

    def stage(self, name: str, text: str) -> None:
        """Say nothing."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Say nothing."""

    def log(self, line: str) -> None:
        """Say nothing."""
