"""Full snapshots as others ask for them: kept where guard mode is on, and going back to one."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.guard import FullCopy
from ..core.guard_port import FullPlan, FullStage
from ..core.guard_restore import Lost
from ..core.inventory import PACKS, Difference
from ..core.snapshot import Snapshot
from ..core.states import TransactionState
from ..core.types import Environment, Finding
from ..errors import CancelledError, Hint, RefusedError, SafeInstallError
from ..ports import Reporter, Site
from ..transaction.runner import Transaction
from ..transaction.steps import Move, Step, file_by_file
from .apply_errors import plan_outdated
from .restoration import EXACT, NOT_RESTORABLE, REMOVE, Restoration, RollbackPlan

_MOST_FILES = 200
"""Files nobody owns that are listed one by one in a plan."""


def keep_full(
    site: Site,
    identifier: str,
    report: Reporter,
    cancel: threading.Event | None = None,
    *,
    wanted: bool | None = None,
) -> FullCopy | None:
    """The full copy that was made for that snapshot; None where guard mode is off and it is not `wanted`.

    To be called right before the snapshot is stored, by whoever holds the lock. RefusedError `guard-no-space`,
    CancelledError; then nothing live has changed.
    """
    guard = site.guard
    if not (guard.settings.on if wanted is None else wanted):
        return None
    report.stage("guard", "Keeping a full copy")
    return guard.keep(
        identifier,
        check=lambda: _go_on(cancel),
        progress=lambda done, total: report.progress(done, total, "files"),
    )


def _go_on(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise CancelledError("cancelled", "Cancelled; nothing was changed.")


def plan_full(site: Site, bare: RollbackPlan, by_payloads: Callable[[], RollbackPlan]) -> RollbackPlan:
    """`bare` with the way back by the full copy; the one by payloads where the copy is no use, or less.

    A finding says so where the copy cannot be read.
    """
    try:
        plan = site.guard.plan(bare.snapshot.id)
    except SafeInstallError as error:
        lost = Finding(code=error.code, message=error.message, hints=error.hints)
        ordinary = by_payloads()
        return replace(ordinary, findings=(*ordinary.findings, lost))
    if plan.moves.lost:
        ordinary = by_payloads()
        if ordinary.is_exact and ordinary.items:
            return ordinary
    items = restorations(plan, bare.snapshot, bare.environment)
    unchanged = len(plan.then.entries) - len(plan.moves.restored) - len(plan.moves.lost)
    return replace(bare, items=items, kept=max(unchanged, 0), full=plan)


def restorations(plan: FullPlan, snapshot: Snapshot, environment: Environment) -> tuple[Restoration, ...]:
    """What comes back, by distribution, pack and file; said before anything starts."""
    groups: dict[tuple[str, str], list[Difference]] = {}
    above: dict[str, tuple[str, str]] = {}
    for each in sorted(plan.moves.restored, key=lambda each: each.path, reverse=True):
        # A folder belongs to whoever has something in it.
        owner = above.get(each.path) or _owner(plan, each)
        groups.setdefault(owner, []).append(each)
        if owner[0] == "distribution":
            above.setdefault(each.path.rpartition("/")[0], owner)
    stays: dict[tuple[str, str], list[Lost]] = {}
    for lost in plan.moves.lost:
        stays.setdefault(_owner(plan, lost.difference), []).append(lost)
    then = {each.name: each.version for each in snapshot.distributions}
    now: dict[str, str] = {}
    for dist in environment.distributions:
        now[dist.name] = f"{now[dist.name]} and {dist.version}" if dist.name in now else dist.version

    def item(kind: str, name: str, how: str, reason: str) -> Restoration:
        known = kind == "distribution"
        before, after = (now.get(name, ""), then.get(name, "")) if known else ("", "")
        return Restoration(kind=kind, name=name, how=how, before=before, after=after, reason=reason)

    items = []
    for (kind, name), found in sorted(groups.items()):
        gone = all(each.before is None for each in found) and not (kind == "distribution" and name in then)
        items.append(item(kind, name, REMOVE if gone else EXACT, _words(found)))
    for (kind, name), kept in sorted(stays.items()):
        first = f"{plan.now.place(kept[0].difference.path)}: {kept[0].reason}"
        more = f" (and {len(kept) - 1} more)" if len(kept) > 1 else ""
        items.append(item(kind, name, NOT_RESTORABLE, first + more))
    return tuple(_shortened(items))


def _owner(plan: FullPlan, each: Difference) -> tuple[str, str]:
    label, _, rest = each.path.partition("/")
    if label.startswith(PACKS):
        return "pack", rest.partition("/")[0] or plan.now.place(label)
    name = plan.owners.get(each.path, "") or plan.owners.get(_source(each.path), "")
    if name:
        return "distribution", name
    return "file", plan.now.place(each.path)


def _source(path: str) -> str:
    """The source of bytecode; a folder's initial module for the folder."""
    folder, _, name = path.rpartition("/")
    if folder.endswith("/__pycache__"):
        return f"{folder.rpartition('/')[0]}/{name.partition('.')[0]}.py"
    return f"{folder if name == '__pycache__' else path}/__init__.py"


