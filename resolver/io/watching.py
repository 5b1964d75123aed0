"""What a look for changes of others needs: where to look, which files were edited, what tools left behind."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ..core.blame import Clues, Mark
from ..core.drift import Watched
from ..core.drift_files import EditedFile
from ..core.drift_items import DriftItem
from ..core.gather import gather
from ..core.layout import Layout
from ..core.ownership import Holding
from ..core.pack_origin import PackOrigin
from ..core.reload import AtStart, Difference
from ..core.types import Distribution, Environment, Pack
from ..errors import SafeInstallError
from .git_folder import read_git_folder
from .keeping import Keeping
from .manager_queue import put_off
from .metadata import digest_of, read_small
from .pack_difference import difference_of
from .pack_files import pack_reader, root_names
from .pack_origin import carry_over, is_same_version, read_origin
from .pack_start import marks_at_start
from .packs import list_packs, pack_state
from .records import check_files, slashed
from .traces import read_traces, user_folder


class Watching(Keeping):
    """Looks for what others did, and knows the packs. Reads only; everything blocks."""

    def every_pack(self) -> tuple[Pack, ...]:
        """The enabled packs and the disabled ones."""
        return list_packs(self.workspace)

    def origin_of(self, pack: Pack) -> PackOrigin:
        """Where it came from, read off its files."""
        return read_origin(pack)

    def marks_at_start(self, tree: Path) -> frozenset[AtStart] | None:
        """What of a pack only a start of ComfyUI brings to life."""
        return marks_at_start(tree)

    def difference_of(self, old: Path, new: Path) -> Difference:
        """How far a pack's new version differs, as far as a ComfyUI that runs would notice."""
        return difference_of(old, new)

    def has_local_changes(self, pack: Pack) -> bool | None:
        """Whether files of its repository were changed by hand; None where nobody can tell."""
        return pack_state(pack, with_dirty=True).dirty

    def put_off_by_manager(self) -> tuple[str, ...]:
        """What ComfyUI-Manager does at the next start, before us; in words."""
        return put_off(user_folder(self.workspace))

    def carry_over(self, pack: Pack, tree: Path, largest: int | None = None) -> tuple[str, ...]:
        """Copy into its new version in `tree` what is the user's own; see `pack_origin.carry_over`."""
        return carry_over(pack, tree, largest)

    def is_same_version(self, pack: Pack, tree: Path) -> bool:
        """Whether the pack is what lies in `tree`, the user's own files in it left aside."""
        return is_same_version(pack, tree)

    def watched(self) -> Watched:
        """Where changes of others are looked for."""
        python = self.python
        own_scripts = python.prefix != python.base_prefix or os.name == "nt"
        folders = [self.workspace.comfyui, *(Path(pack.path) for pack in list_packs(self.workspace))]
        heads = {str(folder): git.commit for folder in folders if (git := read_git_folder(folder))}
        return Watched(
            sites=tuple(dict.fromkeys(os.path.realpath(site) for site in python.site_dirs)),
            scripts=python.scripts if own_scripts else "",
            packs=tuple(str(folder) for folder in self.workspace.custom_nodes),
            heads=heads,
        )

    def edited_files(
        self,
        holdings: Sequence[Holding],
        folders: Collection[str],
        *,
        skipped: Collection[str] = (),
        unhashed: Collection[str] = (),
    ) -> tuple[EditedFile, ...]:
        """The files right in those folders that are not what their RECORD says; hashes what lies there.

        `skipped` are names of distributions whose files are known; of those in `unhashed` only the sizes count.
        What conda installed has no RECORD to trust.
        """
        layout = Layout.of(self.python)
        real = {os.path.realpath(site): site for site in self.python.site_dirs}
        places = {slashed(_as_spelled(folder, real)) for folder in folders}
        found: list[EditedFile] = []
        for holding in holdings:
            dist = holding.distribution
            if dist.conda or dist.name in skipped:
                continue
            files = [file for file in holding.files if file.path.rpartition("/")[0] in places]
            flaws = self._flaws.get(f"{dist.name}=={dist.version}", ())
            found += [
                EditedFile(
                    owner=dist.name,
                    version=dist.version,
                    path=damage.path,
                    kind=damage.kind,
                    digest="" if damage.kind == "missing" else digest_of(damage.path),
                )
                for damage in check_files(files, hashes=dist.name not in unhashed)
                if layout.label(damage.path) not in flaws
            ]
        return tuple(found)

    def clues(self, environment: Environment, items: Sequence[DriftItem], since: str) -> Clues:
        """What tools left behind since that moment (UTC, as snapshots write it), about these items."""
        packs = [pack for pack in list_packs(self.workspace) if not pack.disabled]
        fresh = frozenset(
            each.name for each in items if each.code == "drift-pack" and each.after and not each.minor
        )
        names = {each.name for each in items}
        wanted: dict[str, tuple[str, ...]] = {}
        for pack in packs:
            if pack.name in fresh and not pack.is_file:
                for name in self._asked_for(pack.name, Path(pack.path)):
                    wanted[name] = (*wanted.get(name, ()), pack.name)
        recent = [dist for dist in environment.distributions if dist.name in names]
        return Clues(
            marks=tuple(_mark(dist) for dist in recent),
            traces=read_traces(self.workspace, self.python, packs, items, fresh_packs=fresh, since=since),
            wanted_by=wanted,
            fresh_packs=fresh,
        )

    @staticmethod
    def _asked_for(name: str, tree: Path) -> Iterator[str]:
        try:
            lines = gather(name, pack_reader(tree), root_names(tree)).lines
        except (OSError, SafeInstallError):
            return
        yield from {line.name for line in lines if line.name}


def _as_spelled(folder: str, real: dict[str, str]) -> str:
    """A folder as the layout spells it: `lib64` may be a link to `lib`."""
    for resolved, spelled in real.items():
        if folder == resolved or folder.startswith(resolved + os.sep):
            return spelled + folder[len(resolved) :]
    return folder


def _mark(dist: Distribution) -> Mark:
    folder = os.path.join(dist.site, dist.metadata_dir)
    at = 0.0
    for name in ("INSTALLER", "RECORD", "METADATA", "PKG-INFO", ""):
        try:
            at = os.stat(os.path.join(folder, name)).st_mtime
            break
        except OSError:
            continue
    return Mark(
        name=dist.name,
        metadata_dir=dist.metadata_dir,
        installer=dist.installer,
        has_installer=read_small(os.path.join(folder, "INSTALLER")) is not None,
        has_record=bool(dist.record_digest),
        requested=os.path.lexists(os.path.join(folder, "REQUESTED")),
        origin=dist.origin,
        conda=dist.conda,
        at=at,
    )
