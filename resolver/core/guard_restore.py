"""What is to move so that a tree is again what an inventory says: the fewest and cheapest renames, as pure values.

Everything that comes in is made ready aside first, everything that goes out is moved aside, so the whole is a
list of renames with an exact way back. Where much of a folder differs, the folder is exchanged as a whole: what
is unchanged in it gets a second name in the new one, which costs far less than journalling a rename for each file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from .inventory import (
    FILE,
    FOLDER,
    OTHER,
    Difference,
    Entry,
    Inventory,
    diff,
    without_bytecode,
)
from .ownership import is_bytecode, source_of_bytecode

STEP_COST, ENTRY_COST = 40, 1
"""A journalled rename costs about as much as making forty second names (measured on ext4: 4 ms to 0.1 ms)."""

_GIT = "/.git/"
_GIT_REASONS = ("HEAD", "config", "packed-refs", "refs/heads/")
"""What makes a repository another one. The rest of `.git` git rewrites when it is only asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One entry to be made ready aside, in this order."""

    path: str
    entry: Entry
    live: bool
    """Whether the very thing lies at its live place now; else its bytes come from the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """One difference that stays as it is now, and why."""

    difference: Difference
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What leads from the tree now to the tree then."""

    restored: tuple[Difference, ...]
    lost: tuple[Lost, ...]
    outgoing: tuple[str, ...]
    """What is moved aside, as a whole; distributions' metadata first."""
    incoming: tuple[str, ...]
    """What is moved into place, as a whole; distributions' metadata last."""
    staged: tuple[Staged, ...]

    @property
    def bytes(self) -> int:
        """What must be brought from the store."""
        return sum(each.entry.size for each in self.staged if not each.live)


def plan_restore(
    then: Inventory,
    now: Inventory,
    *,
    missing: Collection[str] = (),
    fixed: Collection[str] = (),
    whole_folders: bool = True,
) -> RestorePlan:
    """The moves that make `now` into `then`. Both have digests.

    `missing` are digests of bytes that cannot be had; `fixed` are paths of folders that are never moved as a whole
    (those of the environment itself, and those with things in them that no inventory lists). Bytecode that Python
    has written since stays, unless its source goes or comes back. `whole_folders=False`: exchange no folder where
    single files do, for file systems that cannot rename folders.
    """
    acted, lost = _sort_out(diff(then, now), missing, fixed)
    goal = _goal(then, now, acted, fixed)
    planner = _Planner(now=now.entries, goal=goal, fixed=frozenset(fixed), whole_folders=whole_folders)
    planner.settle()
    return RestorePlan(
        restored=tuple(each for each in acted if goal.get(each.path) != now.entries.get(each.path)),
        lost=lost,
        outgoing=tuple(sorted(planner.outgoing, key=lambda path: (not _is_metadata(path), path))),
        incoming=tuple(sorted(planner.incoming, key=lambda path: (_is_metadata(path), path))),
        staged=tuple(planner.staged()),
    )


def _is_metadata(path: str) -> bool:
    return path.endswith((".dist-info", ".egg-info"))


