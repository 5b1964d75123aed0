"""What moves into the live tree, whole folders where nothing of that name is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .layout import Layout
from .leaving import Departure
from .ownership import Owners, Tree, hash_of, is_bytecode
from .swap_types import Arrival, Clash, FolderChange, Incoming

_USUAL_MODE = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """What comes in."""

    made: tuple[FolderChange, ...]
    incoming: tuple[Incoming, ...]
    kept_folders: frozenset[str]
    """Folders that would be empty after the departure, but something comes into them."""
    clashes: tuple[Clash, ...]


def plan_arrivals(
    *,
    layout: Layout,
    live: Tree,
    owners: Owners,
    arrivals: Sequence[Arrival],
    departure: Departure,
    leaving: frozenset[str],
    whole_folders: bool,
) -> Landing:
    """The moves by which everything that waits comes in, after the departure of `leaving`."""
    ground = _Ground(live, departure)
    staying = _Staying(owners, leaving)
    approaches = [
        _Approach(layout, staying, arrival, ground, whole_folders=whole_folders) for arrival in arrivals
    ]
    # A folder that comes from several places is made and filled; were the first one moved in whole, the
    # folders that the others need inside it could not be made before all moves.
    for approach in approaches:
        approach.announce()
    for approach in approaches:
        approach.land_all()
    metadata = {holding.metadata_path for arrival in arrivals for holding in arrival.holdings}
    ordered = sorted(
        ground.incoming,
        key=lambda each: each.live_path in metadata or each.live_path.rpartition("/")[0] in metadata,
    )
    return Landing(
        made=tuple(ground.made),
        incoming=tuple(ordered),
        kept_folders=frozenset(ground.kept_folders),
        clashes=tuple(ground.clashes),
    )


@dataclass(frozen=True, slots=True)
class _Staying:
    """The owners that remain."""

    owners: Owners
    leaving: frozenset[str]

    def hashes(self, path: str) -> set[str]:
        """What they record for a file."""
        return {
            hash_of(file)
            for holding in self.owners.by_path.get(path, ())
            if holding.metadata_path not in self.leaving
            for file in holding.files
            if file.path == path
        }

    def clash(self, path: str) -> Clash:
        """The file, with who keeps it."""
        return Clash(path=path, owners=self.owners.names(path, without=self.leaving))


class _Ground:
    """The live tree as it is after the departure and after what has landed so far."""

    def __init__(self, live: Tree, departure: Departure) -> None:
        self.made: list[FolderChange] = []
        self.incoming: list[Incoming] = []
        self.visitors: Counter[str] = Counter()
        """How many waiting folders have something for a live one."""
        self.kept_folders: set[str] = set()
        self.clashes: list[Clash] = []
        self._live = live
        self._departure = departure
        self._emptied = {each.path for each in departure.removed}
        self._new_folders: set[str] = set()
        self._new_files: dict[str, str] = {}

    def is_folder(self, path: str) -> bool:
        """Whether a folder stands there; one that was emptied counts until something takes its place."""
        if path in self._new_folders:
            return True
        if path in self._departure.folders:
            return False
        if path in self._live:
            return True
        parent, _, name = path.rpartition("/")
        if (
            parent in self._live
            and parent not in self._departure.folders
            and name in self._live[parent].folders
        ):
            raise ValueError(f"{path} is not in the listing of the live tree")
        return False

    def gives_way(self, path: str) -> bool:
        """Whether the folder there is empty after the departure, so that something may take its place.

        Bytecode folders never do: they go only together with the folder they are in.
        """
        return self._is_emptied(path) and not path.endswith("/__pycache__")

    def _is_emptied(self, path: str) -> bool:
        return path in self._emptied and path not in self.kept_folders and path not in self._new_folders

    def file_hash(self, path: str) -> str | None:
        """None where no file stands; the recorded hash of one that landed; else empty."""
        if path in self._new_files:
            return self._new_files[path]
        parent, _, name = path.rpartition("/")
        folder = self._live.get(parent)
        if folder is None or parent in self._departure.folders or path in self._departure.files:
            return None
        return "" if name in folder.files else None

    def make_folder(self, path: str, modes: dict[str, int]) -> None:
        """Have a folder there, and all above it."""
        missing: list[str] = []
        folder = path
        while folder and not self.is_folder(folder):
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        while self._is_emptied(folder):
            self.kept_folders.add(folder)
            folder = folder.rpartition("/")[0]
        for each in reversed(missing):
            self.made.append(FolderChange(path=each, mode=modes.get(each, _USUAL_MODE)))
            self._new_folders.add(each)

    def land_file(self, source: str, target: str, recorded: str) -> None:
        """One file comes in."""
        self.incoming.append(Incoming(stage_path=source, live_path=target))
        self._new_files[target] = recorded

    def land_folder(self, source: str, target: str) -> None:
        """A folder comes in with everything in it, and nothing else comes into it."""
        self.incoming.append(Incoming(stage_path=source, live_path=target))
        self._new_folders.add(target)


class _Approach:
    """One arrival on its way in."""

    def __init__(
        self, layout: Layout, staying: _Staying, arrival: Arrival, ground: _Ground, *, whole_folders: bool
    ) -> None:
        self._layout = layout
        self._staying = staying
        self._arrival = arrival
        self._ground = ground
        self._whole_folders = whole_folders
        self._roots = {root for _, root in arrival.layout.roots}
        self._protected = arrival.layout.protected
        self._modes: dict[str, int] = {}
        self._hashes = {file.path: hash_of(file) for each in arrival.holdings for file in each.files}
        self._metadata = {each.metadata_path for each in arrival.holdings}
        self._wanted: dict[str, tuple[bool, bool]] = {}

    def announce(self) -> None:
        """Say for which folders something waits."""
        for label, root in self._arrival.layout.roots:
            if root in self._arrival.tree:
                self._announce(root, self._layout.place(label))

    def _announce(self, source: str, target: str) -> None:
        for name in self._arrival.tree[source].folders:
            below, place = f"{source}/{name}", f"{target}/{name}"
            if below in self._roots:
                continue
            if below in self._protected or self._survey(below, place)[0]:
                self._ground.visitors[place] += 1
                self._announce(below, place)

    def land_all(self) -> None:
        """Bring in everything wanted, part by part."""
        for label, root in self._arrival.layout.roots:
            if root in self._arrival.tree:
                self._land_content(root, self._layout.place(label))

    def _land_content(self, source: str, target: str) -> None:
        folder = self._arrival.tree[source]
        self._modes.setdefault(target, folder.mode)
        for name in sorted(folder.files):
            if self._is_wanted(f"{target}/{name}"):
                self._land_file(f"{source}/{name}", f"{target}/{name}")
        for name in sorted(folder.folders):
            below = f"{source}/{name}"
            if below in self._roots:
                continue  # A part of its own: its place may be another one in the live layout.
            if below in self._protected:
                self._land_content(below, f"{target}/{name}")
            else:
                self._land_folder(below, f"{target}/{name}")

    def _land_file(self, source: str, target: str) -> None:
        recorded = self._hashes.get(target, "")
        standing = self._ground.file_hash(target)
        if standing is None:
            if self._ground.is_folder(target) and not self._ground.gives_way(target):
                self._clash(target)
                return
            self._ground.make_folder(target.rpartition("/")[0], self._modes)
            self._ground.land_file(source, target, recorded)
        elif is_bytecode(target):
            pass  # Python compares it with its source and writes it anew where they differ.
        elif not recorded or recorded not in {standing, *self._staying.hashes(target)}:
            self._clash(target)

    def _land_folder(self, source: str, target: str) -> None:
        any_wanted, all_wanted = self._survey(source, target)
        if not any_wanted:
            return
        if self._ground.file_hash(target) is not None:
            self._clash(target)
            return
        stands = self._ground.is_folder(target) and not self._ground.gives_way(target)
        alone = self._ground.visitors[target] == 1
        if self._whole_folders and all_wanted and alone and not stands:
            self._ground.make_folder(target.rpartition("/")[0], self._modes)
            self._ground.land_folder(source, target)
            return
        waiting = self._arrival.tree[source]
        self._modes.setdefault(target, waiting.mode)
        if not waiting.files and not waiting.folders:
            self._ground.make_folder(target, self._modes)
        self._land_content(source, target)

    def _survey(self, source: str, target: str) -> tuple[bool, bool]:
        """Whether something in a waiting folder is wanted, and whether everything is."""
        known = self._wanted.get(source)
        if known is not None:
            return known
        folder = self._arrival.tree[source]
        some, every = self._arrival.everything, True
        for name in folder.files:
            wanted = self._is_wanted(f"{target}/{name}")
            some = some or wanted
            every = every and (wanted or is_bytecode(f"{target}/{name}"))
        for name in folder.folders:
            some_below, all_below = self._survey(f"{source}/{name}", f"{target}/{name}")
            some = some or some_below
            every = every and all_below
        self._wanted[source] = some, every
        return some, every

    def _is_wanted(self, target: str) -> bool:
        if self._arrival.everything or target in self._hashes:
            return True
        parent = target.rpartition("/")[0]
        return parent in self._metadata

    def _clash(self, path: str) -> None:
        self._ground.clashes.append(self._staying.clash(path))