def _words(found: Iterable[Difference]) -> str:
    counts: dict[str, int] = {}
    words = {
        "added": "to be taken away",
        "removed": "missing",
        "changed": "changed",
        "touched": "of other mode or time",
    }
    for each in found:
        counts[words[each.action]] = counts.get(words[each.action], 0) + 1
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))


def _shortened(items: list[Restoration]) -> Iterable[Restoration]:
    """Thousands of stray files in one line."""
    files = [each for each in items if each.kind == "file" and each.how != NOT_RESTORABLE]
    if len(files) <= _MOST_FILES:
        return items
    rest = [each for each in items if each not in files]
    how = REMOVE if all(each.how == REMOVE for each in files) else EXACT
    return [*rest, Restoration(kind="file", name=f"{len(files)} files that nobody owns", how=how)]


def fingerprint(plan: FullPlan) -> str:
    """Digest of what is to be undone; another one means that the tree has changed since."""
    body = [
        [each.path, each.before and tuple(each.before), each.after and (each.after.kind, each.after.content)]
        for each in plan.moves.restored
    ]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedReturn:
    """Carries a plan to go back to a full copy out, within a transaction that its caller has begun."""

    site: Site
    report: Reporter
    plan: FullPlan
    cancel: threading.Event | None = None

    def carry_out(
        self, transaction: Transaction, snapshot: Snapshot
    ) -> tuple[int, float, tuple[Finding, ...]]:
        """(steps, seconds of swapping, findings), committed. `snapshot` is that of now, which is kept in full first."""
        site, guard = self.site, self.site.guard
        stages = [Path(folder) for folder in guard.stage_folders(transaction.id)]
        manifest, kept = Path(guard.manifest_file(snapshot.id)), site.snapshots.path(snapshot.id)
        undone = (*stages, kept, manifest)
        transaction.set_steps((), remove_on_commit=stages, remove_on_rollback=undone)
        copy = keep_full(site, snapshot.id, self.report, self.cancel, wanted=True)
        plan = guard.plan(self.plan.identifier)
        if fingerprint(plan) != fingerprint(self.plan):
            raise plan_outdated()
        self.report.stage("stage", "Bringing the kept bytes aside")
        stage = guard.stage(plan, transaction.id, check=self._check, progress=self._progress)
        self._check()
        transaction.advance(TransactionState.STAGED)
        transaction.advance(TransactionState.TRIED)
        steps = _steps(stage, whole_folders=site.renames_folders)
        transaction.set_steps(steps, remove_on_commit=stages, remove_on_rollback=undone)
        self.report.stage("snapshot", "Taking a snapshot")
        site.snapshots.save(snapshot)
        self.report.stage("swap", "Swapping")
        self._check()
        moment = time.monotonic()
        transaction.apply(lambda done, total: self.report.progress(done, total, "steps"))
        seconds = time.monotonic() - moment
        self.report.stage("verify", "Verifying every file")
        faults = guard.faults(plan)
        if faults:
            raise _not_as_kept(faults)
        transaction.commit()
        return len(steps), seconds, copy.findings if copy else ()

    def _check(self) -> None:
        _go_on(self.cancel)

    def _progress(self, done: int, total: int) -> None:
        self.report.progress(done, total, "files")


def _steps(stage: FullStage, *, whole_folders: bool) -> tuple[Step, ...]:
    """First everything out, then everything in."""
    moves = [Move(Path(source), Path(target)) for source, target in (*stage.outgoing, *stage.incoming)]
    if whole_folders:
        return tuple(moves)
    return tuple(step for move in moves for step in file_by_file(move))


def full_cannot_wait() -> RefusedError:
    """The refusal to keep such a change for the next start."""
    return RefusedError(
        "full-cannot-wait",
        "Going back to a full snapshot cannot be kept for the next start.",
        hints=(Hint("stop-comfyui", "Stop ComfyUI, go back, and start it again."),),
    )


def _not_as_kept(faults: tuple[str, ...]) -> SafeInstallError:
    return SafeInstallError(
        "verify-failed",
        f"{len(faults)} files were not as they should be after the change, such as {faults[0]}; it was undone.",
        context={"files": "\n".join(faults[:20])},
        hints=(Hint("stop-writer", "Stop ComfyUI and whatever else writes there, then try again."),),
    )


Carry = Callable[[Transaction, Snapshot], tuple[int, float, tuple[Finding, ...]]]
"""Carries a change out in the place of stage, trial and swap."""