def meaningful(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """The differences somebody made: not bytecode alone, and not what git writes in `.git` by itself."""
    found = without_bytecode(differences)
    changed = {_repository(each.path) for each in found if _GIT not in each.path}
    changed |= {_repository(each.path) for each in found if _is_git_reason(each.path)}
    return tuple(each for each in found if _GIT not in each.path or _repository(each.path) in changed)


def _repository(path: str) -> str:
    """The root of the repository an entry of a pack is in, which is the pack."""
    return path.partition(_GIT)[0] if _GIT in path else "/".join(path.split("/")[:2])


def _is_git_reason(path: str) -> bool:
    inside = path.partition(_GIT)[2]
    return any(inside == each or (each.endswith("/") and inside.startswith(each)) for each in _GIT_REASONS)


def _sort_out(
    differences: tuple[Difference, ...], missing: Collection[str], fixed: Collection[str]
) -> tuple[tuple[Difference, ...], tuple[Lost, ...]]:
    """What is to be undone, and what cannot be."""
    meant = {each.path for each in meaningful(differences)}
    acted: list[Difference] = []
    lost: list[Lost] = []
    for each in differences:
        # Bytecode of a source that is undone was made of other text, or is missing with it.
        with_source = is_bytecode(each.path) and source_of_bytecode(each.path) in meant
        if each.path not in meant and not with_source:
            continue
        reason = _why_lost(each, missing, fixed)
        if reason:
            lost.append(Lost(difference=each, reason=reason))
        else:
            acted.append(each)
    return tuple(acted), tuple(lost)


def _why_lost(each: Difference, missing: Collection[str], fixed: Collection[str]) -> str:
    before, after = each.before, each.after
    if each.path in fixed and after is not None and (before is None or each.action == "touched"):
        # A shared folder that came since stays, and that is no loss.
        return "" if before is None else "the mode of the environment's own folders is not changed back"
    if each.path in fixed and after is not None:
        return "something else lies where a folder of the environment itself was"
    if before is None:
        return ""
    if before.kind == OTHER:
        return "it was a pipe, socket or device, or could not be read when the snapshot was taken"
    if before.kind == FILE and not before.content:
        return "it could not be read when the snapshot was taken"
    if before.kind == FILE and before.content in missing:
        return "its copy is missing or damaged, and its bytes are nowhere else"
    return ""


def _goal(
    then: Inventory, now: Inventory, acted: Iterable[Difference], fixed: Collection[str]
) -> dict[str, Entry]:
    """The tree as it is to be: that of now with what is undone."""
    goal = dict(now.entries)
    coming: list[str] = []
    for each in acted:
        if each.before is not None:
            goal[each.path] = each.before
            coming.append(each.path)
        elif each.path not in fixed:
            del goal[each.path]
    for path in coming:
        parent = path.rpartition("/")[0]
        while parent and (parent not in goal or goal[parent].kind != FOLDER) and parent in then.entries:
            goal[parent] = then.entries[parent]  # The `__pycache__` of bytecode that comes back.
            parent = parent.rpartition("/")[0]
    _drop_empty_caches(goal, then, now)
    # What has no folder any more goes with it. Parents come before their children in this order.
    for path in sorted(goal):
        parent = path.rpartition("/")[0]
        if parent and (parent not in goal or goal[parent].kind != FOLDER):
            del goal[path]
    return goal


def _drop_empty_caches(goal: dict[str, Entry], then: Inventory, now: Inventory) -> None:
    """A `__pycache__` that was not there then goes with the last bytecode in it."""
    filled = {path.rpartition("/")[0] for path in goal}
    emptied = {path.rpartition("/")[0] for path in now.entries.keys() - goal.keys() if is_bytecode(path)}
    for folder in emptied - filled - then.entries.keys():
        goal.pop(folder, None)


class _Planner:
    """Goes down both trees at once and decides where to cut."""

    def __init__(
        self,
        *,
        now: Mapping[str, Entry],
        goal: Mapping[str, Entry],
        fixed: frozenset[str],
        whole_folders: bool,
    ) -> None:
        self._now, self._goal = now, goal
        self._fixed, self._whole_folders = fixed, whole_folders
        self._children: dict[str, set[str]] = {}
        for path in (*now, *goal):
            parent = path.rpartition("/")[0]
            self._children.setdefault(parent, set()).add(path)
        # Only folders above a difference are looked into.
        self._stirred: set[str] = set()
        for path in now.keys() | goal.keys():
            if now.get(path) is not goal.get(path):
                while path and path not in self._stirred:
                    self._stirred.add(path)
                    path = path.rpartition("/")[0]  # noqa: PLW2901 - up to the root
        self.outgoing: list[str] = []
        self.incoming: list[str] = []

    def settle(self) -> None:
        """Find the moves."""
        for root in sorted(self._children.get("", ())):
            if root in self._stirred:
                _, outgoing, incoming = self._fold(root)
                self.outgoing += outgoing
                self.incoming += incoming

    def staged(self) -> Iterable[Staged]:
        """Every entry of what comes in, parents first."""
        for top in self.incoming:
            for path in sorted(self._below(top, self._goal)):
                entry = self._goal[path]
                yield Staged(path=path, entry=entry, live=self._now.get(path) is entry)

    def _fold(self, path: str) -> tuple[int, list[str], list[str]]:
        """(cost, outgoing, incoming) that settle one path and all below it."""
        now, goal = self._now.get(path), self._goal.get(path)
        fixed = path in self._fixed
        if now is None:
            return STEP_COST, [], [path]
        if goal is None:
            if not fixed:
                return STEP_COST, [path], []
        elif FOLDER not in (now.kind, goal.kind) or now.kind != goal.kind:
            return (0, [], []) if now is goal else (2 * STEP_COST, [path], [path])
        cost = 0
        outgoing: list[str] = []
        incoming: list[str] = []
        for child in sorted(self._children.get(path, ())):
            if child in self._stirred:
                found = self._fold(child)
                cost, outgoing, incoming = cost + found[0], outgoing + found[1], incoming + found[2]
        if fixed or goal is None:
            return cost, outgoing, incoming
        must = now.mode != goal.mode
        if must or (self._whole_folders and cost > 2 * STEP_COST):
            below = self._below(path, self._goal)
            whole = 2 * STEP_COST + ENTRY_COST * len(below)
            if self._can_be_made(below) and (must or whole < cost):
                return whole, [path], [path]
        return cost, outgoing, incoming

    def _can_be_made(self, paths: Iterable[str]) -> bool:
        return not any(path in self._fixed or self._goal[path].kind == OTHER for path in paths)

    def _below(self, top: str, tree: Mapping[str, Entry]) -> list[str]:
        found, waiting = [], [top]
        while waiting:
            path = waiting.pop()
            if path in tree:
                found.append(path)
                waiting.extend(self._children.get(path, ()))
        return found


def shelters(paths: Iterable[str]) -> frozenset[str]:
    """Every folder above these paths, up to the label."""
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return frozenset(found)
