"""Taking the last change back with the standard library alone: its steps, the other way round.

For a start at which our command line cannot run, because the packages it needs are what the change has broken.
Whatever the change displaced lies aside until a later snapshot lets it go, so the way back is the same renames
in the other direction, journalled like every change. What it brought is not kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..core.states import TransactionState
from ..errors import SafeInstallError
from ..transaction import folder, fs
from ..transaction.deferred.bytecode import fitted_to_bytecode
from ..transaction.deferred.installed import Listed, list_installed
from ..transaction.folder import StepList
from ..transaction.history import UNDOES, TransactionRecord, last_committed
from ..transaction.locks.place_lock import PlaceLock
from ..transaction.preflight import refuse_impossible
from ..transaction.recover import areas_among
from ..transaction.runner import Transaction
from ..transaction.standing import IN_FORCE
from ..transaction.steps import MakeDir, Move, Step, inverse, paths_of
from ..transaction.walk import remove_stray_bytecode

_MODE = 0o755


def take_back(state: Path, roots: Sequence[Path], last: TransactionRecord, sites: Sequence[str]) -> str:
    """The id of the transaction that took that one back. Takes the lock. Blocks.

    SafeInstallError `not-the-last-change`, `preflight-failed` where the files are not as the change left them,
    `verify-failed`, BusyError, RecoveryNeededError; then everything is as before. OSError.
    """
    roots = tuple(root.absolute() for root in roots)
    with PlaceLock(state, areas_among(roots), "take back a change after starts that died"):
        now_last = last_committed(state)
        if now_last is None or now_last.id != last.id:
            raise SafeInstallError(
                "not-the-last-change", f"The change {last.id} is not the last one any more."
            )
        was = folder.load_steps(
            folder.transactions_dir(state) / last.id,
            folder.load_progress(state, last.id),
            roots=roots,
            state_dir=state,
        )
        back = [inverse(step) for step in reversed(was.steps)]
        remove_stray_bytecode(back, roots)
        scratch = next(iter(was.remove_on_commit), None)
        steps = tuple(_with_parents(fitted_to_bytecode(back, scratch)))
        refuse_impossible(steps, roots)
        target = str(last.summary.get("snapshot") or "")
        transaction = Transaction.begin(
            state,
            operation=f"rollback to {target}" if target else f"rollback of {last.id}",
            roots=roots,
            summary={
                **_in_force(state, target),
                "target": target,
                "changes": _turned_round(last.summary.get("changes")),
                "packs": _turned_round(last.summary.get("packs")),
                UNDOES: last.id,
            },
        )
        with transaction:
            stage = was.remove_on_commit
            transaction.set_steps(steps, remove_on_commit=(*stage, *_emptied(was)), remove_on_rollback=stage)
            transaction.advance(TransactionState.STAGED)
            transaction.advance(TransactionState.TRIED)
            before = list_installed(sites)
            transaction.apply()
            _verify(state, target, before, list_installed(sites))
            transaction.commit()
        return transaction.id


def _emptied(was: StepList) -> Iterator[Path]:
    """The payloads that the change made, and of which nothing is left but their notes."""
    aside = [step.target for step in was.steps if isinstance(step, Move)]
    for path in was.remove_on_rollback:
        if path not in was.remove_on_commit and any(path in target.parents for target in aside):
            yield path


def _with_parents(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps, and before them what makes the folders they need: those of the stage went with the commit."""
    made: set[Path] = set()
    for step in steps:
        parent = paths_of(step)[-1].parent
        missing = [
            each for each in (parent, *parent.parents) if each not in made and not os.path.lexists(each)
        ]
        for each in reversed(missing):
            made.add(each)
            yield MakeDir(each, _MODE)
        if isinstance(step, MakeDir):
            made.add(step.path)
        elif isinstance(step, Move):
            made.add(step.target)
        yield step


def _turned_round(changes: object) -> list[dict[str, object]]:
    """What takes changes back, as the history keeps it: by it the next look knows them for ours."""
    listed = [each for each in changes if isinstance(each, dict)] if isinstance(changes, list) else []
    turns = {"install": "remove", "remove": "install", "upgrade": "downgrade", "downgrade": "upgrade"}
    return [
        {
            **each,
            "action": turns.get(str(each.get("action")), each.get("action")),
            "from": each.get("to", ""),
            "to": each.get("from", ""),
        }
        for each in listed
    ]


def _in_force(state: Path, snapshot: str) -> dict[str, object]:
    """What is in force again: lock and decisions of the snapshot, under the key the history knows."""
    value = _snapshot(state, snapshot)
    decisions = value.get("decisions")
    return {
        IN_FORCE: {
            "lock": str(value.get("lock") or ""),
            "decisions": decisions if isinstance(decisions, list) else [],
        }
    }


def _snapshot(state: Path, snapshot: str) -> Mapping[str, object]:
    if not snapshot or Path(snapshot).name != snapshot:
        return {}
    value = fs.read_json(state / "snapshots" / f"{snapshot}.json")
    return value if isinstance(value, dict) else {}


def _verify(state: Path, target: str, before: Mapping[str, Listed], after: Mapping[str, Listed]) -> None:
    """Nothing where all that changed is as the snapshot has it; SafeInstallError `verify-failed` otherwise."""
    entries = _snapshot(state, target).get("distributions")
    known = {
        (str(each.get("name")), str(each.get("record_digest") or ""))
        for each in (entries if isinstance(entries, list) else ())
        if isinstance(each, dict)
    }
    names = {name for name, _ in known}
    came = [each for path, each in after.items() if before.get(path) != each]
    gone = {each.name for path, each in before.items() if path not in after} - {
        each.name for each in after.values()
    }
    wrong = [each.words for each in came if (each.name, each.digest) not in known]
    wrong += [f"{name} (gone)" for name in sorted(gone & names)]
    if wrong:
        raise SafeInstallError(
            "verify-failed", f"What came back is not what was there before: {', '.join(wrong[:3])}."
        )
