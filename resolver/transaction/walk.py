"""Going forward over the steps and back again, one journal line before and one after each.

Why it survives a power cut, though touched folders are synced only at the end of each phase:

- The intent line is on the disk before the rename is issued, so no rename is unknown to the journal.
- A done line does *not* prove that the rename reached the disk, and recovery does not take it for one: it
  asks the disk at which position of the list it stands (`locate`), for every position the journal allows.
  File systems with a journal of their own (ext4, XFS, btrfs, APFS, NTFS, ZFS) keep renames in order, so the
  disk always stands at some position. Where it stands at none, recovery refuses.
- Two positions can look alike only if a Move between them is undone by later steps. In an ordinary list
  each Move has a name that no other step uses (its place in the stage or among the payloads), which tells
  the positions apart. A list without this property is `tangled`: it is synced before every step, so that
  only the two positions around the last line are possible, and those always differ.
- All folders are synced before `verifying`, hence before the commit line, and before `rolled-back`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import RecoveryNeededError, SafeInstallError
from . import fs
from .journal import Journal, damaged
from .progress import Progress
from .steps import (
    Move,
    RemoveDir,
    Step,
    ambiguous,
    describe,
    execute,
    inverse,
    paths_of,
    refuse_outside,
    reverse,
    touched_dirs,
    was_done,
)
from .view import TreeView

_BYTECODE = frozenset({"__pycache__"})


def tangled(steps: Sequence[Step]) -> bool:
    """True when some Move has no name of its own: none that appears once and moves with no other folder."""
    uses = Counter(path for step in steps for path in paths_of(step))
    moved = {path for step in steps if isinstance(step, Move) for path in paths_of(step)}
    return any(
        all(uses[path] > 1 or not moved.isdisjoint(path.parents) for path in paths_of(step))
        for step in steps
        if isinstance(step, Move)
    )


def go_forward(
    journal: Journal,
    steps: Sequence[Step],
    roots: Sequence[Path],
    on_step: Callable[[int, int], None] | None = None,
) -> None:
    """Every step done and durable, in order. Stops at the first error, leaving what was done.

    `on_step(done, total)` is called after each step, in this thread; what it raises stops the walk.
    """
    is_tangled, fence = tangled(steps), fs.Fence(roots)
    for index, step in enumerate(steps):
        refuse_outside(step, fence)
        if is_tangled:
            _sync(steps[:index])
        journal.append({"kind": "intent", "step": index, "synced": is_tangled})
        _execute_or_note_failure(journal, step, index)
        journal.append({"kind": "done", "step": index})
        if on_step is not None:
            on_step(index + 1, len(steps))
    _sync(steps)


def _execute_or_note_failure(journal: Journal, step: Step, index: int) -> None:
    """The step, done; or a journal line saying that it was not, and the error.

    What blocks a step (a stranger's file at its target) would otherwise make the disk look ambiguous, and so
    block the way back too.
    """
    try:
        execute(step)
    except SafeInstallError:
        # A network file system may answer a repeated request with an error although the first one worked.
        if not isinstance(step, Move) or os.path.lexists(step.source) or not os.path.lexists(step.target):
            with suppress(SafeInstallError):  # A full disk: then the disk has to tell.
                journal.append({"kind": "failed", "step": index})
        raise


def go_back(journal: Journal, steps: Sequence[Step], progress: Progress, roots: Sequence[Path]) -> int:
    """The disk as it was before the first step, durable; the number of steps taken back.

    Everything is looked at before anything is touched: RecoveryNeededError `step-ambiguous` or
    `journal-damaged` leaves the disk alone. Can be killed at any instant and called again. When the journal
    cannot be written (disk full), the way back is gone all the same: the disk itself tells the position.
    """
    remove_stray_bytecode(steps[: progress.reached], roots)
    position = locate(steps, progress)
    begun, fence = steps[: progress.reached], fs.Fence(roots)
    for step in begun:
        refuse_outside(step, fence)
    is_tangled = tangled(steps)
    note = _note_if_possible(journal, required=is_tangled)
    both_ways = [*begun, *(inverse(step) for step in reversed(begun))]
    _sync(both_ways)
    if position < len(begun) and isinstance(steps[position], RemoveDir):
        reverse(steps[position])  # Killed between making the folder again and giving it its mode.
    synced = True
    for index in range(position - 1, -1, -1):
        note({"kind": "undo", "step": index, "synced": synced})
        reverse(steps[index])
        note({"kind": "undone", "step": index})
        synced = is_tangled
        if is_tangled:
            _sync(both_ways)
    _sync(both_ways)
    return position


def remove_stray_bytecode(begun: Sequence[Step], roots: Sequence[Path]) -> None:
    """What Python has cached since the interruption is gone where it stands in the way of these steps.

    Whoever imports a module between a crash and its recovery makes Python write bytecode at the very place
    from which the old bytecode was moved away. Of the two, the one in our hidden folder is the old one: nobody
    else writes there. Bytecode is made again whenever it is wanted (PEP 3147).
    """
    fence = fs.Fence(roots)
    for step in begun:
        if not isinstance(step, Move) or _BYTECODE.isdisjoint(
            (step.source.parent.name, step.target.parent.name)
        ):
            continue
        live = [path for path in paths_of(step) if not _is_aside(path)]
        if len(live) == 1 and all(os.path.lexists(path) for path in paths_of(step)) and fence.holds(live[0]):
            live[0].unlink()


def _is_aside(path: Path) -> bool:
    return not set(fs.OWN_FOLDERS).isdisjoint(path.parts)


def locate(steps: Sequence[Step], progress: Progress) -> int:
    """The number of steps in effect, read off the disk within what the journal allows.

    RecoveryNeededError `step-ambiguous` when the disk fits no position, or a tangled list fits several.
    """
    reached = progress.reached
    if reached > len(steps):
        raise damaged(Path("steps.json"), f"{reached} steps were begun, but only {len(steps)} are listed")
    if reached == 0:
        return 0
    low, high = progress.window
    # Nearly always the claim: the process died. Then the window: power was lost. Last, any position: the
    # way back could not be recorded, or (Windows) a sync had no effect.
    for group in (progress.claim, range(low, high + 1), range(reached + 1)):
        found = [position for position in group if not _misfit(steps, position, reached)]
        if len(found) == 1 or (found and not tangled(steps)):
            # Lookalikes in a list that is not tangled differ at most in the mode of a folder that was
            # removed and made again; the later one gives it back its own.
            return max(found)
        if found:
            break
    position = progress.claim[0]
    where, step = _misfit(steps, position, reached) or ("several positions fit.", steps[position - 1])
    raise ambiguous(where, step)


def _misfit(steps: Sequence[Step], position: int, reached: int) -> tuple[str, Step] | None:
    """Why the disk cannot be at this position, with the step that shows it; None when it fits.

    It fits when all steps up to here could be taken back now, and all later ones that were ever begun
    could be done now.
    """
    # The neighbours first: they exclude nearly every wrong position at the cost of a few lookups.
    for index, expected in ((position - 1, True), (position, False)):
        if 0 <= index < reached:
            try:
                if was_done(steps[index]) != expected:
                    known = "not done" if expected else "done"
                    return f"By the disk, this step was {known}: {describe(steps[index])}.", steps[index]
            except RecoveryNeededError as error:
                return error.message, steps[index]
    return _first_fault((inverse(step) for step in reversed(steps[:position])), spare=_BYTECODE) or (
        _first_fault(steps[position:reached])
    )


def _first_fault(steps: Iterable[Step], *, spare: frozenset[str] = frozenset()) -> tuple[str, Step] | None:
    view = TreeView()
    for step in steps:
        fault = view.fault(step, spare=spare)
        if fault:
            return f"{fault}.", step
        view.take(step)
    return None


def _note_if_possible(journal: Journal, *, required: bool) -> Callable[[dict[str, object]], None]:
    """Appends to the journal until that fails once; from then on the disk alone keeps the position."""
    failed = False

    def note(body: dict[str, object]) -> None:
        nonlocal failed
        if failed:
            return
        try:
            journal.append(body)
        except RecoveryNeededError:
            raise
        except SafeInstallError:
            if required:
                raise
            failed = True

    return note


def _sync(steps: Iterable[Step]) -> None:
    """The folders these steps touched, on the disk; also where later steps have moved them to."""
    folders: set[Path] = set()
    above: set[Path] = set()
    for step in steps:
        found = list(touched_dirs(step))
        if isinstance(step, Move) and step.source in above:
            found += [
                step.target / folder.relative_to(step.source)
                for folder in folders
                if step.source == folder or step.source in folder.parents
            ]
        for folder in found:
            folders.add(folder)
            above.update((folder, *folder.parents))
    for folder in folders:
        try:
            fs.fsync_dir(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue  # It has been moved or removed since; its new name, or its parent, is in the list too.
        except OSError as error:
            raise SafeInstallError(
                "sync-failed",
                f"The folder {folder} could not be written to the disk: {error.strerror}",
                context={"path": folder},
            ) from error
