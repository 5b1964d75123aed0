"""After two starts that died following a change of ours, the change is taken back before any pack loads.

Done in a child process by our own command line, because the engine needs packages; where it cannot run, because they
are what is broken, by the standard library alone (`bare`). Each change is taken back once, and what was
taken back by itself is never taken back by itself again.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import SafeInstallError
from ..transaction.healings import Healing, HealingOutcome, now, read_healings, save_healing
from ..transaction.history import UNDOES, TransactionRecord, last_committed
from ..transaction.starts import Outcome, Start, is_running, settle_starts
from ..transaction.watch import FORMAT, read_object
from .watching import STARTED

_LOG = logging.getLogger("safe_install")

ENOUGH = 2
"""Starts in a row that died. One may be anything; a third would only make the user wait."""
_MOST_TRIES = 3
_SECONDS = 600.0
"""How long the child may take. Mostly everything lies beside and it takes a second."""
_WAIT = "20"
"""Seconds the child waits for another instance that is at work."""
_SHOWN = 5
"""Names in one sentence of the log."""
_BROKEN = frozenset({"", "dependency-broken", "internal-error", "program-not-found"})
"""Ends of the child that say that it could not work at all; every other error is a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The host that starts, as far as taking a change back needs to know it."""

    state: Path
    comfyui: Path
    custom_nodes: tuple[Path, ...]
    roots: tuple[Path, ...]
    """Folders in which files may be moved."""
    python: str
    """The interpreter whose environment is managed."""
    sites: tuple[str, ...]
    prefix: str
    surroundings: str
    entry: Path
    """Our `__main__.py`."""


def heal(place: Place) -> None:
    """Judge the last starts, and take the last change back where it seems to be what kills them; say so loudly.

    Blocks, for milliseconds where there is nothing to do. Raises SafeInstallError where our own files are damaged.
    """
    starts = settle_starts(place.state, os.environ.get(STARTED, ""))
    last = last_committed(place.state)
    if last is None:
        return
    after = [each for each in starts if each.transaction == last.id and each.prefix == place.prefix]
    if any(each.outcome is Outcome.UP for each in after):
        return
    died = [
        each for each in after if each.outcome is Outcome.DIED and each.surroundings == place.surroundings
    ]
    if not died or not _is_of_this_environment(place, last):
        return
    known = {each.transaction: each for each in read_healings(place.state)}
    if last.summary.get(UNDOES) in known:
        _say_what_else(last, len(died))
    elif len(died) < ENOUGH:
        _LOG.warning(
            "Safe Install: the last start ended before ComfyUI was up. If this one does too, the last change, %s "
            "(%s), is taken back by itself at the next one.",
            last.id,
            last.operation,
        )
    elif any(each.prefix == place.prefix and is_running(place.state, each) for each in starts):
        why = "another ComfyUI runs in this environment, so it is not taken back by itself"
        _say_what_to_type(place, Healing(transaction=last.id, operation=last.operation, deaths=()), why)
    else:
        _take_back(place, last, died, known.get(last.id))


def _take_back(place: Place, last: TransactionRecord, died: Sequence[Start], known: Healing | None) -> None:
    deaths = tuple(each.owner.since for each in died)
    healing = known or Healing(transaction=last.id, operation=last.operation, deaths=deaths)
    if healing.tries >= _MOST_TRIES:
        _say_what_to_type(place, healing, f"taking it back by itself failed {healing.tries} times")
        return
    _LOG.error(
        "Safe Install: ComfyUI ended %d times before it was up, each time since the change %s (%s). "
        "That change is taken back now, before any pack loads.",
        len(died),
        last.id,
        last.operation,
    )
    begun = replace(
        healing,
        deaths=deaths,
        tries=healing.tries + 1,
        at=now(),
        outcome=HealingOutcome.BEGUN,
        code="",
        message="",
    )
    save_healing(place.state, begun)  # First of all: where nothing can be written, nothing is begun.
    done = _by_the_command_line(place, begun)
    if done.outcome is HealingOutcome.FAILED and done.code in _BROKEN:
        _LOG.error("Safe Install: %s Trying it with Python's standard library alone.", done.message)
        done = _by_the_standard_library(place, begun, last)
    _remember(place.state, done)
    _say_what_came_of_it(place, done)


def _by_the_command_line(place: Place, healing: Healing) -> Healing:
    """What came of `rollback --undo` in a child. It refuses where that is not the last change any more."""
    try:
        from ..io.process import run

        environment = {name: value for name, value in os.environ.items() if name != STARTED}
        done = run(_command(place, healing.transaction), env=environment, cwd=place.comfyui, timeout=_SECONDS)
        answer = json.loads(done.stdout or "null")
    except SafeInstallError as error:
        return _failed(healing, error.code, error.message)
    except Exception as error:  # noqa: BLE001 - our own files may be what is broken
        return _failed(
            healing, "", f"The command line of Safe Install does not run: {type(error).__name__}: {error}."
        )
    if not isinstance(answer, dict):
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return _failed(
            healing, "", f"The command line of Safe Install ended with {done.returncode}: {said[:500]}."
        )
    fault = answer.get("error")
    if isinstance(fault, Mapping):
        return _failed(healing, str(fault.get("code") or ""), str(fault.get("message") or ""))
    applied, waiting = answer.get("applied"), answer.get("deferred")
    if isinstance(applied, Mapping):
        by = str(applied.get("transaction") or "")
        inexact = _inexact(answer.get("plan"))
        return replace(healing, outcome=HealingOutcome.DONE, by=by, how="usual", message=inexact)
    if isinstance(waiting, Mapping):
        by = str(waiting.get("transaction") or "")
        return replace(healing, outcome=HealingOutcome.WAITS, by=by, how="usual")
    return replace(healing, outcome=HealingOutcome.NEEDLESS)


def _inexact(plan: object) -> str:
    """What of a plan to go back does not come back byte for byte, in words; empty where all does."""
    items = plan.get("items") if isinstance(plan, Mapping) else None
    found = [
        f"{each.get('name')} ({str(each.get('how')).replace('-', ' ')})"
        for each in (items if isinstance(items, list) else ())
        if isinstance(each, Mapping) and each.get("how") not in ("exact", "remove")
    ]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"Not exactly as before: {', '.join(found[:_SHOWN])}{more}." if found else ""


def _command(place: Place, transaction: str) -> list[str]:
    folders = [word for each in place.custom_nodes for word in ("--custom-nodes", str(each))]
    return [
        *(sys.executable, *_interpreter_options(), str(place.entry)),
        *("--comfyui", str(place.comfyui), "--python", place.python, "--state", str(place.state), *folders),
        *("--json", "--no-color", "--wait", _WAIT, "rollback", "--undo", transaction, "--yes"),
    ]


def _interpreter_options() -> list[str]:
    """As the host was started, so that the child sees the same packages."""
    flags = sys.flags
    options = {"-B": flags.dont_write_bytecode, "-I": flags.isolated}
    if not flags.isolated:
        options |= {"-E": flags.ignore_environment, "-s": flags.no_user_site}
    return [name for name, is_set in options.items() if is_set]


def _by_the_standard_library(place: Place, healing: Healing, last: TransactionRecord) -> Healing:
    from .bare import take_back  # Seldom needed, and every start waits for what is imported.

    try:
        by = take_back(place.state, place.roots, last, place.sites)
    except (SafeInstallError, OSError) as error:
        code = error.code if isinstance(error, SafeInstallError) else "disk-error"
        message = error.message if isinstance(error, SafeInstallError) else str(error)
        return _failed(healing, code, message)
    return replace(healing, outcome=HealingOutcome.DONE, by=by, how="bare")


def _failed(healing: Healing, code: str, message: str) -> Healing:
    refused = code == "not-the-last-change"
    outcome = HealingOutcome.REFUSED if refused else HealingOutcome.FAILED
    return replace(healing, outcome=outcome, code=code, message=message)


def _remember(state: Path, done: Healing) -> None:
    """In the file of healings, and in the record beside every other decision made on the user's behalf."""
    with suppress(SafeInstallError):
        save_healing(state, done)
    if done.outcome not in (HealingOutcome.DONE, HealingOutcome.WAITS):
        return
    from ..transaction.deferred.settling import append_entries

    with suppress(OSError):
        append_entries(
            state,
            [
                {
                    "at": done.at,
                    "transaction": done.by,
                    "operation": "rollback after starts that died",
                    "undoes": done.transaction,
                    "undone": done.operation,
                    "deaths": list(done.deaths),
                }
            ],
        )


