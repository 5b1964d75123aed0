"""One ComfyUI and its Python environment, as the engine sees and handles them: the only wide door."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ..core.gather import gather
from ..core.layout import Layout
from ..core.ownership import Holding
from ..core.retention import RetentionPolicy
from ..core.rules import Rules
from ..core.settings import RegistrySettings
from ..core.swap import plan_swap
from ..core.swap_types import Arrival, Swap
from ..core.trials import TrialReport
from ..core.types import CORE, Environment, Finding, Gathered, Pack, PythonInfo
from ..ports import Displaced
from ..storage_ports import Arriving
from ..transaction import fs
from .artefacts import ArtefactFinder
from .displacement import Displacement, prepare
from .environment import read_environment
from .filling import fill_stage, lock_exactly
from .install_script import run_install_script
from .installed_stubs import installed_stubs
from .listing import digest_pack, survey
from .mounts import renames_folders
from .pack_files import pack_reader, root_names
from .pack_tree import script_findings
from .packs import list_packs
from .sourcing import Sourcing
from .stubs import stand_ins, write_stubs
from .trying import Exchange, try_exchange
from .uv import Uv
from .workspace import Workspace, check_writable, make_state_folder

_MOST_TRIES = 50


class LiveSite(Sourcing):
    """Reads and prepares; what changes live files is the transaction, with the engine's steps. All blocks."""

    def __init__(
        self,
        workspace: Workspace,
        python: PythonInfo,
        rules: Rules,
        *,
        retention: RetentionPolicy = RetentionPolicy(),  # noqa: B008 - frozen
        refresh: bool = False,
        registry: RegistrySettings = RegistrySettings(),  # noqa: B008 - frozen
    ) -> None:
        """`refresh`: ask the index again for everything at the first solve, and the Registry always."""
        super().__init__(workspace, python, registry, refresh=refresh)
        self.rules = rules
        self.retention = retention
        self._refresh = refresh

    # --- what is there ------------------------------------------------------------------------------------

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

    @property
    def renames_folders(self) -> bool:
        """Whether folders can be renamed here; single files always can."""
        return all(renames_folders(place) for place in (self.area.parent, *self.workspace.custom_nodes))

    @property
    def new_packs_folder(self) -> Path:
        """Where new packs go."""
        return self.workspace.custom_nodes[0]

    def script_findings(self, name: str, tree: Path) -> tuple[Finding, ...]:
        """What a pack wants to run at install."""
        return script_findings(name, tree) if tree.is_dir() else ()

    def run_install_script(
        self, pack: Path, cancel: threading.Event | None, on_line: Callable[[str], None]
    ) -> int:
        """Run a pack's install.py in a child, held to what is installed now; its exit code.

        It writes to the live environment: only with the user's consent.
        """
        return run_install_script(
            self.python,
            pack,
            self.environment().distributions,
            self.state / "constraints.txt",
            cancel=cancel,
            on_line=on_line,
        )

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

    # --- solving ------------------------------------------------------------------------------------------

    def open_solver(
        self,
        environment: Environment,
        pins: Collection[str],
        absent: Collection[str],
        *,
        allow_builds: bool,
        repair: bool,
    ) -> tuple[Uv, ArtefactFinder]:
        """uv, knowing what is pinned as installed and what is `absent`, and what knows its files."""
        cache = self.cache
        families = [[member.name for member in rule.members] for rule in self.rules.of_kind("one-of")]
        stubs = [
            *installed_stubs(environment, pins, allow_builds=allow_builds, repair=repair),
            *stand_ins(families, absent),
        ]
        uv = Uv(self.python, cache=cache, stubs=write_stubs(stubs, cache), refresh=self._refresh)
        self._refresh = False
        return uv, ArtefactFinder(uv, self.python, cache=cache, allow_builds=allow_builds)

    # --- staging and trial --------------------------------------------------------------------------------

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
        watch: Arriving | None = None,
    ) -> Arrival:
        """The stage, filled by uv and checked against every RECORD; see `filling.fill_stage`."""
        uv = Uv(self.python, cache=self.cache)
        stage = fill_stage(
            uv,
            self.python,
            lock_text,
            folder,
            expected,
            allow_builds=allow_builds,
            offline=offline,
            cancel=cancel,
            watch=watch,
        )
        self.accept_flaws(
            {flaw.distribution: expected[flaw.distribution] for flaw in stage.flaws}, stage.flaws
        )
        return stage.arrival

    def lock_pins(
        self,
        pins: Mapping[str, str],
        hashes: Mapping[str, Sequence[str]],
        *,
        offline: bool,
        cancel: threading.Event | None = None,
    ) -> str:
        """PEP 751 text for exactly these {name: version}; see `filling.lock_exactly`."""
        return lock_exactly(Uv(self.python, cache=self.cache), pins, hashes, offline=offline, cancel=cancel)

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
        return try_exchange(
            self.python,
            Exchange(arrivals=arrivals, leaving=leaving, holdings=holdings),
            packs,
            host=self.workspace.comfyui,
            cancel=cancel,
            on_line=on_line,
        )

    # --- moving -------------------------------------------------------------------------------------------

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
            whole_folders=self.renames_folders,
            arrivals=arrivals,
            displaced=displaced,
        )

    def prepare(self, displacement: Displaced) -> None:
        """Make the payload folders of `displace` or `displace_pack`, durable."""
        if not isinstance(displacement, Displacement):
            raise TypeError("a displacement of ours is needed")
        prepare(displacement)
