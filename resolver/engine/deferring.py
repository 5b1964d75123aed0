"""Keeping a change waiting for the next start: what it relies on, how it is verified, what follows its commit.

Everything that needs packages is done here, so that the start can do the rest with the standard library alone.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..core.snapshot import Snapshot
from ..core.swap_types import Arrival
from ..core.types import Distribution, Environment, Finding, LockedPackage
from ..errors import Hint
from ..ports import Site
from ..transaction.deferred.content import is_bytecode, mark_of
from ..transaction.deferred.holders import Holder, holders_of
from ..transaction.deferred.installed import describe, list_installed
from ..transaction.deferred.note import ASKED, LOCKED, Note
from ..transaction.deferred.premises import moved_mark, wishes
from ..transaction.deferred.waiting import Waiting, list_waiting
from ..transaction.history import last_committed
from ..transaction.steps import FilesLockedError, Move, Step, paths_of
from .movement import Movement
from .record import record_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """A change that waits for the next start instead of having been made."""

    why: str
    """`asked`, or `files-locked`."""
    said: str
    """Why, in words."""
    locked: tuple[str, ...] = ()
    holders: tuple[Holder, ...] = ()
    at_start: bool = True
    """Whether a start of ComfyUI applies it; False where Safe Install is none of its custom nodes."""

    def to_dict(self) -> dict[str, object]:
        """The deferral as a JSON object."""
        return {
            "why": self.why,
            "message": self.said,
            "locked": list(self.locked),
            "holders": [each.to_dict() for each in self.holders],
            "at_start": self.at_start,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a change stands on beyond what it moves, and what is remembered of it."""

    relies: frozenset[str] | None = frozenset()
    """Canonical names that must stay as they are, less what follows from them; None: everything installed."""
    packages: tuple[LockedPackage, ...] = ()
    """What the lock knows of what arrives."""


def reason_to_wait(site: Site, error: FilesLockedError | None) -> Deferred:
    """Why a change waits: it was asked to (None), or these files are in use, by whom as far as can be known."""
    at_start = _starts_us(site)
    if error is None:
        said = "It waits for the next start of ComfyUI, as you said."
        return Deferred(why=ASKED, said=said, at_start=at_start)
    holders = holders_of(error.paths)
    used = f" They are used by {', '.join(each.words for each in holders)}." if holders else ""
    files = [str(path) for path in error.paths if os.path.lexists(path)]
    return Deferred(
        why=LOCKED,
        said=f"Files are in use, so nothing was changed yet: {', '.join(files)}.{used}",
        locked=tuple(files),
        holders=holders,
        at_start=at_start,
    )


def note_for(
    site: Site,
    deferred: Deferred,
    before: Environment,
    arrivals: Sequence[Arrival],
    *,
    movement: Movement,
    steps: Sequence[Step],
    copied: Iterable[str],
    snapshot: Snapshot,
    claims: Claims,
    summary: Mapping[str, object],
    operation: str,
) -> Note:
    """What is kept beside the journal of a change that is to wait. Reads what it moves; blocks.

    `copied` are live files of which a payload has a copy already.
    """
    known = list_installed(site.python.site_dirs)
    come = [holding for arrival in arrivals for holding in arrival.holdings]
    names = frozenset(holding.distribution.name for holding in come)
    leaving = [dist for dist in before.distributions if dist.name in movement.leaving]
    changed = names | {dist.name for dist in leaving}
    relied = _relied(before, claims.relies, [holding.distribution for holding in come])
    core = str(site.requirements_file)
    folders = _pack_folders(site, snapshot)
    last = last_committed(site.state)
    packs = {each.pack.path: mark_of(Path(each.pack.path)) for each in snapshot.packs}
    return Note(
        why=deferred.why,
        said=deferred.said,
        locked=(*deferred.locked, *(holder.words for holder in deferred.holders)),
        python=".".join(site.python.version.split(".")[:2]),
        prefix=site.python.prefix,
        sites=tuple(site.python.site_dirs),
        known={path: each.digest for path, each in known.items()},
        relied=tuple(
            sorted(
                {_place(dist) for dist in before.distributions if dist.name in relied | changed}
                & known.keys()
            )
        ),
        absent=tuple(sorted(names - before.versions.keys())),
        changed=tuple(sorted(changed)),
        core=core,
        packs=folders,
        wishes=wishes(core, folders, known.values(), changed),
        moved={
            str(path): moved_mark(path, is_pack=str(path) in packs)
            for path in (*(step.source for step in steps if isinstance(step, Move)), *map(Path, copied))
            if not is_bytecode(path)
        },
        arriving={os.path.normpath(each.metadata_path): each.distribution.record_digest for each in come},
        leaving=tuple(sorted(_place(dist) for dist in leaving)),
        accepted=(
            *(path for arrival in arrivals for path in sorted(arrival.flawed)),
            *site.flawed_places({each.distribution.name: each.distribution.version for each in come}),
        ),
        snapshot=snapshot.id,
        full=site.guard.manifest_file(snapshot.id) if site.guard.is_full(snapshot.id) else "",
        pack_marks=packs,
        last=last.id if last else "",
        record=tuple(
            {key: value for key, value in entry.items() if key not in ("at", "transaction")}
            for entry in record_entries("", operation, summary)
        ),
        artefacts={
            each.name: {"version": each.version, "url": each.url, "hashes": list(each.hashes)}
            for each in claims.packages
            if each.url
        },
    )


