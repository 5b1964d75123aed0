"""What waits for the next start: list it, apply it now, cancel it. The standard library alone is a must."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..transaction.deferred.news import mark_told, untold
from ..transaction.deferred.waiting import (
    APPLIED,
    MANY_TRIES,
    REFUSED,
    Attempt,
    Interpreter,
    Waiting,
    apply_waiting,
    cancel_waiting,
    find_waiting,
    list_waiting,
)
from .console import Console, plain
from .places import find_comfyui, state_folder
from .recovery import roots_of

Document = Mapping[str, object]


def run_deferred(console: Console, args: argparse.Namespace) -> tuple[Document, int]:
    """Carry out one of the actions; the JSON document and the exit code."""
    comfyui = find_comfyui(args.comfyui)
    state = state_folder(comfyui, args.state)
    if args.action == "list":
        waiting = list_waiting(state)
        console.say(waiting_lines(waiting))
        return {"ok": True, "deferred": [each.to_dict() for each in waiting]}, 0
    chosen = find_waiting(state, args.id).id if args.id else ""
    if args.action == "cancel":
        left = cancel_waiting(state, roots_of(console, comfyui, args.python, state), chosen)
        console.say([f"Cancelled: {plain(chosen)}. Nothing of it was live, and its stage is gone."])
        if left:
            console.note(f"In use and not deleted yet: {plain(', '.join(map(str, left)))}")
        return {"ok": True, "cancelled": chosen, "leftovers": [str(path) for path in left]}, 0
    return _apply(console, args, comfyui, state, chosen)


def waiting_lines(waiting: Sequence[Waiting]) -> Iterator[str]:
    """What waits, why, and what to do."""
    if not waiting:
        yield "Nothing waits for the next start."
        return
    for each in waiting:
        yield f"{plain(each.id)}  {plain(each.operation)}"
        if each.note is None:
            yield "  What it waits for cannot be read; it can only be cancelled."
        else:
            yield f"  {plain(each.note.said)}"
        if each.tries:
            yield f"  Tried in vain: {each.tries}"
        if each.tries >= MANY_TRIES:
            yield "  Waiting alone does not help: close what uses these files, then `safe-install deferred apply`."
    yield "Applied in this order when ComfyUI starts; or `safe-install deferred apply`, `... cancel ID`."


def tell_news(console: Console, args: argparse.Namespace) -> None:
    """Say once what a start made of waiting changes. Never in the way of the command."""
    with suppress(Exception):
        state = state_folder(find_comfyui(args.comfyui), args.state)
        news = untold(state)
        console.note(*(plain(each.line) for each in news))
        if not console.as_json:  # Then nobody may have read it.
            mark_told(state, news)


def _apply(
    console: Console, args: argparse.Namespace, comfyui: Path, state: Path, chosen: str
) -> tuple[Document, int]:
    from ..wiring import open_site

    site = open_site(comfyui, python=args.python, state=state)
    version = ".".join(site.python.version.split(".")[:2])
    interpreter = Interpreter(version=version, prefix=site.python.prefix)
    attempts = apply_waiting(state, site.roots, interpreter, only=chosen)
    console.say([plain(each.line) for each in attempts] or ["Nothing waits for the next start."])
    mark_told(state, untold(state))
    code = _exit_code(attempts)
    return {"ok": code == 0, "attempts": [each.to_dict() for each in attempts]}, code


def _exit_code(attempts: Sequence[Attempt]) -> int:
    """0 when all were applied, 3 when the others were refused, 1 when something failed or is in use."""
    others = {each.outcome for each in attempts} - {APPLIED}
    return 0 if not others else 3 if others == {REFUSED} else 1