def _say_what_came_of_it(place: Place, done: Healing) -> None:
    if done.outcome is HealingOutcome.DONE:
        result = (
            f"{done.message or 'Everything is as it was before it.'} `safe-install rollback` brings it back."
            if done.how == "usual"
            else "What it changed is as it was before it. Install it again to have it back."
        )
        _LOG.error(
            "Safe Install: the change %s (%s) was taken back by itself. %s",
            done.transaction,
            done.operation,
            result,
        )
    elif done.outcome is HealingOutcome.WAITS:
        _LOG.error("Safe Install: files were in use; the change is taken back as soon as they are free.")
    elif done.outcome is HealingOutcome.NEEDLESS:
        _LOG.error(
            "Safe Install: the change %s has left nothing that could be taken back, so it is not what ends ComfyUI. %s",
            done.transaction,
            _ELSE,
        )
    elif done.outcome is HealingOutcome.REFUSED:
        _LOG.warning("Safe Install: it was not taken back: %s", done.message)
    else:
        _say_what_to_type(place, done, f"that failed: {done.message}")


def _say_what_to_type(place: Place, healing: Healing, why: str) -> None:
    command = f'"{sys.executable}" "{place.entry.parent}" rollback --undo {healing.transaction}'
    _LOG.error(
        "Safe Install: ComfyUI keeps ending before it is up since the change %s (%s), and %s "
        "Nothing was changed. Type this to take it back: %s",
        healing.transaction,
        healing.operation,
        f"{why}." if not why.endswith(".") else why,
        command,
    )


_ELSE = (
    "What else could be done: start with --disable-all-custom-nodes to see whether a pack is to blame; rename "
    "packs so that their names end in .disabled, one after the other; `safe-install verify` shows what others "
    "changed, `safe-install snapshot list` the states to go back to."
)


def _say_what_else(last: TransactionRecord, count: int) -> None:
    _LOG.error(
        "Safe Install: %s before ComfyUI was up, although the change %s was taken back; so it was "
        "probably not to blame (`safe-install rollback` brings it back). %s",
        "another start ended" if count == 1 else f"another {count} starts ended",
        last.summary.get(UNDOES),
        _ELSE,
    )


def _is_of_this_environment(place: Place, last: TransactionRecord) -> bool:
    """Whether that change was one of the environment that starts here, as the snapshot before it tells."""
    snapshot = str(last.summary.get("snapshot") or "")
    if not snapshot or os.path.basename(snapshot) != snapshot:  # noqa: PTH119 - a name, not a path
        return True
    value = read_object(place.state / "snapshots" / f"{snapshot}.json")
    prefix = value.get("prefix") if value.get("format") == FORMAT else None
    return (
        not isinstance(prefix, str)
        or not prefix
        or os.path.realpath(prefix) == os.path.realpath(place.prefix)
    )