def in_the_way(state: Path, note: Note, steps: Sequence[Step], mine: str) -> tuple[Finding, ...]:
    """What else waits and will be applied first, where it changes what the new one relies on."""
    places = {path for step in steps for path in paths_of(step)}
    found = []
    for each in list_waiting(state):
        if each.id != mine and each.note is not None and _meet(each, note, places):
            found.append(
                Finding(
                    code="deferred-in-the-way",
                    message=f"{each.id} ({each.operation}) waits as well, is applied first, and changes what this "
                    "change relies on: this one will then be refused.",
                    hints=(
                        Hint("cancel-deferred", f"Cancel it: `safe-install deferred cancel {each.id}`."),
                        Hint("restart-first", "Or restart ComfyUI first, and plan this one again."),
                    ),
                )
            )
    return tuple(found)


def outdated_by(state: Path, changed: Collection[str], mine: str) -> tuple[Finding, ...]:
    """What waits and relies on what has just been changed: it will be refused at the next start."""
    found = []
    for each in list_waiting(state):
        if each.id == mine or each.note is None:
            continue
        relied = {describe(path)[0] for path in each.note.relied}
        if not frozenset(changed).isdisjoint({*relied, *each.note.changed}):
            found.append(
                Finding(
                    code="deferred-outdated",
                    message=f"{each.id} ({each.operation}) waits for the next start and relies on what was changed "
                    "now: it will be refused then.",
                    hints=(
                        Hint(
                            "cancel-deferred",
                            f"`safe-install deferred cancel {each.id}`, then plan it again.",
                        ),
                    ),
                )
            )
    return tuple(found)


def scripts_later(packs: Iterable[tuple[str, Path]]) -> tuple[Finding, ...]:
    """That install.py of these (name, folder) did not run: at a start nothing of a pack's runs by our doing."""
    return tuple(
        Finding(
            code="install-script-later",
            message=f"install.py of {name} runs only when its pack is in place: not now, and not at the start.",
            pack=name,
            file="install.py",
            hints=(
                Hint("run-install-py", f"After the start: `safe-install install {name} --allow install-py`."),
            ),
        )
        for name, folder in packs
        if (folder / "install.py").is_file()
    )


def claimed_folders(states: Iterable[Path]) -> frozenset[Path]:
    """The folders that hold something a waiting change of these state folders is to move."""
    return frozenset(
        parent
        for state in states
        for each in list_waiting(state)
        if each.note is not None
        for path in each.note.moved
        for parent in Path(path).parents
    )


def _meet(each: Waiting, note: Note, places: Collection[Path]) -> bool:
    assert each.note is not None  # noqa: S101 - the caller looked
    if not frozenset(each.note.changed).isdisjoint(note.changed):
        return True
    going = frozenset((*each.note.leaving, *each.note.arriving))
    return not going.isdisjoint(note.relied) or any(Path(path) in places for path in each.note.moved)


def _relied(
    environment: Environment, relies: frozenset[str] | None, arriving: Iterable[Distribution]
) -> frozenset[str]:
    """The names, and everything installed that those and the arriving ones require, however far."""
    installed = {dist.name: dist for dist in environment.distributions}
    if relies is None:
        return frozenset(installed)
    fresh = {dist.name: dist for dist in arriving}
    waiting = [*relies, *fresh]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        dist = fresh.get(name) or installed.get(name)
        waiting += _required(dist.requires) if dist else []
    return frozenset(seen)


def _required(lines: Iterable[str]) -> list[str]:
    found = []
    for line in lines:
        try:
            found.append(str(canonicalize_name(Requirement(line).name)))
        except (ValueError, RecursionError):
            continue
    return found


def _place(dist: Distribution) -> str:
    return str(Path(dist.site, dist.metadata_dir))


def _pack_folders(site: Site, snapshot: Snapshot) -> tuple[str, ...]:
    """The custom_nodes folders that have packs, and the one for new ones."""
    parents = {Path(each.pack.path).parent for each in snapshot.packs}
    named = {each for each in parents if not each.name.startswith(".")}
    return tuple(sorted(str(each) for each in {*named, site.new_packs_folder}))


def _starts_us(site: Site) -> bool:
    """Whether this ComfyUI runs our prestartup script."""
    packs = [Path(pack.path) for pack in site.packs()]
    ours = [
        pack for pack in packs if (pack / "resolver" / "transaction" / "deferred" / "waiting.py").is_file()
    ]
    return any((pack / "prestartup_script.py").is_file() for pack in ours)


def next_steps(identifier: str, *, at_start: bool) -> tuple[str, ...]:
    """What happens next, for people."""
    if not at_start:
        return (
            "Safe Install is no custom node of this ComfyUI, so no start applies it: stop ComfyUI, then",
            f"  safe-install deferred apply      (or: safe-install deferred cancel {identifier})",
        )
    return (
        "Restart ComfyUI: the change is applied before it loads any pack, without a network.",
        f"Or: safe-install deferred list | apply | cancel {identifier}",
    )
