"""Guard mode of one ComfyUI: what the engine asks of full snapshots, put together."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...core.guard import STRATEGIES, FullCopy, GuardCheck, GuardCost, GuardSettings, GuardUsage
from ...core.guard_port import Check, FullPlan, FullStage, Progress
from ...core.guard_restore import meaningful, plan_restore, shelters
from ...core.inventory import FILE, FOLDER, PACKS, Difference, Inventory, diff
from ...core.layout import Layout
from ...core.ownership import is_bytecode, source_of_bytecode
from ...core.plain import PlainError, from_plain, to_plain
from ...core.types import PythonInfo
from ...errors import Hint, SafeInstallError
from ...transaction import fs
from ..inventory import Grounds, grounds_of, take_inventory
from ..mounts import renames_folders
from ..workspace import Workspace
from .copy import can_clone
from .making import GuardStore
from .restoring import Staging, faults_after, find_bytes
from .scrub import scrub

_FORMAT = 1


@dataclass(slots=True)
class LiveGuard:
    """Full snapshots of one environment and its packs. All blocks; writers hold the lock."""

    workspace: Workspace
    python: PythonInfo
    area: Path
    find_pack_area: Callable[[], Path]
    owned_files: Callable[[], dict[str, str]]
    """{absolute path: name of the distribution whose RECORD names it}, as it is now."""

    @property
    def store(self) -> GuardStore:
        """Where the copies are kept."""
        return GuardStore(
            folder=self.workspace.state / "guard", environment_area=self.area, pack_area=self.find_pack_area
        )

    # --- settings -----------------------------------------------------------------------------------------

    @property
    def settings(self) -> GuardSettings:
        """What the user has set. SafeInstallError `guard-settings-damaged`: no default takes the place of a choice."""
        path = self._settings_path
        if not path.exists():
            return GuardSettings()
        try:
            value = fs.read_json(path)
            if not isinstance(value, dict) or value.pop("format", None) != _FORMAT:
                raise PlainError("it has another format")
            settings = from_plain(GuardSettings, value)
            if settings.strategy not in STRATEGIES:
                raise PlainError(f"{settings.strategy!r} is no strategy")
        except (PlainError, SafeInstallError) as error:
            why = error.message if isinstance(error, SafeInstallError) else str(error)
            raise SafeInstallError(
                "guard-settings-damaged",
                f"Whether full snapshots are wanted cannot be read from {path}: {why}",
                context={"path": path},
                hints=(
                    Hint(
                        "set-again", "Say it again with `safe-install guard on` or `safe-install guard off`."
                    ),
                ),
            ) from error
        return settings

    def configure(self, settings: GuardSettings) -> None:
        """Set it, durable."""
        plain = to_plain(settings)
        assert isinstance(plain, dict)  # noqa: S101 - a dataclass gives a dict
        self._settings_path.parent.mkdir(parents=True, exist_ok=True)
        fs.write_json(self._settings_path, {"format": _FORMAT, **plain})

    @property
    def _settings_path(self) -> Path:
        return self.workspace.state / "guard" / "settings.json"

    # --- copies -------------------------------------------------------------------------------------------

    def is_full(self, identifier: str) -> bool:
        """Whether that snapshot has a full copy."""
        return self.store.is_full(identifier)

    def manifest_file(self, identifier: str) -> str:
        """Where what makes that snapshot a full one is, or would be."""
        return str(self.store.manifest_path(identifier))

    def cost(self) -> GuardCost:
        """What a full copy would take now."""
        return self.store.cost(self.grounds(), self.settings.strategy)

    def keep(
        self, identifier: str, *, check: Check | None = None, progress: Progress | None = None
    ) -> FullCopy:
        """A full copy of what is live now, for that snapshot."""
        return self.store.keep(
            identifier, self.grounds(), self.settings.strategy, check=check, progress=progress
        )

    def usage(self, identifier: str) -> GuardUsage:
        """The room that copy takes."""
        return self.store.usage(identifier)

    def scrub(self, *, check: Check | None = None, progress: Progress | None = None) -> GuardCheck:
        """Hash everything that is kept, throw away what is damaged, and mend it from the live files."""
        return scrub(self.store, self._now(), self.settings.strategy, check=check, progress=progress)

    # --- going back ---------------------------------------------------------------------------------------

    def compare(self, identifier: str) -> tuple[Difference, ...]:
        """What differs now from that copy, less what running Python and git write by themselves."""
        then = self._manifest(identifier)
        return meaningful(diff(then, self._now(then)))

    def plan(self, identifier: str) -> FullPlan:
        """What going back to that copy takes; hashes all that it needs. Touches nothing."""
        then = self._manifest(identifier)
        grounds = self.grounds(then)
        now = take_inventory(grounds, digests=True, former=self.store.latest())
        differences = diff(then, now)
        wanted = {
            each.before.content: (each.path, each.before.size)
            for each in differences
            if each.before is not None and each.before.kind == FILE and each.before.content
        }
        sources = find_bytes(wanted, self.store.stores, now, self._put_aside)
        moves = plan_restore(
            then,
            now,
            missing=wanted.keys() - sources.keys(),
            fixed=self._fixed(grounds, then, now),
            whole_folders=all(
                renames_folders(place) for place in (self.area.parent, *self.workspace.custom_nodes)
            ),
        )
        owners = dict(self._owners_then(then, {each.path for each in differences}, sources))
        owners |= dict(self._owners_now(now, {each.path for each in differences}))
        return FullPlan(
            identifier=identifier, then=then, now=now, moves=moves, sources=sources, owners=owners
        )

    def stage_folders(self, transaction: str) -> tuple[str, str]:
        """Where `stage` will put things."""
        return (
            str(self.area / "stages" / transaction),
            str(self.find_pack_area() / "stages" / f"{transaction}-packs"),
        )

    def stage(
        self,
        plan: FullPlan,
        transaction: str,
        *,
        check: Check | None = None,
        progress: Progress | None = None,
    ) -> FullStage:
        """Everything that comes in, made ready on its volume, durable, every byte hashed."""
        environment, packs = map(Path, self.stage_folders(transaction))
        environment.mkdir(parents=True, exist_ok=True)
        return Staging(
            plan=plan,
            environment=environment,
            packs=packs,
            clone=can_clone(environment),
            check=check,
            progress=progress,
        ).fill()

    def faults(self, plan: FullPlan) -> tuple[str, ...]:
        """The live places that are not as the plan says, after it was carried out."""
        return tuple(faults_after(plan))

    # --- inside -------------------------------------------------------------------------------------------

    def _manifest(self, identifier: str) -> Inventory:
        """The manifest, when it is of the folders of now; else everything would come to other places."""
        then = self.store.manifest(identifier)
        now = self.grounds().roots
        if dict(then.roots) != dict(now):
            raise SafeInstallError(
                "full-copy-unreadable",
                f"The full copy of {identifier} is of other folders than those of now.",
                context={"then": ", ".join(then.roots.values()), "now": ", ".join(now.values())},
                hints=(
                    Hint(
                        "same-folders", "Name the same ComfyUI, environment and custom_nodes folders as then."
                    ),
                ),
            )
        return then

    def grounds(self, then: Inventory | None = None) -> Grounds:
        """Where everything lies; files that a RECORD named in `then` are looked for as well."""
        virtual = self.python.prefix != self.python.base_prefix
        owned = set() if virtual else set(self.owned_files())
        if then is not None and not virtual:
            owned |= {then.place(path) for path, entry in then.entries.items() if entry.kind != FOLDER}
        skipped = [self.workspace.comfyui, self.workspace.state]
        return grounds_of(self.python, self.workspace.custom_nodes, owned=owned, skipped=skipped)

    def _now(self, then: Inventory | None = None) -> Inventory:
        return take_inventory(self.grounds(then), digests=True, former=self.store.latest())

    def _fixed(self, grounds: Grounds, then: Inventory, now: Inventory) -> frozenset[str]:
        """The folders that are never moved as a whole."""
        # A `__pycache__` may be moved as a whole: whoever writes into it at that moment loses only bytecode.
        protected = {each for each in Layout.of(self.python).protected if not each.endswith("/__pycache__")}
        found = set(grounds.roots)
        for inventory in (then, now):
            for path, entry in inventory.entries.items():
                if entry.kind != FOLDER or path in found:
                    continue
                place = inventory.place(path)
                walked = any(place == top or place.startswith(f"{top}/") for top in grounds.walked)
                shelters_other = any(each.startswith(f"{place}/") for each in grounds.skipped)
                if place in protected or not walked or shelters_other:
                    found.add(path)
        return frozenset(found | shelters(found))

    def _put_aside(self, path: str) -> Iterator[Path]:
        """Where payloads may have what lay at a path."""
        if path.startswith(PACKS):
            area, inside = self.find_pack_area(), f"pack/{path.partition('/')[2]}"
        else:
            area, inside = self.area, path
        for payload in (area / "payloads").glob("*/*"):
            yield payload / "tree" / inside

    def _owners_now(self, now: Inventory, differing: Collection[str]) -> Iterator[tuple[str, str]]:
        owned = self.owned_files()
        for path in {*differing, *map(source_of_bytecode, filter(is_bytecode, differing))}:
            name = owned.get(now.place(path))
            if name:
                yield path, name

    def _owners_then(
        self, then: Inventory, differing: Collection[str], sources: dict[str, str]
    ) -> Iterator[tuple[str, str]]:
        """Whose the files were, by the RECORDs that are not there now as they were then."""
        for path in differing:
            entry = then.entries.get(path)
            if entry is None or not path.endswith(".dist-info/RECORD") or entry.content not in sources:
                continue
            metadata = posixpath.dirname(path)
            name = posixpath.basename(metadata).partition("-")[0].lower().replace("_", "-")
            site = then.place(posixpath.dirname(metadata))
            for file in _recorded(sources[entry.content]):
                place = posixpath.normpath(posixpath.join(site, file))
                for label, root in sorted(then.roots.items(), key=lambda item: -len(item[1])):
                    if place.startswith(f"{root}/"):
                        yield f"{label}/{place[len(root) + 1 :]}", name
                        break


def _recorded(record: str) -> Iterable[str]:
    try:
        with open(record, encoding="utf-8", newline="") as stream:
            return [row[0] for row in csv.reader(stream) if row and row[0]]
    except (OSError, ValueError, csv.Error):
        return ()
