"""recover and history, which work when every package is broken: only the standard library is a must."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..transaction.history import TransactionRecord, read_transactions
from ..transaction.recover import deferred, recover, unfinished
from .console import Console, plain
from .places import find_comfyui, recovery_roots, state_folder


def run_recover(console: Console, args: argparse.Namespace) -> Mapping[str, object]:
    """Settle what an interrupted run has left; the JSON document."""
    comfyui = find_comfyui(args.comfyui)
    state = state_folder(comfyui, args.state)
    roots = roots_of(console, comfyui, args.python, state) if unfinished(state) else ()
    report = recover(state, roots)
    waiting = deferred(state)
    lines = [plain(line) for line in report.lines()] or ["Nothing to recover."]
    lines += [
        f"The change {plain(each)} waits for the next start of ComfyUI; see `safe-install deferred list`."
        for each in reversed(waiting)
    ]
    console.say(lines)
    return {"ok": True, **report.to_dict(), "deferred": list(waiting)}


def run_history(console: Console, args: argparse.Namespace) -> Mapping[str, object]:
    """Every transaction, newest first; the JSON document."""
    state = state_folder(find_comfyui(args.comfyui), args.state)
    records = tuple(reversed(read_transactions(state)))
    console.say(_history_lines(records))
    return {"ok": True, "transactions": [record.to_dict() for record in records]}


def roots_of(console: Console, comfyui: Path, python: Path | None, state: Path) -> tuple[Path, ...]:
    """The folders recovery may change things in: as every other command has them, else by simpler means."""
    try:
        from ..wiring import open_site

        return open_site(comfyui, python=python, state=state).roots
    except Exception as error:  # noqa: BLE001 - the crash may have broken anything this needs
        console.trace(error)
        return recovery_roots(comfyui, python, state)


def _history_lines(records: tuple[TransactionRecord, ...]) -> Iterator[str]:
    if not records:
        yield "No changes yet."
    for record in records:
        state = record.state.value if record.state else f"unreadable: {plain(record.problem)}"
        state = "waits for the next start" if record.deferred and not record.ended else state
        words = [record.started[:19], record.id, state, record.operation]
        yield "  ".join(plain(word) for word in words if word)
        yield from _archive_lines(record.summary)
        if record.deferred and record.tries:
            yield f"    tried in vain: {record.tries}"
        if record.was_deferred and record.reason:
            yield f"    it had waited for a start: {plain(record.reason)}"


def _archive_lines(summary: Mapping[str, object]) -> Iterator[str]:
    """What brings each pack of the Registry again that came then."""
    packs = summary.get("packs")
    for each in packs if isinstance(packs, list) else ():
        if isinstance(each, dict) and each.get("sha256"):
            yield f"    {plain(each.get('to', ''))}#sha256={plain(each['sha256'])}"
